"""The four commands of a firmware transfer on each platform: begin, block, verify, install.

On platform 2.5 all are functions of `EC` (KKT-PC 3.2; the tail of its begin is ours), on platform
5.0 they are `D2` to `D4`.  The answer to begin is the number of the next block that the register
expects, so begin also asks for the progress of a transfer.
"""

from enum import IntEnum
from typing import Any

from protocol.errors import RemoteError
from protocol.firmware import Image
from protocol.kktpc.commands import BY_NAME, CommandFailed, encode_request, parse_answer
from protocol.platforms import Platform


class EcFunction(IntEnum):
    """Function of the command `EC`: its first byte."""

    START = 0
    BEGIN = 3
    BLOCK = 4
    VERIFY = 5


def begin(platform: Platform, image: Image) -> bytes:
    """Return the command that offers an image, or asks again for its progress."""
    offer = image.offer()
    if platform is Platform.V2_5:
        return _ec(EcFunction.BEGIN, {"blocks": image.blocks, **offer})
    return encode_request("firmware_begin", **offer)


def block(platform: Platform, number: int, data: bytes) -> bytes:
    """Return the command with one block; its answer is not awaited."""
    if platform is Platform.V2_5:
        return _ec(EcFunction.BLOCK, {"number": number, "data": data})
    return encode_request("firmware_block", number=number, data=data)


def verify(platform: Platform) -> bytes | None:
    """Return the command that checks the whole image; None on 5.0, where install checks it."""
    return _ec(EcFunction.VERIFY, {}) if platform is Platform.V2_5 else None


def install(platform: Platform) -> bytes:
    """Return the command that checks the image, backs up the settings and starts the image."""
    if platform is Platform.V2_5:
        return _ec(EcFunction.START, {})
    return encode_request("firmware_install")


def _ec(function: EcFunction, body: dict[str, Any]) -> bytes:
    return encode_request("firmware", function=function, body=body)


def read_next(platform: Platform, answer: bytes) -> int | CommandFailed:
    """Return the number of the next expected block from the answer to begin.

    Return the failure if the register refused; raise ``RemoteError`` for an answer without a
    number.
    """
    found = _read(platform, "firmware_begin", answer)
    if isinstance(found, CommandFailed):
        return found
    if found["next"] is None:
        raise RemoteError("malformed", "an answer to begin without the next block")
    return int(found["next"])


def read_done(platform: Platform, answer: bytes) -> CommandFailed | None:
    """Return None if the answer to verify or install means success, else the failure."""
    found = _read(platform, "firmware_install", answer)
    return found if isinstance(found, CommandFailed) else None


def _read(platform: Platform, name: str, answer: bytes) -> dict[str, Any] | CommandFailed:
    return parse_answer(BY_NAME["firmware" if platform is Platform.V2_5 else name], answer)
