"""What a register takes for a licence of its own, and what it answers AEh to."""

from dataclasses import replace
from random import Random

import pytest

from protocol.kktpc.commands import encode_request
from protocol.licences import WIRE_CODES, Licence, LicenceKind
from protocol.platforms import Platform
from simulator.register.simulated_register import SimulatedRegister
from tests.protocol.licence_issuer import LICENCE_ISSUER, STRANGER_KEY, licence_of, signed
from tests.simulator.conftest import NOON

SERIAL = "00106100000001"
DONE, WRONG_LICENCE = b"\x55\x00\x00", b"\x55\xae\x00"
GOOD = licence_of(SERIAL, LicenceKind.WEB_DKKT)


def write(content: bytes, kind: int = WIRE_CODES[LicenceKind.WEB_DKKT]) -> tuple[bytes, bool]:
    """What a register says to a licence, and whether it holds one afterwards."""
    register = SimulatedRegister(SERIAL, Platform.V5_0, 61, Random(1), NOON)
    register.licence_issuers = (LICENCE_ISSUER,)
    said = register.execute(encode_request("write_licence", kind=kind, licence=content), NOON)
    return said, register.licences == {kind: content}


def test_a_licence_of_the_register_is_accepted() -> None:
    assert write(GOOD.encode()) == (DONE, True)


@pytest.mark.parametrize(
    ("licence", "kind"),
    [
        (licence_of("00106100000002", LicenceKind.WEB_DKKT), 2),
        (GOOD, 1),
        (GOOD, 9),
        (signed(GOOD, STRANGER_KEY), 2),
        (replace(GOOD, signature=bytes(64)), 2),
        (replace(GOOD, number=2), 2),
    ],
)
def test_any_other_licence_is_refused(licence: Licence, kind: int) -> None:
    assert write(licence.encode(), kind) == (WRONG_LICENCE, False)


@pytest.mark.parametrize("content", [b"x", GOOD.encode()[:-1], GOOD.encode() + b"\0"])
def test_bytes_that_are_no_licence_are_refused(content: bytes) -> None:
    assert write(content) == (WRONG_LICENCE, False)


def test_a_register_that_knows_no_issuer_takes_none() -> None:
    register = SimulatedRegister(SERIAL, Platform.V5_0, 61, Random(1), NOON)
    order = encode_request("write_licence", kind=2, licence=GOOD.encode())
    assert register.execute(order, NOON) == WRONG_LICENCE
