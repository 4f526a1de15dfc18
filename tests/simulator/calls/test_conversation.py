"""A conversation in memory: what the register says, and how it ends."""

from datetime import datetime
from itertools import count

import pytest

from protocol.conversation.messages import Farewell, Keepalive, RefusalReason, StepRefusal
from protocol.conversation.seal import KeyRing
from protocol.kktpc.commands import encode_request
from protocol.platforms import Platform
from simulator.calls.bad_links import FAULTS, BadLink, Direction, Fault
from simulator.calls.conversation import (
    ConversationEnding,
    ConversationResult,
    RegisterConversation,
)
from simulator.register.simulated_register import SimulatedRegister
from tests.simulator.conftest import NOON, MakeRegister
from tests.simulator.small_gateway import KEY_RING, GatewayScript, SmallGateway

DONE = b"\x55\x00\x00"


def call(
    register: SimulatedRegister, ledger: list[tuple[str, int]] | None = None
) -> RegisterConversation:
    def note(serial_number: str, reading_number: int, at: datetime) -> None:
        if ledger is not None:
            ledger.append((serial_number, reading_number))

    key = KEY_RING.register_key(1, register.serial)
    assert key is not None
    return RegisterConversation(register, key, 1, note)


def converse(
    talk: RegisterConversation, gateway: SmallGateway, fault: Fault = FAULTS["none"]
) -> None:
    """Both ends over a link in memory, until nothing more moves or the link is gone."""
    link = BadLink(fault)
    up, down = [talk.start()], list[bytes]()
    while (up or down) and not link.cut and not talk.is_over:
        direction, source, sink = (Direction.UP, up, down) if up else (Direction.DOWN, down, up)
        receive = gateway.receive if up else lambda data: talk.receive(data, NOON)
        for chunk in link.transfer(direction, source.pop(0)):
            if answer := receive(chunk):
                sink.append(answer)
    talk.break_off("cut")


def settings_orders(operation_id: int = 7) -> list[tuple[int, int, bytes]]:
    """A settings upload and download of platform 2.5."""
    cell = {"table": 19, "row": 1, "field": 10}
    commands = (
        encode_request("enter_mode", mode=4, password="00000030"),
        encode_request("write_table", **cell, value=b"\x1f\x90"),
        encode_request("read_table", **cell),
        encode_request("leave_mode"),
    )
    return [(operation_id, step, command) for step, command in enumerate(commands)]


def test_an_idle_check_in_is_accepted(make_register: MakeRegister) -> None:
    orders, ledger = GatewayScript(next_check_in_s=300), list[tuple[str, int]]()
    register = make_register()
    talk = call(register, ledger)
    converse(talk, SmallGateway(orders))
    assert talk.result == ConversationResult(ConversationEnding.DONE)
    assert (talk.accepted, talk.is_held, talk.next_check_in_s) == (True, False, 300)
    assert ledger == [(register.serial_number, 1)]
    assert orders.readings == {register.serial_number: [1]}


@pytest.mark.parametrize("fault", ["none", "drip"])
def test_steps_are_done_in_one_conversation(make_register: MakeRegister, fault: str) -> None:
    orders = GatewayScript(settings_orders(), next_check_in_s=60)
    talk = call(make_register())
    converse(talk, SmallGateway(orders), FAULTS[fault])
    assert talk.result == ConversationResult(ConversationEnding.DONE)
    assert (talk.steps_done, talk.next_check_in_s) == (4, 60)
    assert list(orders.answers.values()) == [DONE, DONE, b"\x55\x00\x1f\x90", DONE]


def test_a_refused_step_is_reported(make_register: MakeRegister) -> None:
    register = make_register()
    register.faults.refuse_steps = StepRefusal.SHIFT_OPEN
    orders = GatewayScript(settings_orders()[:1])
    talk = call(register)
    converse(talk, SmallGateway(orders))
    assert (talk.steps_done, talk.steps_refused) == (0, 1)
    assert orders.refusals == [(7, StepRefusal.SHIFT_OPEN)]


@pytest.mark.parametrize("reason", list(RefusalReason))
def test_a_refusal_ends_the_conversation(
    make_register: MakeRegister, reason: RefusalReason
) -> None:
    orders = GatewayScript(refuse=(reason, 17))
    talk = call(make_register())
    converse(talk, SmallGateway(orders))
    assert talk.result == ConversationResult(ConversationEnding.REFUSED, reason.name.lower(), 17)
    assert not talk.accepted


def test_a_gateway_without_the_key_gets_no_reading(make_register: MakeRegister) -> None:
    orders = GatewayScript()
    talk = call(make_register())
    converse(talk, SmallGateway(orders, KeyRing({1: bytes(32)})))
    assert talk.result == ConversationResult(ConversationEnding.BROKEN, "key")
    assert talk.register.readings == 0


def test_a_held_conversation_stays_open(make_register: MakeRegister) -> None:
    orders, ledger = GatewayScript(hold=True, next_check_in_s=300), list[tuple[str, int]]()
    talk, gateway = call(make_register(), ledger), SmallGateway(orders)
    hello = talk.start()
    check_in = talk.receive(gateway.receive(hello), NOON)
    assert talk.receive(gateway.receive(check_in), NOON) == b""
    before = talk.is_held, talk.can_report, talk.is_over

    assert gateway.receive(talk.receive(gateway.send_unprompted(Keepalive()), NOON)) == b""
    assert orders.keepalives == 1
    report = talk.report(NOON)
    assert (before, talk.can_report) == ((True, True, False), False)
    assert talk.receive(gateway.receive(report), NOON) == b""
    assert [number for _, number in ledger] == [1, 2]
    talk.receive(gateway.send_unprompted(Farewell(5)), NOON)
    assert (talk.result, talk.next_check_in_s) == (ConversationResult(ConversationEnding.DONE), 5)


def test_messages_after_the_farewell_are_not_answered(make_register: MakeRegister) -> None:
    talk, gateway = call(make_register()), SmallGateway(GatewayScript(hold=True))
    talk.receive(gateway.receive(talk.receive(gateway.receive(talk.start()), NOON)), NOON)
    last = gateway.send_unprompted(Keepalive()) + gateway.send_unprompted(Farewell(5))
    assert talk.receive(last, NOON) == b""
    assert talk.result == ConversationResult(ConversationEnding.DONE)
    assert talk.receive(b"anything", NOON) == b""


CUT_DIRECTIONS = list(Direction) + [Direction.BOTH]


@pytest.mark.parametrize("direction", CUT_DIRECTIONS, ids=lambda one: str(one.name))
def test_steps_are_done_once_when_cut_after_any_byte(
    make_register: MakeRegister, direction: Direction
) -> None:
    """Whatever the cut point: the operation is done once in the end, and no accepted reading is
    unknown to the gateway."""
    cuts = 0
    for cut_after in count():
        register, orders = make_register(), GatewayScript(settings_orders())
        ledger = list[tuple[str, int]]()
        first = call(register, ledger)
        converse(first, SmallGateway(orders), Fault(direction, cut_after=cut_after))
        register.power_cycle()
        second = call(register, ledger)
        converse(second, SmallGateway(orders))
        assert second.result == ConversationResult(ConversationEnding.DONE), cut_after
        assert set(register.journal.effects.values()) == {1}, cut_after
        assert set(orders.answers) == {step[:2] for step in orders.steps}, cut_after
        assert {number for _, number in ledger} <= set(orders.readings[register.serial_number])
        if first.result == ConversationResult(ConversationEnding.DONE):
            break
        cuts += 1
    assert cuts > 200


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_no_fault_gives_a_false_acceptance_or_a_repeated_step(
    make_register: MakeRegister, name: str
) -> None:
    register, orders = make_register(), GatewayScript(settings_orders())
    ledger = list[tuple[str, int]]()
    talk = call(register, ledger)
    converse(talk, SmallGateway(orders), FAULTS[name])
    assert talk.is_over
    assert {number for _, number in ledger} <= set(orders.readings.get(register.serial_number, []))
    assert set(register.journal.effects.values()) <= {1}
    harmless = name in {"none", "drip", "late", "late_drip_up"}
    assert (talk.result == ConversationResult(ConversationEnding.DONE)) is harmless


def test_the_next_step_fails_after_power_was_lost_in_programming_mode(
    make_register: MakeRegister,
) -> None:
    register = make_register(Platform.V2_5)
    (enter, write, *_) = settings_orders()
    register.do_step(*enter, NOON)
    register.power_cycle()
    assert register.do_step(*write, NOON) == (7, 1, b"\x55\x66\x00")
