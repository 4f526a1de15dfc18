"""The conversation of both ends: by the book, in any chunks, and never out of the table."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.conversation.connection import TRANSITIONS, ConversationState, GatewayEnd, RegisterEnd
from protocol.conversation.messages import (
    OUTER,
    ROWS,
    SEALED,
    Accepted,
    Challenge,
    CheckIn,
    ConversationRefused,
    Farewell,
    Hello,
    Keepalive,
    Message,
    RefusalReason,
    Step,
    StepDone,
    StepRefused,
)
from protocol.conversation.seal import KeyRing
from protocol.errors import LocalError, ProtocolError, RemoteError
from protocol.kktpc.frame import encode
from protocol.rows import MessageRow, Side, build, parse
from protocol.telemetry import BLOCK
from tests.protocol import sealing_formulas as by_the_book

FLEET_KEY = bytes(range(32))
RING = KeyRing({1: FLEET_KEY})
SERIAL = bytes.fromhex("00106101234567")
KEY = by_the_book.register_key(FLEET_KEY, SERIAL)
REGISTERS_NONCE, GATEWAYS_NONCE = b"r" * 16, b"g" * 16
NONCES = REGISTERS_NONCE + GATEWAYS_NONCE
HELLO_BODY = bytes.fromhex("01 32 00106101234567 3d 02 01") + REGISTERS_NONCE
UP, DOWN = bytes.fromhex("a6dddb"), bytes.fromhex("c100dd0000db")

EXAMPLES: dict[type, Message] = {
    type(message): message
    for message in (
        Hello(1, 50, SERIAL, 61, 2, 1, REGISTERS_NONCE),
        Challenge(GATEWAYS_NONCE, by_the_book.proof(KEY, HELLO_BODY, GATEWAYS_NONCE)),
        ConversationRefused(4, 60),
        CheckIn(1, b"block"),
        Accepted(1, 300, 0, 1),
        Step(7, 1, b"\x46"),
        StepDone(7, 1, b"\x55\x00"),
        StepRefused(7, 1),
        Farewell(300),
        Keepalive(),
    )
}


def example(row: MessageRow) -> Any:
    """A message of the row: one that makes sense, or for a row without such, zeros."""
    if row.message in EXAMPLES:
        return EXAMPLES[row.message]
    message = parse(row, bytes(row.layout.size))
    assert build(row, message) == bytes(row.layout.size)
    return message


class Ends(NamedTuple):
    register: RegisterEnd
    gateway: GatewayEnd

    def of(self, side: Side) -> RegisterEnd | GatewayEnd:
        return self.register if side is Side.REGISTER else self.gateway


def fresh(key: bytes = KEY) -> Ends:
    return Ends(
        RegisterEnd(key, lambda size: REGISTERS_NONCE[:size]),
        GatewayEnd(RING, lambda size: GATEWAYS_NONCE[:size]),
    )


def greet(ends: Ends) -> bytes:
    return ends.register.hello(SERIAL, 50, 61, 2, 1)


def shaken() -> Ends:
    """Both ends after CHALLENGE."""
    ends = fresh()
    ends.gateway.receive(greet(ends))
    ends.register.receive(ends.gateway.challenge())
    return ends


def written(side: Side, row: MessageRow, message: Message, counter: int = 0) -> bytes:
    """The frame of any message as a peer without a table would send it."""
    packet_id, prefix = (0xF0, UP) if side is Side.REGISTER else (counter, DOWN)
    body = build(row, message)
    if row in OUTER:
        return encode(packet_id, prefix + bytes((row.code,)) + body)
    word = "up" if side is Side.REGISTER else "down"
    plain = bytes((row.code,)) + body
    return encode(
        packet_id,
        prefix + b"\x03" + by_the_book.sealed(KEY, word, NONCES, counter, plain, SERIAL),
    )


def test_an_idle_check_in_is_byte_for_byte_that_of_the_specification() -> None:
    ends = fresh()
    hello = greet(ends)
    assert hello == encode(0xF0, UP + b"\x01" + HELLO_BODY)
    assert ends.gateway.receive(hello) == [EXAMPLES[Hello]]
    challenge = ends.gateway.challenge()
    proof = by_the_book.proof(KEY, HELLO_BODY, GATEWAYS_NONCE)
    assert challenge == encode(0, DOWN + b"\x02" + GATEWAYS_NONCE + proof)
    assert ends.register.receive(challenge) == [Challenge(GATEWAYS_NONCE, proof)]
    check_in = ends.register.send(EXAMPLES[CheckIn])
    sealed = by_the_book.sealed(KEY, "up", NONCES, 0, b"\x10\x01block", SERIAL)
    assert check_in == encode(0xF0, UP + b"\x03" + sealed)
    assert ends.gateway.receive(check_in) == [EXAMPLES[CheckIn]]
    accepted = ends.gateway.send(EXAMPLES[Accepted])
    plain = bytes.fromhex("11 00000001 012c 00 01")
    sealed = by_the_book.sealed(KEY, "down", NONCES, 0, plain, SERIAL)
    assert accepted == encode(1, DOWN + b"\x03" + sealed)
    assert ends.register.receive(accepted) == [EXAMPLES[Accepted]]


def test_an_idle_check_in_costs_two_round_trips_and_about_700_bytes() -> None:
    ends = fresh()
    sizes = [len(greet(ends))]
    ends.gateway.receive(encode(0xF0, UP + b"\x01" + HELLO_BODY))
    challenge = ends.gateway.challenge()
    ends.register.receive(challenge)
    check_in = ends.register.send(CheckIn(1, bytes(BLOCK.size)))
    ends.gateway.receive(check_in)
    sizes += [len(challenge), len(check_in), len(ends.gateway.send(EXAMPLES[Accepted]))]
    assert sum(sizes) < 700


SCRIPT: tuple[tuple[Side, Message], ...] = (
    (Side.REGISTER, CheckIn(1, bytes(range(256)))),
    (Side.GATEWAY, Accepted(1, 300, 1, 2)),
    (Side.GATEWAY, Step(7, 1, b"\xfe\xfd" * 40)),
    (Side.REGISTER, Keepalive()),
    (Side.REGISTER, StepDone(7, 1, b"\xfd\xfe" * 40)),
    (Side.GATEWAY, Step(7, 2, b"")),
    (Side.REGISTER, StepRefused(7, 3)),
    (Side.GATEWAY, Keepalive()),
    (Side.REGISTER, CheckIn(1, b"again")),
    (Side.GATEWAY, Accepted(2, 300, 0, 0)),
    (Side.GATEWAY, Farewell(300)),
)


def pieces(data: bytes, size: Callable[[], int]) -> Iterator[bytes]:
    while data:
        cut = size()
        yield data[:cut]
        data = data[cut:]


@given(st.data())
def test_the_conversation_survives_any_chunks(data: st.DataObject) -> None:
    def size() -> int:
        return data.draw(st.integers(1, 400))

    ends = fresh()

    def carry(to: RegisterEnd | GatewayEnd, frames: bytes) -> list[Message]:
        return [message for piece in pieces(frames, size) for message in to.receive(piece)]

    assert carry(ends.gateway, greet(ends)) == [EXAMPLES[Hello]]
    assert carry(ends.register, ends.gateway.challenge()) == [EXAMPLES[Challenge]]
    for side, message in SCRIPT:
        other = Side.GATEWAY if side is Side.REGISTER else Side.REGISTER
        assert carry(ends.of(other), ends.of(side).send(message)) == [message]
        assert ends.register.state is ends.gateway.state
    assert ends.gateway.state is ConversationState.CLOSED


EVERY_PAIR = pytest.mark.parametrize(
    ("state", "row"),
    [
        pytest.param(state, row, id=f"{state.name}-{row.message.__name__}")
        for state in ConversationState
        for row in (*OUTER, *SEALED)
    ],
)
SIDES = pytest.mark.parametrize("side", [Side.REGISTER, Side.GATEWAY], ids=lambda side: side.name)


@SIDES
@EVERY_PAIR
def test_only_messages_of_the_transition_table_are_sent(
    side: Side, state: ConversationState, row: MessageRow
) -> None:
    end = shaken().of(side)
    end.state = state
    after = TRANSITIONS.get((state, row.message))
    if after is not None and row.side & side:
        end.send(example(row))
        assert end.state is after
    else:
        with pytest.raises(LocalError):
            end.send(example(row))
        assert end.state is state


@SIDES
@EVERY_PAIR
def test_only_messages_of_the_transition_table_are_accepted(
    side: Side, state: ConversationState, row: MessageRow
) -> None:
    """``side`` speaks; the other end stands in ``state``."""
    listener = shaken().of(Side.GATEWAY if side is Side.REGISTER else Side.REGISTER)
    listener.state = state
    heard = written(side, row, example(row))
    after = TRANSITIONS.get((state, row.message))
    if after is not None and row.side & side:
        assert listener.receive(heard) == [example(row)]
        assert listener.state is after
    else:
        with pytest.raises(RemoteError) as caught:
            listener.receive(heard)
        assert caught.value.code == "order"
        assert listener.state is ConversationState.CLOSED


def test_every_message_is_in_the_table_and_every_state_ends() -> None:
    assert {message for _, message in TRANSITIONS} == set(ROWS)
    for state in ConversationState:
        reached = {state}
        while True:
            further = reached | {to for (was, _), to in TRANSITIONS.items() if was in reached}
            if further == reached:
                break
            reached = further
        assert ConversationState.CLOSED in reached


GENERATION = 11
"""Place of the key generation in a HELLO."""


def hello_frames() -> Iterator[tuple[int, bytes]]:
    for place in range(8 * len(HELLO_BODY)):
        body = bytearray(HELLO_BODY)
        body[place // 8] ^= 1 << place % 8
        yield place // 8, encode(0xF0, UP + b"\x01" + bytes(body))


def test_a_changed_field_of_hello_is_noticed() -> None:
    """Whatever bit an outsider changes, with a right checksum: refused, or noticed by the
    register before it has said anything."""
    outcomes = set()
    for place, frame in hello_frames():
        ends = fresh()
        greet(ends)
        try:
            ends.gateway.receive(frame)
            challenge = ends.gateway.challenge()
        except RemoteError as error:
            outcomes.add((place, error.code))
            continue
        with pytest.raises(RemoteError) as caught:
            ends.register.receive(challenge)
        assert caught.value.code == "key"
        outcomes.add((place, "noticed"))
    assert {place for place, how in outcomes if how == "noticed"} == {*range(1, 11), *range(12, 28)}
    assert (0, "version") in outcomes
    assert {how for place, how in outcomes if place == GENERATION} == {"key"}


def test_a_changed_challenge_is_noticed() -> None:
    for place in range(32 * 8):
        ends = fresh()
        ends.gateway.receive(greet(ends))
        challenge = ends.gateway.challenge()
        body = bytearray(GATEWAYS_NONCE + challenge[-17:-1])
        body[place // 8] ^= 1 << place % 8
        with pytest.raises(RemoteError) as caught:
            ends.register.receive(encode(0, DOWN + b"\x02" + bytes(body)))
        assert caught.value.code == "key"


def test_a_gateway_with_another_key_is_noticed_at_once() -> None:
    ends = fresh(key=bytes(32))
    ends.gateway.receive(greet(ends))
    with pytest.raises(RemoteError) as caught:
        ends.register.receive(ends.gateway.challenge())
    assert caught.value.code == "key"


def test_a_register_with_another_key_is_refused() -> None:
    ends = shaken()
    plain = b"\x10\x01block"
    forged = by_the_book.sealed(bytes(32), "up", NONCES, 0, plain, SERIAL)
    with pytest.raises(RemoteError) as caught:
        ends.gateway.receive(encode(0xF0, UP + b"\x03" + forged))
    assert caught.value.code == "key"


def test_an_unknown_key_generation_is_a_key_error() -> None:
    ends = fresh()
    ends.gateway.receive(ends.register.hello(SERIAL, 50, 61, 2, 200))
    with pytest.raises(RemoteError) as caught:
        ends.gateway.challenge()
    assert caught.value.code == "key"


def test_a_recording_opens_no_second_conversation() -> None:
    first = shaken()
    hello, check_in = encode(0xF0, UP + b"\x01" + HELLO_BODY), first.register.send(CheckIn(1, b""))
    again = GatewayEnd(RING, lambda size: b"n" * size)
    again.receive(hello)
    again.challenge()
    with pytest.raises(RemoteError) as caught:
        again.receive(check_in)
    assert caught.value.code == "key"


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"junk", "junk"),
        (encode(0xF0, b""), "malformed"),
        (encode(0xF0, UP), "malformed"),
        (encode(0xF0, UP + b"\x09"), "malformed"),
        (encode(0xF0, DOWN + b"\x01" + HELLO_BODY), "malformed"),
        (encode(0xF0, UP + b"\x01" + HELLO_BODY[:-1]), "malformed"),
        (encode(0xF0, UP + b"\x01" + HELLO_BODY + b"\0"), "malformed"),
        (encode(0xF0, UP + b"\x01" + b"\x02" + HELLO_BODY[1:]), "version"),
        (encode(0xF0, UP + b"\x01" + HELLO_BODY[:2] + b"\xaa" + HELLO_BODY[3:]), "malformed"),
        (encode(0xF0, UP + b"\x03" + bytes(40)), "order"),
        (encode(0xF0, bytes(2000)), "oversize"),
    ],
)
def test_a_foreign_first_frame_is_refused_with_its_code(frame: bytes, code: str) -> None:
    end = GatewayEnd(RING, max_message=1000)
    with pytest.raises(RemoteError) as caught:
        end.receive(frame)
    assert caught.value.code == code
    assert end.state is ConversationState.CLOSED


@given(st.lists(st.binary(max_size=80), max_size=5))
def test_any_bytes_raise_only_protocol_errors(chunks: list[bytes]) -> None:
    for end in (fresh().gateway, shaken().gateway, shaken().register):
        try:
            for chunk in chunks:
                end.receive(chunk)
        except ProtocolError:
            assert end.state is ConversationState.CLOSED


@pytest.mark.parametrize("state", ConversationState)
def test_a_refusal_can_be_sent_in_every_state(state: ConversationState) -> None:
    gateway = shaken().gateway
    gateway.state = state
    register = shaken().register
    assert register.receive(gateway.refuse(RefusalReason.BUSY, 60)) == [ConversationRefused(4, 60)]
    assert gateway.state is register.state is ConversationState.CLOSED


def test_a_message_sent_too_early_is_an_error() -> None:
    gateway: Any = fresh().gateway
    with pytest.raises(LocalError):
        gateway.challenge()
    gateway.state = ConversationState.OPEN
    with pytest.raises(LocalError):
        gateway.send(Farewell(1))


def test_gateway_packets_are_numbered_as_those_of_a_host() -> None:
    gateway = shaken().gateway
    gateway.state = ConversationState.OPEN
    ids = [gateway.send(Keepalive())[3] for _ in range(0xE0)]
    assert ids == [*range(1, 0xE0), 0]
