"""Settings of both platforms: the tables are sound, values round-trip, bad ones are refused."""

import string
from collections import Counter
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import RemoteError
from protocol.kktpc import settings_2_5, settings_5_0
from protocol.kktpc.setting_types import (
    CellForm,
    Setting,
    SettingError,
    SettingFault,
    SettingKind,
    SettingValue,
)
from protocol.kktpc.settings import (
    SETTINGS,
    cell_contains,
    cell_length,
    decode_cell,
    decode_value,
    describe_allowed,
    encode_cell,
    encode_value,
    find,
    parse,
    read_back,
)
from protocol.kktpc.text import CP866, INTERNAL
from protocol.platforms import Platform
from tests.examples import examples

V2_5, V5_0 = Platform.V2_5, Platform.V5_0
ALL = (*settings_2_5.SETTINGS, *settings_5_0.SETTINGS)
IN_CELLS = [setting for setting in settings_2_5.SETTINGS if setting.reachable]
SAYABLE = sorted(set(CP866.codes) & set(INTERNAL.codes))


def named(setting: Setting) -> str:
    return f"{setting.platform}-{setting.number}"


each_setting = pytest.mark.parametrize("setting", ALL, ids=named)


def texts(setting: Setting) -> st.SearchStrategy[str]:
    longest = setting.max_length
    host = st.text(string.ascii_lowercase + string.digits + ".-", min_size=1, max_size=30)
    path = st.text(string.ascii_lowercase + "/", max_size=30)
    return {
        CellForm.TEXT: st.text(SAYABLE, max_size=longest),
        CellForm.DIGITS: st.text(string.digits, min_size=1, max_size=max(longest, 1)),
        CellForm.ADDRESS: st.integers(0, 2**32 - 1).map(lambda number: str(IPv4Address(number))),
        CellForm.CABINET: st.one_of(
            st.just(""), host, st.builds(lambda h, p: f"{h}/{p}", host, path)
        ),
    }[setting.form]


def values(setting: Setting) -> st.SearchStrategy[SettingValue]:
    """Values that the setting takes."""
    if setting.kind is SettingKind.BOOL:
        return st.booleans()
    if setting.kind is SettingKind.LIST:
        return st.sampled_from(sorted(setting.choices))
    if setting.kind is SettingKind.STRING:
        return texts(setting)
    return st.one_of(*(st.integers(low, high) for low, high in setting.ranges))


# ---- the tables ---------------------------------------------------------------------------------


def test_every_setting_is_listed_once() -> None:
    assert len(SETTINGS[V2_5]) == len(settings_2_5.SETTINGS) == 323
    assert len(SETTINGS[V5_0]) == len(settings_5_0.SETTINGS) == 145
    assert len(IN_CELLS) == 256


def test_only_bits_share_a_cell() -> None:
    cells = Counter(setting.cell for setting in IN_CELLS)
    for setting in IN_CELLS:
        assert (setting.form is CellForm.BIT) == (cells[setting.cell] > 1)
    bits = Counter(
        (setting.cell, setting.bit) for setting in IN_CELLS if setting.form is CellForm.BIT
    )
    assert set(bits.values()) == {1}
    assert max(setting.bit for setting in IN_CELLS) < 8


@each_setting
def test_each_setting_describes_its_allowed_values(setting: Setting) -> None:
    assert setting.name_ru == setting.name_ru.strip() != ""
    assert 0 <= setting.number <= 0xFFFF
    assert bool(setting.choices) == (setting.kind in (SettingKind.BOOL, SettingKind.LIST))
    assert bool(setting.ranges) == (setting.kind in (SettingKind.INT, SettingKind.COLOR))
    assert bool(setting.lengths) == (setting.kind is SettingKind.STRING)
    assert all(low < high for low, high in setting.ranges)
    assert set(describe_allowed(setting)) == {"ru", "en"} and all(
        describe_allowed(setting).values()
    )
    if setting.kind is SettingKind.BOOL or setting.form is CellForm.BIT:
        assert set(setting.choices) == {0, 1}


@each_setting
def test_passwords_are_secret(setting: Setting) -> None:
    hidden = setting.kind is SettingKind.STRING and setting.name_ru.startswith(("Пароль", "PIN"))
    assert setting.secret == hidden


# ---- finding ------------------------------------------------------------------------------------


@each_setting
def test_each_setting_is_found_by_its_number(setting: Setting) -> None:
    assert find(setting.platform, setting.number) is setting
    assert find(setting.platform, str(setting.number)) is setting


@pytest.mark.parametrize("setting", IN_CELLS, ids=named)
def test_each_cell_is_found(setting: Setting) -> None:
    if setting.form is CellForm.BIT:
        with pytest.raises(SettingError) as refusal:
            find(V2_5, str(setting.cell))
        assert refusal.value.fault is SettingFault.AMBIGUOUS
        assert str(setting.number) in refusal.value.describe("ru")
    else:
        assert find(V2_5, str(setting.cell)) is setting


@pytest.mark.parametrize(
    "key", ["278", "Т19Р1П9", "т19р1п9", "T19R1F9", "t19r1f9", "T19P1P9", " 19.1.9 "]
)
def test_a_cell_is_found_by_each_spelling(key: str) -> None:
    assert find(V2_5, key).number == 278


@pytest.mark.parametrize(
    "key", ["", "999", "-278", "Т19Р1", "Т19Р1П99", "19.1", "2 78", "278\n9", "9" * 5000, "٢٧٨"]
)
@pytest.mark.parametrize("platform", Platform)
def test_an_unknown_key_is_refused(platform: Platform, key: str) -> None:
    with pytest.raises(SettingError) as refusal:
        find(platform, key)
    assert refusal.value.code == "setting_unknown"
    assert len(str(refusal.value)) < 200


def test_platform_5_0_has_no_cells() -> None:
    with pytest.raises(SettingError):
        find(V5_0, "Т19Р1П9")


# ---- checking -----------------------------------------------------------------------------------


@each_setting
def test_values_of_the_wrong_type_are_refused(setting: Setting) -> None:
    wrong: list[Any] = [None, 1.5, [], {}, b"1", "", "nonsense!", " 1", "1e3", "٣", 2**40, -(2**40)]
    good: set[str] = (
        {"", "nonsense!", " 1", "1e3", "٣"} if setting.kind is SettingKind.STRING else set()
    )
    for value in wrong:
        if isinstance(value, str) and value in good:
            continue
        with pytest.raises(SettingError) as refusal:
            parse(setting, value)
        assert refusal.value.code == "setting_value"
        assert refusal.value.key == str(setting.number)
        assert describe_allowed(setting)["ru"] in refusal.value.describe("ru")


@pytest.mark.parametrize(
    ("platform", "number", "value", "kept"),
    [
        (V2_5, 2, "1", True),
        (V2_5, 2, 0, False),
        (V2_5, 2, "False", False),
        (V2_5, 279, "80", 80),
        (V2_5, 50, "32", 32),
        (V5_0, 394, "-128", -128),
        (V2_5, 181, "30", "00000030"),
        (V2_5, 326, "", "0.0.0.0"),
        (V5_0, 364, 0xFFFFFF, 0xFFFFFF),
        (V2_5, 309, 4294967295, 4294967295),
        (V2_5, 0, 255, 255),
        (V5_0, 184, "Спасибо 🙂", "Спасибо 🙂"),
    ],
)
def test_equal_values_have_one_form(
    platform: Platform, number: int, value: SettingValue, kept: SettingValue
) -> None:
    assert parse(find(platform, number), value) == kept
    assert type(parse(find(platform, number), value)) is type(kept)


@pytest.mark.parametrize(
    ("platform", "number", "value"),
    [
        (V2_5, 2, 2),
        (V2_5, 279, 0),
        (V2_5, 279, 65536),
        (V2_5, 279, True),
        (V2_5, 50, 3),
        (V2_5, 50, True),
        (V2_5, 0, 256),
        (V2_5, 11, "12345"),
        (V2_5, 11, ""),
        (V2_5, 11, "12a"),
        (V2_5, 11, "1\n"),
        (V2_5, 122, "x" * 65),
        (V2_5, 122, "Спасибо 🙂"),
        (V2_5, 122, "two\nlines"),
        (V2_5, 275, "8.8.8"),
        (V2_5, 275, "8.8.8.256"),
        (V2_5, 275, "::1"),
        (V2_5, 278, "/kkt"),
        (V2_5, 278, "касса.рф/kkt"),
        (V2_5, 278, "a b"),
        (V2_5, 278, "h" * 60 + "/kkt"),
        (V2_5, 150, 770000000000),
        (V5_0, 184, "nul\0"),
        (V5_0, 184, "\ud800"),
        (V5_0, 184, "x" * 251),
        (V5_0, 364, 0x1000000),
        (V5_0, 394, 128),
    ],
)
def test_values_out_of_bounds_are_refused(
    platform: Platform, number: int, value: SettingValue
) -> None:
    with pytest.raises(SettingError) as refusal:
        parse(find(platform, number), value)
    assert refusal.value.fault is SettingFault.VALUE


def test_a_refusal_never_shows_the_value() -> None:
    with pytest.raises(SettingError) as refusal:
        encode_cell(find(V2_5, 181), "hunter2hunter2", 4)
    error = refusal.value
    assert "hunter2" not in f"{error} {error!r} {error.describe('ru')} {error.__cause__}"


# ---- cells of platform 2.5 ----------------------------------------------------------------------


@given(st.data())
@hypothesis.settings(max_examples=examples(500))
def test_cells_round_trip(data: st.DataObject) -> None:
    setting = data.draw(st.sampled_from(IN_CELLS), "setting")
    value = data.draw(values(setting), "value")
    length = cell_length(setting)
    before = data.draw(st.binary(min_size=length, max_size=length), "before")
    written = encode_cell(setting, value, length, before)
    assert len(written) == length
    raw = read_back(setting, written)
    assert cell_contains(setting, value, raw)
    read = decode_cell(setting, raw)
    expected = parse(setting, value)
    if setting.form is CellForm.TEXT:
        assert isinstance(expected, str)
        expected = expected.rstrip("А")
    assert read == expected and type(read) is type(expected)


@given(setting=st.sampled_from(IN_CELLS), raw=st.binary(max_size=70))
@hypothesis.settings(max_examples=examples(500))
def test_hostile_cells(setting: Setting, raw: bytes) -> None:
    try:
        value = decode_cell(setting, raw)
    except RemoteError:
        return
    assert isinstance(
        value, {SettingKind.BOOL: bool, SettingKind.STRING: str}.get(setting.kind, int)
    )


@given(before=st.binary(min_size=1, max_size=2), value=st.booleans())
def test_neighbours_in_a_cell_are_left_alone(before: bytes, value: bool) -> None:
    changed = find(V2_5, 43)
    after = encode_cell(changed, value, len(before), before)
    for setting in IN_CELLS:
        if setting.cell == changed.cell and setting is not changed:
            assert decode_cell(setting, after) == decode_cell(setting, before)
    assert decode_cell(changed, after) is value
    assert int.from_bytes(after) & 0x80 == int.from_bytes(before) & 0x80


def test_bits_need_the_cells_current_value() -> None:
    with pytest.raises(SettingError) as refusal:
        encode_cell(find(V2_5, 43), True, 1)
    assert refusal.value.fault is SettingFault.CELL


# Values as the ATOL Connect manual and the manufacturer's driver have them on the wire.
CELL_VECTORS = [
    (278, "service.atol.ru/kkt", b"service.atol.ru\0/kkt".ljust(64, b"\0")),
    (278, "ks.atol.ru", b"ks.atol.ru".ljust(64, b"\0")),
    (279, 80, bytes.fromhex("0050")),
    (279, 8080, bytes.fromhex("1f90")),
    (274, 7777, bytes.fromhex("1e61")),
    (50, 2, b"\x02"),
    (275, "8.8.4.4", b"\x08\x08\x04\x04"),
    (181, "30", bytes.fromhex("00000030")),
    (122, "Ия№", bytes.fromhex("88effc").ljust(64, b"\0")),
]


@pytest.mark.parametrize(("number", "value", "cell"), CELL_VECTORS)
def test_cells_have_the_recorded_bytes(number: int, value: SettingValue, cell: bytes) -> None:
    setting = find(V2_5, number)
    assert encode_cell(setting, value, len(cell)) == cell
    assert cell_length(setting) == len(cell)


def test_a_name_is_read_in_the_internal_code_page() -> None:
    assert decode_cell(find(V2_5, 122), bytes.fromhex("088c80240000")) == "Има№"
    assert decode_cell(find(V2_5, 122), bytes(64)) == ""


def test_a_capital_a_at_the_end_is_lost_in_reading_but_not_in_verifying() -> None:
    setting = find(V2_5, 122)
    raw = read_back(setting, encode_cell(setting, "ИВАНОВА", 64))
    assert decode_cell(setting, raw) == "ИВАНОВ"
    assert cell_contains(setting, "ИВАНОВА", raw)
    assert not cell_contains(setting, "ПЕТРОВА", raw)


def test_a_cabinet_without_a_path_clears_the_stored_path() -> None:
    setting = find(V2_5, 278)
    before = encode_cell(setting, "service.atol.ru/kkt", 64)
    after = encode_cell(setting, "ks.atol.ru", 64, before)
    assert decode_cell(setting, after) == "ks.atol.ru"
    assert b"kkt" not in after


@pytest.mark.parametrize(
    ("number", "value", "length"),
    [(279, 80, 0), (279, 256, 1), (278, "ks.atol.ru", 9), (275, "1.2.3.4", 5), (181, "12345", 2)],
)
def test_a_cell_too_small_is_refused(number: int, value: SettingValue, length: int) -> None:
    with pytest.raises(SettingError) as refusal:
        encode_cell(find(V2_5, number), value, length, bytes(length))
    assert refusal.value.code == "setting_cell"


@pytest.mark.parametrize(
    "attempt",
    [
        cell_length,
        lambda setting: encode_cell(setting, 1, 1),
        lambda setting: decode_cell(setting, b"\0"),
    ],
)
def test_a_setting_without_a_cell_cannot_be_reached(attempt: Callable[[Setting], Any]) -> None:
    for setting in set(settings_2_5.SETTINGS) - set(IN_CELLS):
        with pytest.raises(SettingError) as refusal:
            attempt(setting)
        assert refusal.value.fault is SettingFault.UNREACHABLE


# ---- values of platform 5.0 ---------------------------------------------------------------------


@given(st.data())
@hypothesis.settings(max_examples=examples(500))
def test_values_round_trip(data: st.DataObject) -> None:
    setting = data.draw(st.sampled_from(settings_5_0.SETTINGS), "setting")
    value = data.draw(values(setting), "value")
    read = decode_value(setting, encode_value(setting, value))
    assert read == parse(setting, value) and type(read) is type(value)


@given(setting=st.sampled_from(ALL), raw=st.binary(max_size=10))
@hypothesis.settings(max_examples=examples(500))
def test_hostile_values(setting: Setting, raw: bytes) -> None:
    expected = RemoteError if setting.platform is V5_0 else SettingError
    try:
        value = decode_value(setting, raw)
    except expected:
        return
    assert isinstance(
        value, {SettingKind.BOOL: bool, SettingKind.STRING: str}.get(setting.kind, int)
    )


@pytest.mark.parametrize(
    ("number", "value", "raw"),
    [
        (278, "ks.atol.ru", "6b732e61746f6c2e7275"),
        (279, 80, "00000050"),
        (394, -128, "ffffff80"),
        (9, True, "01"),
        (364, 0xFF8000, "00ff8000"),
        (184, "Чек", "d0a7d0b5d0ba"),
        (184, "", ""),
    ],
)
def test_values_have_the_specified_bytes(number: int, value: SettingValue, raw: str) -> None:
    assert encode_value(find(V5_0, number), value).hex() == raw
    assert decode_value(find(V5_0, number), bytes.fromhex(raw)) == value


def test_platform_2_5_has_no_numbered_values() -> None:
    with pytest.raises(SettingError):
        encode_value(find(V2_5, 279), 80)


def test_the_platform_has_a_code_on_the_wire() -> None:
    assert [platform.wire_code for platform in Platform] == [25, 50]
    assert Platform.from_wire(50) is V5_0
    with pytest.raises(RemoteError):
        Platform.from_wire(51)
