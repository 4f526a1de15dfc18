"""The four orders of a firmware transfer, as each platform carries them.

Platform 2.5 has them all under `EC` (KKT-PC 3.2; the tail of its begin is ours), platform 5.0 under
`D2` to `D4`.  Begin is answered with the number of the block that is wanted next, so it also asks
how far a transfer has come.
"""

from enum import IntEnum
from typing import Any

from protocol.errors import RemoteError
from protocol.firmware import Image
from protocol.kktpc.commands import BY_NAME, CommandFailed, encode_request, parse_answer
from protocol.platforms import Platform


class EcFunction(IntEnum):
    """The first byte after `EC`."""

    START = 0
    BEGIN = 3
    BLOCK = 4
    VERIFY = 5


def begin(platform: Platform, image: Image) -> bytes:
    """Offer an image, or ask again how far it has come."""
    offer = image.offer()
    if platform is Platform.V2_5:
        return _ec(EcFunction.BEGIN, {"blocks": image.blocks, **offer})
    return encode_request("firmware_begin", **offer)


def block(platform: Platform, number: int, data: bytes) -> bytes:
    """One block; nobody awaits its answer."""
    if platform is Platform.V2_5:
        return _ec(EcFunction.BLOCK, {"number": number, "data": data})
    return encode_request("firmware_block", number=number, data=data)


def verify(platform: Platform) -> bytes | None:
    """Check the whole image; ``None`` on 5.0, where installing begins with it."""
    return _ec(EcFunction.VERIFY, {}) if platform is Platform.V2_5 else None


def install(platform: Platform) -> bytes:
    """Check the image, back the settings up and start it."""
    if platform is Platform.V2_5:
        return _ec(EcFunction.START, {})
    return encode_request("firmware_install")


def _ec(function: EcFunction, body: dict[str, Any]) -> bytes:
    return encode_request("firmware", function=function, body=body)


def read_next(platform: Platform, answer: bytes) -> int | CommandFailed:
    """The next block wanted, of the answer to begin; ``RemoteError`` for an answer without it."""
    found = _read(platform, "firmware_begin", answer)
    if isinstance(found, CommandFailed):
        return found
    if found["next"] is None:
        raise RemoteError("malformed", "an answer to begin without the next block")
    return int(found["next"])


def read_done(platform: Platform, answer: bytes) -> CommandFailed | None:
    """The answer to verify and install: ``None`` when it is done."""
    found = _read(platform, "firmware_install", answer)
    return found if isinstance(found, CommandFailed) else None


def _read(platform: Platform, name: str, answer: bytes) -> dict[str, Any] | CommandFailed:
    return parse_answer(BY_NAME["firmware" if platform is Platform.V2_5 else name], answer)
