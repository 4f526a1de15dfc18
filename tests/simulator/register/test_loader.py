"""The loader: what it takes, what it refuses, and the power going at any moment."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from protocol.conversation.messages import StepDone, StepRefusal, StepRefused
from protocol.firmware import Image
from protocol.kktpc import firmware_commands
from protocol.kktpc.commands import CommandFailed
from protocol.platforms import Platform
from simulator.register.factory_data import MAKES
from simulator.register.failures import Failure, PowerLost, ResultCode
from simulator.register.firmware_loader import Loader
from simulator.register.settings_memory import CABINET_HOST, CABINET_PORT
from simulator.register.simulated_register import SimulatedRegister
from tests.protocol.publisher import PUBLISHER, STRANGER, content_of, forge, publish, sign

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
CONTENT = content_of(2300)
IMAGE = publish(CONTENT, version="5.9.1")
VERSIONS = {Platform.V2_5: "3.0.4000", Platform.V5_0: "5.9.1"}


def pieces(image: Image, content: bytes = CONTENT) -> list[bytes]:
    size = image.block_size
    return [content[start : start + size] for start in range(0, len(content), size)]


def loader() -> Loader:
    made = Loader("5.8.14")
    made.publishers = (PUBLISHER,)
    return made


def begin(one: Loader, image: Image = IMAGE) -> int:
    return one.begin(image, 61, Platform.V5_0)


def load(one: Loader, image: Image = IMAGE, content: bytes = CONTENT) -> None:
    """Blocks from the one that is wanted to the last, begun anew after each loss of power."""
    while (at := begin(one, image)) < image.blocks:
        try:
            for number in range(at, image.blocks):
                one.write(number, pieces(image, content)[number])
        except PowerLost:
            assert one.boot() is None


def test_a_complete_image_runs_only_after_the_restart() -> None:
    one = loader()
    load(one)
    one.mark_for_boot()
    assert one.firmware == "5.8.14"
    assert one.boot() == IMAGE
    assert (one.firmware, one.boots) == ("5.9.1", 1)
    assert one.boot() is None


@pytest.mark.parametrize("block", range(IMAGE.blocks))
def test_power_lost_at_any_block_keeps_firmware_and_transfer(block: int) -> None:
    one = loader()
    one.power_lost_at = block
    begin(one)
    with pytest.raises(PowerLost):
        for number, piece in enumerate(pieces(IMAGE)):
            one.write(number, piece)
    assert one.boot() is None and one.firmware == "5.8.14"
    assert begin(one) == block
    load(one)
    one.mark_for_boot()
    assert one.boot() == IMAGE


def test_only_the_next_block_is_stored() -> None:
    one = loader()
    one.write(0, pieces(IMAGE)[0])
    assert begin(one) == 0
    one.write(1, pieces(IMAGE)[1])
    one.write(0, pieces(IMAGE)[0][:-1])
    one.write(0, b"")
    assert begin(one) == 0
    one.write(0, pieces(IMAGE)[0])
    one.write(0, bytes(256))
    assert begin(one) == 1
    load(one)
    one.write(IMAGE.blocks, b"more")
    one.mark_for_boot()


@pytest.mark.parametrize(
    ("image", "code"),
    [
        (replace(IMAGE, model=62), ResultCode.WRONG_MODEL),
        (sign(replace(IMAGE, model=62)), ResultCode.WRONG_MODEL),
        (sign(replace(IMAGE, platform=Platform.V2_5)), ResultCode.WRONG_MODEL),
        (replace(IMAGE, version="5.9.2"), ResultCode.WRONG_FORMAT),
        (forge(IMAGE), ResultCode.WRONG_FORMAT),
    ],
    ids=["model", "model signed", "back to 2.5", "another version", "a stranger"],
)
def test_a_refused_image_leaves_the_spare_slot_untouched(image: Image, code: ResultCode) -> None:
    one = loader()
    begin(one)
    one.write(0, pieces(IMAGE)[0])
    with pytest.raises(Failure) as refused:
        begin(one, image)
    assert refused.value.code is code
    assert begin(one) == 1


def test_a_file_with_another_hash_is_dropped() -> None:
    one = loader()
    load(one, content=content_of(2300, seed=1))
    with pytest.raises(Failure) as refused:
        one.mark_for_boot()
    assert refused.value.code is ResultCode.WRONG_FORMAT
    assert one.boot() is None and begin(one) == 0


def test_an_incomplete_file_is_not_installed() -> None:
    one = loader()
    for _ in range(2):
        with pytest.raises(Failure) as refused:
            one.mark_for_boot()
        assert refused.value.code is ResultCode.NO_DATA
        begin(one)
        one.write(0, pieces(IMAGE)[0])
    assert one.boot() is None


def test_another_offer_starts_from_block_0() -> None:
    one = loader()
    load(one)
    other = publish(CONTENT, version="5.9.2")
    assert begin(one, other) == 0
    assert begin(one) == 0


# ---- in a register ------------------------------------------------------------------------------


def register_of(
    platform: Platform, image: Image, publisher: bytes = PUBLISHER
) -> SimulatedRegister:
    """One that has the whole image, and no shift open."""
    register = SimulatedRegister("00106100000001", platform, 61, Random(1), NOON)
    register.faults.shift_forgotten = True
    register.loader.publishers = (publisher,)
    register.execute(firmware_commands.begin(platform, image), NOON)
    for number, piece in enumerate(pieces(image)):
        register.take_block(firmware_commands.block(platform, number, piece), NOON)
    return register


def image_for(platform: Platform) -> Image:
    return publish(CONTENT, platform=platform, version=VERSIONS[platform])


def install(register: SimulatedRegister, step: int = 1) -> StepDone | StepRefused:
    return register.do_step(1, step, firmware_commands.install(register.platform), NOON)


@pytest.mark.parametrize("platform", Platform)
def test_a_register_restarts_with_the_new_firmware_and_reports_it(platform: Platform) -> None:
    register = register_of(platform, image_for(platform))
    memory, command = register.memory, firmware_commands.install(platform)
    assert install(register) == StepDone(1, 1, b"\x55\x00\x00")
    assert register.reading(NOON)["firmware_version"] == VERSIONS[platform]
    assert register.memory is memory and register.loader.boots == 1
    assert register.do_step(1, 1, command, NOON) == StepDone(1, 1, b"\x55\x00\x00")
    assert register.loader.boots == 1


@pytest.mark.parametrize("platform", Platform)
def test_installation_waits_for_shift_receipts_and_battery(platform: Platform) -> None:
    register = register_of(platform, image_for(platform))
    before = MAKES[platform].firmware
    register.faults.low_battery_mv = 2100
    assert install(register) == StepRefused(1, StepRefusal.LOW_BATTERY)
    register.faults.low_battery_mv = None
    assert register.open_shift(NOON)
    assert install(register) == StepRefused(1, StepRefusal.SHIFT_OPEN)
    assert register.close_shift(NOON) and register.drive.unsent
    assert install(register) == StepRefused(1, StepRefusal.RECEIPTS_UNSENT)
    assert register.loader.firmware == before
    register.drive.hand_over()
    assert isinstance(install(register), StepDone)
    assert register.loader.firmware == VERSIONS[platform]


@pytest.mark.parametrize("platform", Platform)
def test_an_unknown_publishers_image_is_refused(platform: Platform) -> None:
    register = register_of(platform, image_for(platform), STRANGER)
    done = install(register)
    assert isinstance(done, StepDone)
    failed = firmware_commands.read_done(platform, done.answer)
    assert failed == CommandFailed(ResultCode.NO_DATA)
    assert register.loader.firmware == MAKES[platform].firmware


def test_a_move_to_5_0_keeps_the_common_settings() -> None:
    register = register_of(Platform.V2_5, IMAGE)
    memory = register.memory
    host, port = memory.value(CABINET_HOST), memory.value(CABINET_PORT)
    before = register.reading(NOON)
    install(register)
    after = register.reading(NOON + timedelta(minutes=5))
    assert (register.platform, after["firmware_version"]) == (Platform.V5_0, "5.9.1")
    kept = (
        "registration_number",
        "owner_inn",
        "taxation_types",
        "fiscal_drive_number",
        "documents",
        "registrations_made",
        "shift_number",
        "printed_m",
        "cuts",
        "ofd_host",
    )
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert (register.memory.value(CABINET_HOST), register.memory.value(CABINET_PORT)) == (
        host,
        port,
    )
    failed = register.execute(bytes.fromhex("ec00"), NOON)
    assert failed[:2] == bytes((0x55, ResultCode.WRONG_MODE))


def test_an_unknown_function_gets_a_failure() -> None:
    register = SimulatedRegister("00106100000001", Platform.V2_5, 61, Random(1), NOON)
    assert register.execute(bytes.fromhex("ec07"), NOON)[1] == ResultCode.WRONG_FORMAT
