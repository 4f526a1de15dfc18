"""The register as a pure object: its life, its readings, its commands."""

from datetime import UTC, datetime, timedelta

import pytest

from protocol import telemetry
from protocol.kktpc import commands, registers, result_codes, settings
from protocol.kktpc.commands import CommandFailed
from protocol.kktpc.setting_types import Cell, CellForm, Setting, SettingKind, SettingValue
from protocol.platforms import Platform
from simulator.register.factory_data import OFD, OWNERS, registration_number
from simulator.register.failures import ResultCode
from simulator.register.fiscal_drive import CAPACITY, DriveError, Phase
from simulator.register.simulated_register import SimulatedRegister
from tests.simulator.conftest import NOON, MakeRegister

BOTH = list(Platform)
TWO_WEEKS = timedelta(days=14)
ENTER_PROGRAMMING = commands.encode_request("enter_mode", mode=4, password="00000030")


def ask(register: SimulatedRegister, name: str, /, **fields: object) -> object:
    command = commands.command_named(name)
    request = commands.encode_request(command, **fields)
    return commands.parse_answer(command, register.execute(request, NOON))


# ---- readings -----------------------------------------------------------------------------------


@pytest.mark.parametrize("platform", BOTH)
@pytest.mark.parametrize("seed", range(5))
def test_every_field_round_trips(
    make_register: MakeRegister, platform: Platform, seed: int
) -> None:
    register = make_register(platform, seed)
    for hours in range(0, 48, 5):
        reading = register.reading(NOON + timedelta(hours=hours))
        assert set(reading) == set(telemetry.BY_NAME)
        decoded = telemetry.decode(telemetry.BLOCK_VERSION, telemetry.encode(reading))
        assert decoded == {name: to_the_second(value) for name, value in reading.items()}


def to_the_second(value: object) -> object:
    return value.replace(microsecond=0) if isinstance(value, datetime) else value


def test_reading_number_grows_with_each_reading(make_register: MakeRegister) -> None:
    register = make_register()
    numbers = [register.reading(NOON)["reading_number"] for _ in range(3)]
    assert numbers == [1, 2, 3]


def test_every_fault_shows_in_the_reading(make_register: MakeRegister) -> None:
    register = make_register()
    register.drive.failure = DriveError.FAILURE
    faults = register.faults
    faults.ofd_error, faults.paper_out, faults.low_battery_mv = 5, True, 1900
    faults.hardware_error, faults.clock_skew_s = 3, -3600
    reading = register.reading(NOON)
    assert reading["fiscal_drive_error"] == DriveError.FAILURE
    assert reading["fiscal_drive_warnings"] == ["critical_error"]
    assert (reading["ofd_error"], reading["printer"]) == (5, ["no_paper"])
    assert (reading["battery_mv"], reading["hardware_error"]) == (1900, 3)
    assert reading["clock"] == NOON - timedelta(hours=1)


# ---- life ---------------------------------------------------------------------------------------


def test_the_state_does_not_depend_on_how_often_time_advances(make_register: MakeRegister) -> None:
    often, once = make_register(seed=7), make_register(seed=7)
    for minutes in range(0, 3 * 24 * 60, 7):
        often.advance_to(NOON + timedelta(minutes=minutes))
    end = NOON + timedelta(days=3)
    assert often.reading(end) == once.reading(end)


def test_a_shop_opens_sells_and_closes(make_register: MakeRegister) -> None:
    register = make_register()
    states, documents = set(), []
    for hour in range(24 * 3):
        reading = register.reading(NOON + timedelta(hours=hour))
        states.add(reading["shift_state"])
        documents.append(reading["documents"])
    assert states == {"open", "closed"}
    assert documents == sorted(documents)
    assert documents[-1] - documents[0] > 3 * 20
    assert reading["cuts"] > 0 and reading["printed_m"] > 0 and reading["uptime_h"] > 70


def test_time_that_goes_back_changes_nothing(make_register: MakeRegister) -> None:
    register = make_register()
    register.advance_to(NOON + timedelta(days=1))
    before = register.drive.documents
    register.advance_to(NOON)
    assert (register.drive.documents, register.lived_until) == (before, NOON + timedelta(days=1))


def test_the_drive_stops_after_thirty_days_without_ofd(
    make_register: MakeRegister,
) -> None:
    register = make_register()
    register.faults.ofd_down = True
    first = register.reading(NOON)
    assert first["network_error"] and first["unsent_documents"] > 0
    assert first["first_unsent_at"] is not None
    late = register.reading(NOON + timedelta(days=3))
    assert late["unsent_documents"] > first["unsent_documents"]
    assert "ofd_timeout" in late["fiscal_drive_warnings"]
    dead = register.reading(NOON + timedelta(days=40))
    assert dead["fiscal_drive_error"] == DriveError.OFD_WAIT_EXHAUSTED
    assert register.reading(NOON + timedelta(days=50))["documents"] == dead["documents"]

    register.faults.ofd_down = False
    back = register.reading(NOON + timedelta(days=51))
    assert (back["unsent_documents"], back["first_unsent_at"]) == (0, None)
    assert back["fiscal_drive_error"] == DriveError.NONE


def test_a_forgotten_shift_expires_and_sells_nothing_more(make_register: MakeRegister) -> None:
    register = make_register()
    assert register.reading(NOON)["shift_state"] == "open"
    register.faults.shift_forgotten = True
    expired = register.reading(NOON + timedelta(days=1))
    assert expired["shift_state"] == "expired"
    later = register.reading(NOON + timedelta(days=3))
    assert later["documents"] == expired["documents"]
    assert not register.open_shift(NOON + timedelta(days=3))
    assert register.close_shift(NOON + timedelta(days=3))
    assert not register.close_shift(NOON + timedelta(days=3))


def test_without_paper_nothing_is_sold(make_register: MakeRegister) -> None:
    register = make_register()
    before = register.reading(NOON)["documents"]
    register.faults.paper_out = True
    assert register.reading(NOON + timedelta(hours=3))["documents"] == before


@pytest.mark.parametrize(
    ("days_left", "warnings"),
    [(40, []), (20, ["resource_ending"]), (2, ["replace_urgently", "resource_ending"])],
)
def test_a_drive_warns_before_its_end(
    make_register: MakeRegister, days_left: int, warnings: list[str]
) -> None:
    drive = make_register().drive
    assert drive.warnings(drive.valid_until - timedelta(days=days_left)) == warnings


def test_a_drive_signs_only_what_it_can(make_register: MakeRegister) -> None:
    drive = make_register().drive
    drive.documents = CAPACITY - 2
    assert "memory_full" in drive.warnings(NOON)
    assert [drive.sign(count, NOON) for count in (5, 1, 0, -1)] == [2, 0, 0, 0]
    assert drive.error(NOON) is DriveError.ARCHIVE_FULL
    drive.documents = 10
    assert drive.error(drive.valid_until) is DriveError.LIFE_EXPIRED
    drive.close()
    assert (drive.phase, drive.error(NOON)) == (Phase.POST_FISCAL, DriveError.WRONG_STATE)


def test_invented_numbers_have_correct_check_digits() -> None:
    assert registration_number(3, "3026455760", "00107703864827") == "0000000003027865"
    assert registration_number(5, "7702203276", "000000000002") == "0000000005008570"
    assert all(inn_is_right(company.inn) for company in (*OWNERS, OFD))
    assert not inn_is_right("7701000018")


def inn_is_right(inn: str) -> bool:
    weights = (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)
    digits = [int(digit) for digit in inn]
    places = (9,) if len(inn) == 10 else (10, 11)
    return all(
        digits[place]
        == sum(d * w for d, w in zip(digits[:place], weights[11 - place :], strict=True)) % 11 % 10
        for place in places
    )


# ---- commands -----------------------------------------------------------------------------------


@pytest.mark.parametrize("platform", BOTH)
@pytest.mark.parametrize("name", ["read_state", "read_state_code", "read_type"])
def test_state_commands_are_answered(
    make_register: MakeRegister, platform: Platform, name: str
) -> None:
    answer = ask(make_register(platform), name)
    assert isinstance(answer, dict)


@pytest.mark.parametrize("platform", BOTH)
@pytest.mark.parametrize("row", registers.REGISTERS, ids=lambda row: row.name)
def test_every_register_is_answered(
    make_register: MakeRegister, platform: Platform, row: registers.InternalRegister
) -> None:
    answer = ask(make_register(platform), "read_register", register=row.number)
    assert isinstance(answer, dict)
    value = registers.parse_register(row, answer["data"])
    if row.name == "serial_number":
        assert value == {"serial_number": "00106101234567"}


def test_the_state_shows_the_shift_and_the_clock(make_register: MakeRegister) -> None:
    register = make_register()
    state = ask(register, "read_state")
    assert isinstance(state, dict)
    assert state["flags"]["shift_open"] and state["flags"]["paper_present"]
    assert state["clock"] == register.local_clock(NOON).replace(tzinfo=None)
    assert state["short_serial"] == "01234567"


@pytest.mark.parametrize(
    ("source", "version"), [(0x01, (3, 0, "3689")), (0x03, (3, 0, "1010")), (0x91, (3, 0, "7942"))]
)
def test_each_version_source_is_answered(
    make_register: MakeRegister, source: int, version: tuple[int, int, str]
) -> None:
    answer = ask(make_register(), "read_version", source=source)
    assert isinstance(answer, dict)
    assert (answer["major"], answer["minor"], answer["build"]) == version


@pytest.mark.parametrize(
    ("platform", "request_hex", "code"),
    [
        (Platform.V2_5, "", ResultCode.WRONG_MODE),
        (Platform.V2_5, "ef09", ResultCode.WRONG_MODE),
        (Platform.V2_5, "d10116", ResultCode.WRONG_MODE),
        (Platform.V2_5, "46130001", ResultCode.WRONG_LENGTH),
        (Platform.V2_5, "4500", ResultCode.WRONG_LENGTH),
        (Platform.V2_5, "9102 0000", ResultCode.WRONG_REGISTER),
        (Platform.V2_5, "9d77", ResultCode.WRONG_FORMAT),
        (Platform.V2_5, "46ee000109", ResultCode.WRONG_TABLE),
        (Platform.V2_5, "4613ffff09", ResultCode.WRONG_ROW),
        (Platform.V2_5, "46130001ee", ResultCode.WRONG_FIELD),
        (Platform.V2_5, "560400000031", ResultCode.WRONG_PASSWORD),
        (Platform.V2_5, "560900000030", ResultCode.WRONG_MODE),
        (Platform.V5_0, "4613000109", ResultCode.WRONG_MODE),
        (Platform.V5_0, "560400000030", ResultCode.WRONG_MODE),
        (Platform.V5_0, "d1ffff", ResultCode.WRONG_FIELD),
        (Platform.V5_0, "d0ffff00", ResultCode.WRONG_FIELD),
    ],
)
def test_bad_commands_are_refused_by_code(
    make_register: MakeRegister, platform: Platform, request_hex: str, code: ResultCode
) -> None:
    answer = make_register(platform).execute(bytes.fromhex(request_hex), NOON)
    assert answer == bytes((0x55, code, 0))


def test_every_code_that_is_answered_has_a_text() -> None:
    assert set(ResultCode) <= set(result_codes.RESULT_CODES)


# ---- settings -----------------------------------------------------------------------------------


def a_value(setting: Setting) -> SettingValue:
    """A value that the setting allows and, where it can, one that no factory wrote."""
    values: dict[SettingKind, SettingValue] = {
        SettingKind.BOOL: True,
        SettingKind.LIST: max(setting.choices, default=0),
        SettingKind.INT: max((high for _, high in setting.ranges), default=0),
        SettingKind.COLOR: 0x123456,
        SettingKind.STRING: "10.1.2.3" if setting.form is CellForm.ADDRESS else "1",
    }
    value = values[setting.kind]
    return min(value, 0x7FFFFFFF) if isinstance(value, int) else value


CELL_SETTINGS = [setting for setting in settings.SETTINGS[Platform.V2_5].values() if setting.cell]


@pytest.mark.parametrize("setting", CELL_SETTINGS, ids=lambda setting: str(setting.number))
def test_every_cell_is_written_and_read_back(make_register: MakeRegister, setting: Setting) -> None:
    register = make_register()
    register.execute(ENTER_PROGRAMMING, NOON)
    assert setting.cell is not None
    cell = setting.cell._asdict()
    before = ask(register, "read_table", **cell)
    assert isinstance(before, dict)
    value = settings.parse(setting, a_value(setting))
    raw = settings.encode_cell(setting, value, len(before["value"]), before["value"])
    assert isinstance(ask(register, "write_table", **cell, value=raw), dict)
    after = ask(register, "read_table", **cell)
    assert isinstance(after, dict)
    assert settings.cell_contains(setting, value, after["value"])


@pytest.mark.parametrize(
    "setting", settings.SETTINGS[Platform.V5_0].values(), ids=lambda setting: str(setting.number)
)
def test_every_number_is_written_and_read_back(
    make_register: MakeRegister, setting: Setting
) -> None:
    register = make_register(Platform.V5_0)
    value = settings.parse(setting, a_value(setting))
    raw = settings.encode_value(setting, value)
    assert isinstance(ask(register, "write_setting", number=setting.number, value=raw), dict)
    answer = ask(register, "read_setting", number=setting.number)
    assert isinstance(answer, dict)
    assert settings.decode_value(setting, answer["value"]) == value


def test_a_name_is_written_in_cp866_and_read_in_the_internal_page(
    make_register: MakeRegister,
) -> None:
    register = make_register()
    register.execute(ENTER_PROGRAMMING, NOON)
    cashier = settings.find(Platform.V2_5, 122)
    raw = settings.encode_cell(cashier, "Иванова Ё", settings.cell_length(cashier))
    assert raw.startswith("Иванова Ё".encode("cp866"))
    ask(register, "write_table", table=3, row=1, field=2, value=raw)
    answer = ask(register, "read_table", table=3, row=1, field=2)
    assert isinstance(answer, dict)
    assert answer["value"].startswith(bytes.fromhex("0882808d8e828020f0"))


def test_tables_are_written_only_in_programming_mode(make_register: MakeRegister) -> None:
    register = make_register()
    write = commands.encode_request("write_table", table=19, row=1, field=10, value=b"\x1f\x90")
    assert register.execute(write, NOON) == b"\x55\x66\x00"
    register.execute(ENTER_PROGRAMMING, NOON)
    assert register.execute(write, NOON) == b"\x55\x00\x00"
    register.power_cycle()
    assert register.execute(write, NOON) == b"\x55\x66\x00"
    assert register.memory.value(279) == 8080


@pytest.mark.parametrize(
    ("cell", "raw", "code"),
    [
        (Cell(19, 1, 10), b"\x00\x00", ResultCode.WRONG_FORMAT),
        (Cell(19, 1, 10), b"\x50", ResultCode.WRONG_LENGTH),
        (Cell(19, 1, 4), b"\x09", ResultCode.WRONG_FORMAT),
        (Cell(3, 30, 1), b"\xaa\xbb\xcc\xdd", ResultCode.WRONG_FORMAT),
    ],
)
def test_a_bad_value_changes_no_cell(
    make_register: MakeRegister, cell: Cell, raw: bytes, code: ResultCode
) -> None:
    register = make_register()
    register.execute(ENTER_PROGRAMMING, NOON)
    before = ask(register, "read_table", **cell._asdict())
    answer = ask(register, "write_table", **cell._asdict(), value=raw)
    assert answer == CommandFailed(code)
    assert ask(register, "read_table", **cell._asdict()) == before


def test_a_bad_value_changes_no_number(make_register: MakeRegister) -> None:
    register = make_register(Platform.V5_0)
    for raw in (b"", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"80"):
        answer = ask(register, "write_setting", number=279, value=raw)
        assert answer == CommandFailed(ResultCode.WRONG_FORMAT)
    assert register.memory.value(279) == 80


def test_settings_show_in_the_reading(make_register: MakeRegister) -> None:
    register = make_register(Platform.V5_0)
    for number, value in ((273, "kkt.example"), (274, 21101), (276, 3)):
        setting = settings.find(Platform.V5_0, number)
        raw = settings.encode_value(setting, value)
        ask(register, "write_setting", number=number, value=raw)
    reading = register.reading(NOON)
    assert (reading["ofd_host"], reading["ofd_port"]) == ("kkt.example", 21101)
    assert reading["ofd_channel"] == reading["statistics_interface"] == "wifi"


def test_an_inexpressible_host_name_does_not_stop_the_reading(
    make_register: MakeRegister,
) -> None:
    register = make_register(Platform.V5_0)
    raw = settings.encode_value(settings.find(Platform.V5_0, 273), "日本" * 32)
    ask(register, "write_setting", number=273, value=raw)
    telemetry.encode(register.reading(NOON))


def test_registers_do_not_share_written_settings(make_register: MakeRegister) -> None:
    one, other = make_register(Platform.V5_0), make_register(Platform.V5_0)
    ask(one, "write_setting", number=279, value=(8080).to_bytes(4, "big"))
    assert (one.memory.value(279), other.memory.value(279)) == (8080, 80)


def test_clock_is_aware(make_register: MakeRegister) -> None:
    assert make_register().reading(NOON)["clock"].astimezone(UTC) == NOON
