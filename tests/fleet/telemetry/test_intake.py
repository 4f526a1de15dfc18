"""Intake of readings on both dialects: state, history, and exactly the news."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from fleet.kit.act import DEFAULTS, Act
from fleet.kit.database import Database
from fleet.kit.search import fold_case
from fleet.registers.models import CashRegister
from fleet.registers.rules import known_offset
from fleet.registers.service import store_profiles
from fleet.telemetry.events import ConditionsChanged, ProfilesChanged
from fleet.telemetry.jobs import delete_old_readings
from fleet.telemetry.models import READINGS, RegisterState
from fleet.telemetry.rules import BY_NAME
from fleet.telemetry.service import Reading, store_readings
from fleet.wiring import REACTIONS
from protocol.errors import RemoteError
from protocol.platforms import Platform
from protocol.telemetry import BLOCK, BLOCK_VERSION, MAX_TAIL, TAIL_HEADER, decode
from tests.fleet.conftest import HandClock
from tests.fleet.telemetry.readings import make_block, make_reading

ONE, TWO, THREE = (f"0010690000000{number}" for number in range(1, 4))


KEPT = timedelta(days=DEFAULTS.readings_days)

Told = tuple[list[str], list[tuple[str, int, int]]]


class News:
    """The facts that were announced, and committed or not."""

    def __init__(self) -> None:
        self.profiles: list[ProfilesChanged] = []
        self.conditions: list[ConditionsChanged] = []

    async def hear_profiles(self, act: Act, fact: ProfilesChanged) -> None:
        self.profiles.append(fact)

    async def hear_conditions(self, act: Act, fact: ConditionsChanged) -> None:
        self.conditions.append(fact)

    def take(self) -> Told:
        """Serial numbers with a new profile, and the masks before and after; then forgets."""
        profiles = [each.serial_number for fact in self.profiles for each in fact.profiles]
        changes = [
            (each.serial_number, each.before, each.after)
            for fact in self.conditions
            for each in fact.changes
        ]
        self.profiles, self.conditions = [], []
        return profiles, changes


class Intake:
    """The telemetry's tables with an ear for what it announces."""

    def __init__(self, database: Database, news: News, clock: HandClock) -> None:
        self.database, self.news, self.clock = database, news, clock

    async def keep(self, *readings: Reading) -> Told:
        """Keeps a batch a minute later than the one before; what was announced."""
        self.clock.forward(minutes=1)
        async with self.database.transaction() as db:
            await store_readings(Act(db, None, self.clock()), readings)
        return self.news.take()

    async def states(self) -> dict[str, RegisterState]:
        async with self.database.read() as db:
            return {row.serial_number: row for row in await db.scalars(select(RegisterState))}

    async def history(self) -> list[Any]:
        async with self.database.read() as db:
            return list(await db.execute(select(READINGS).order_by(READINGS.c.accepted_at)))


@pytest.fixture
async def intake(database_url: str, database: Database, clock: HandClock) -> AsyncIterator[Intake]:
    news = News()
    wired = Database(
        database_url,
        {ProfilesChanged: [news.hear_profiles], ConditionsChanged: [news.hear_conditions]},
    )
    yield Intake(wired, news, clock)
    await wired.close()


def bits(*names: str) -> int:
    return sum(1 << BY_NAME[name].bit for name in names)


async def test_a_reading_is_the_latest_state_and_history(intake: Intake) -> None:
    first, second = make_reading(ONE, reading_number=1), make_reading(ONE, reading_number=2)
    await intake.keep(first)
    seen = [intake.clock()]
    await intake.keep(second, make_reading(TWO))
    seen.append(intake.clock())
    states = await intake.states()
    assert {serial: row.seen_at for serial, row in states.items()} == {ONE: seen[1], TWO: seen[1]}
    row = states[ONE]
    assert (row.block, row.block_version, row.condition_mask) == (second.block, BLOCK_VERSION, 0)
    assert row.profile_crc == second.profile_crc
    found = [(row.serial_number, row.accepted_at, row.block) for row in await intake.history()]
    assert sorted(found) == sorted(
        [
            (ONE, seen[0], first.block),
            (ONE, seen[1], second.block),
            (TWO, seen[1], make_reading(TWO).block),
        ]
    )


async def test_latest_reading_of_a_batch_wins_and_every_change_is_announced(intake: Intake) -> None:
    batch = [make_reading(ONE, reading_number=n, hardware_error=n % 2) for n in (1, 2, 3, 4)]
    profiles, changes = await intake.keep(*batch[:3], make_reading(TWO), batch[3])
    ill = bits("hardware_error")
    assert sorted(profiles) == [ONE, TWO]
    assert changes == [(ONE, 0, ill), (ONE, ill, 0)] * 2
    state = (await intake.states())[ONE]
    assert decode(state.block_version, state.block)["reading_number"] == 4
    assert len(await intake.history()) == 5


async def test_latest_profiles_of_a_batch_are_announced_at_once(intake: Intake) -> None:
    batch = [
        make_reading(TWO, owner_name="A"),
        make_reading(ONE, owner_name="B"),
        make_reading(TWO, owner_name="C"),
    ]
    async with intake.database.transaction() as db:
        await store_readings(Act(db, None, intake.clock()), batch)
    (fact,) = intake.news.profiles
    told = {(each.serial_number, each.owner_name) for each in fact.profiles}
    assert told == {(ONE, "B"), (TWO, "C")} and len(fact.profiles) == 2


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("known", [True, False])
async def test_two_gateways_with_one_register_miss_no_change(intake: Intake, known: bool) -> None:
    """What the second finds is what the first has written meanwhile."""
    if known:
        await intake.keep(make_reading(ONE))
    database, now = intake.database, intake.clock()

    async def second() -> None:
        async with database.transaction() as db:
            await store_readings(Act(db, None, now), [make_reading(ONE)])

    async with database.transaction() as db:
        await store_readings(
            Act(db, None, now), [make_reading(ONE, firmware_version="9", battery_mv=2000)]
        )
        waiting = asyncio.create_task(second())
        await asyncio.sleep(0.3)
        assert not waiting.done()
        intake.news.take()
    await waiting
    assert intake.news.take() == ([ONE], [(ONE, bits("battery_low"), 0)])


async def test_only_changes_are_announced(intake: Intake) -> None:
    low, ill = bits("battery_low"), bits("battery_low", "printer_fault")
    sick: dict[str, Any] = {"battery_mv": 2000, "printer": ["no_paper"]}
    new: dict[str, Any] = {"firmware_version": "5.9.0"}
    story: list[tuple[list[Reading], Told]] = [
        ([make_reading(ONE), make_reading(TWO)], ([ONE, TWO], [])),
        ([make_reading(ONE, cuts=5, documents=7), make_reading(TWO)], ([], [])),
        ([make_reading(ONE, **sick), make_reading(TWO)], ([], [(ONE, 0, ill)])),
        ([make_reading(ONE, **sick)], ([], [])),
        ([make_reading(ONE, battery_mv=2000)], ([], [(ONE, ill, low)])),
        ([make_reading(ONE, battery_mv=2000, **new)], ([ONE], [])),
        ([make_reading(ONE, **new)], ([], [(ONE, low, 0)])),
        ([make_reading(THREE, battery_mv=2000)], ([THREE], [(THREE, 0, low)])),
    ]
    for readings, told in story:
        assert await intake.keep(*readings) == told


@pytest.mark.parametrize("what", ["platform", "model", "key_generation", "channel"])
async def test_data_of_hello_belongs_to_the_profile(what: str) -> None:
    said: dict[str, Any] = {
        "platform": Platform.V5_0,
        "model": 69,
        "key_generation": 1,
        "channel": 2,
    }
    other = {**said, what: Platform.V2_5 if what == "platform" else 9}
    crcs = [
        Reading.from_block(
            int(ONE), **each, block_version=BLOCK_VERSION, block=make_block()
        ).profile_crc
        for each in (said, other)
    ]
    assert crcs[0] != crcs[1]


async def test_profile_has_the_reported_data(intake: Intake) -> None:
    heard: list[ProfilesChanged] = []
    intake.news.profiles = heard
    async with intake.database.transaction() as db:
        await store_readings(Act(db, None, intake.clock()), [make_reading(ONE)])
    (fact,) = heard
    (profile,) = fact.profiles
    assert fact.at == intake.clock()
    assert (profile.serial_number, profile.platform, profile.model) == (ONE, Platform.V5_0, 69)
    assert (profile.key_generation, profile.channel) == (1, 2)
    assert (profile.owner_name, profile.ffd_version) == ('ООО "Ромашка"', "1.2")
    assert profile.fiscalised is True and profile.utc_offset_min == 180


async def test_state_history_and_reactions_are_one_transaction(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reaction that fails takes the whole batch back."""

    async def fail(act: Act, fact: object) -> None:
        raise LookupError

    monkeypatch.setattr(intake.news, "hear_profiles", fail)
    broken = Database(
        intake.database.engine.url.render_as_string(hide_password=False), {ProfilesChanged: [fail]}
    )
    with pytest.raises(LookupError):
        async with broken.transaction() as db:
            await store_readings(Act(db, None, intake.clock()), [make_reading(ONE)])
    await broken.close()
    assert await intake.states() == {} and await intake.history() == []


async def test_batch_of_a_thousand_readings_is_stored(intake: Intake) -> None:
    serials = [f"001069{number:08d}" for number in range(1000)]
    profiles, _ = await intake.keep(*(make_reading(serial) for serial in serials[::-1]))
    assert profiles == serials
    assert await intake.keep(*(make_reading(serial) for serial in serials)) == ([], [])
    assert sorted(await intake.states()) == serials


# ---- what is no reading -------------------------------------------------------------------------

TAIL = TAIL_HEADER.pack(0x7777, 3) + b"abc"
NO_BLOCKS = {
    "nothing": b"",
    "short": make_block()[:-1],
    "half a tail": make_block() + b"\0",
    "a cut tail": make_block() + TAIL[:-1],
    "a long tail": make_block() + TAIL_HEADER.pack(1, MAX_TAIL) + bytes(MAX_TAIL),
}


@pytest.mark.parametrize("why", NO_BLOCKS)
def test_invalid_block_is_refused(why: str) -> None:
    with pytest.raises(RemoteError) as refused:
        make_reading(ONE, block=NO_BLOCKS[why])
    assert refused.value.code == "malformed"


def test_a_block_of_another_version_is_refused() -> None:
    with pytest.raises(RemoteError) as refused:
        Reading.from_block(int(ONE), Platform.V5_0, 69, 1, 2, BLOCK_VERSION + 1, make_block())
    assert refused.value.code == "version"


async def test_tail_is_stored_unchanged(intake: Intake) -> None:
    await intake.keep(make_reading(ONE, block=make_block() + TAIL))
    state = (await intake.states())[ONE]
    assert decode(state.block_version, state.block)["tail"] == {"7777": b"abc".hex()}


@given(st.binary(max_size=2 * BLOCK.size))
def test_any_bytes_are_a_reading_or_refused(block: bytes) -> None:
    try:
        make_reading(ONE, block=block)
    except RemoteError:
        return
    assert len(block) >= BLOCK.size


# ---- together with the registers ----------------------------------------------------------------


@pytest.fixture
async def whole(database_url: str, intake: Intake) -> AsyncIterator[Intake]:
    """The same tables with the reactions of the product."""
    wired = Database(database_url, REACTIONS)
    yield Intake(wired, intake.news, intake.clock)
    await wired.close()


async def registers(intake: Intake) -> dict[str, CashRegister]:
    async with intake.database.read() as db:
        return {row.serial_number: row for row in await db.scalars(select(CashRegister))}


async def test_a_register_that_nobody_enrolled_appears_unclaimed(whole: Intake) -> None:
    await whole.keep(make_reading(ONE))
    first_seen = whole.clock()
    row = (await registers(whole))[ONE]
    assert (row.partner_id, row.platform, row.enrolled_at) == (None, Platform.V5_0, None)
    assert (row.first_seen_at, row.profile_at) == (first_seen, first_seen)
    await whole.keep(make_reading(ONE, firmware_version="5.9.0"))
    row = (await registers(whole))[ONE]
    assert (row.firmware_version, row.first_seen_at) == ("5.9.0", first_seen)
    assert row.profile_at == whole.clock()


HOSTILE = bytes(range(1, 256)) + b"\xff'\"; DROP TABLE registers;--%_\\{}[],NULL"


async def test_hostile_texts_are_stored_as_texts(whole: Intake) -> None:
    """Every text of the profile full of quotes, braces, control characters and CP866."""
    batch = []
    for number in range(0, len(HOSTILE), 8):
        ugly = (HOSTILE[number:] + HOSTILE[:number])[: BLOCK.size].ljust(BLOCK.size, b"\xff")
        batch.append(make_reading(f"001069{number:08d}", block=ugly))
    batch.append(make_reading(ONE, block=bytes(BLOCK.size)))
    batch.append(make_reading(TWO, block=b"\xff" * BLOCK.size))
    await whole.keep(*batch)
    found = await registers(whole)
    assert len(found) == len(batch)
    for reading in batch:
        said = decode(reading.block_version, reading.block)
        row = found[f"{reading.serial_number:014d}"]
        for name in ("firmware_version", "owner_name", "address", "owner_inn", "ffd_version"):
            assert getattr(row, name) == said[name]
        assert row.utc_offset_min == known_offset(said["utc_offset_min"])


async def test_longest_texts_of_a_tail_are_stored(whole: Intake) -> None:
    ugly = (HOSTILE + HOSTILE)[:256]
    tlvs = b"".join(TAIL_HEADER.pack(tag, 256) + ugly for tag in (1048, 1009))
    await whole.keep(make_reading(ONE, block=make_block() + tlvs))
    row = (await registers(whole))[ONE]
    assert row.owner_name == row.address == row.shown_address == ugly.decode("cp866")
    assert row.search_names == "\n".join([fold_case(row.owner_name)] * 2)


async def test_only_profile_fields_of_a_tail_are_announced(intake: Intake) -> None:
    await intake.keep(make_reading(ONE, owner_name="A" * 60))
    assert (await intake.keep(make_reading(ONE, owner_name="A" * 60, uptime_h=7)))[0] == []
    assert (await intake.keep(make_reading(ONE, owner_name="A" * 59 + "B")))[0] == [ONE]
    unknown = make_block(owner_name="A" * 59 + "B") + TAIL
    assert (await intake.keep(make_reading(ONE, block=unknown)))[0] == []


async def test_empty_list_of_profiles_is_accepted(whole: Intake) -> None:
    async with whole.database.transaction() as db:
        await store_profiles(Act(db, None, whole.clock()), ())
    assert await registers(whole) == {}


# ---- retention ----------------------------------------------------------------------------------


async def test_only_old_readings_are_deleted_in_portions(intake: Intake) -> None:
    for n in range(5):
        await intake.keep(make_reading(ONE, reading_number=n), make_reading(TWO, reading_number=n))
    moments = [row.accepted_at for row in await intake.history()]
    border = moments[6]
    removed: list[int] = []
    while not removed or removed[-1]:
        async with intake.database.transaction() as db:
            removed.append(await delete_old_readings(Act(db, None, border + KEPT), 4))
    assert removed == [4, 2, 0]
    left = await intake.history()
    assert [row.accepted_at for row in left] == moments[6:]
    assert len(await intake.states()) == 2
    async with intake.database.transaction() as db:
        assert (
            await delete_old_readings(Act(db, None, intake.clock() + KEPT + timedelta(days=1)), 100)
            == 4
        )
