"""Transfer of a firmware image to a register, which then restarts with it.

The command "begin" asks which block the register wants next.  A window of blocks goes out and
"begin" is asked again, so a transfer that was interrupted goes on where it stopped.  The register
checks the whole image and installs it when no shift is open and no receipt is unsent (until then it
postpones the step).  The firmware that it reports at its next check-in decides the outcome.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, ClassVar, Final

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from fleet.accounts.roles import Right
from fleet.firmware.manifest import ImageFacts
from fleet.kit.input import Input
from fleet.kit.validation import describe_pattern
from fleet.operations.errors import (
    FIRMWARE_SAME,
    IMAGE_UNKNOWN,
    IMAGE_WRONG_MODEL,
    IMAGE_WRONG_PLATFORM,
    PLATFORM_SAME,
)
from fleet.operations.rules import Channel, StatusCause, WaitingFor
from fleet.operations.types.contract import (
    Await,
    Done,
    Failed,
    Objection,
    OperationSnapshot,
    OperationType,
    Progress,
    Send,
    StepOutcome,
    Stream,
    TargetRegister,
)
from fleet.operations.types.setting_list import unknown_platform_objection
from protocol.errors import RemoteError
from protocol.firmware import VERSION_PATTERN, Image
from protocol.kktpc import firmware_commands
from protocol.kktpc.commands import CommandFailed
from protocol.platforms import Platform

WINDOW_BYTES: Final = 32 * 1024
"""Bytes sent between two questions about the progress of the transfer."""

MAX_STALLED: Final = 5
"""Greatest number of windows in a row from which the register has accepted nothing."""

LOADED_PERCENT: Final = 95


class FirmwareParams(Input):
    """The image to install."""

    image: str = Field(
        pattern=describe_pattern(
            f"^[0-9]{{1,3}}/{VERSION_PATTERN}$",
            "нужны код модели и версия через «/», например 61/5.9.1.",
            "must be a model code and a version, for example 61/5.9.1.",
        ),
        description="model/version, one of GET /api/v1/firmware-images.",
        examples=["61/5.9.1"],
    )
    facts: SkipJsonSchema[ImageFacts | None] = Field(
        default=None, description="Filled in by the server; what is sent here is replaced."
    )


class FirmwareTransfer(OperationType[FirmwareParams]):
    """Operation from the first offer of an image to the register's report of what it runs."""

    right: ClassVar = Right.FIRMWARE
    channels: ClassVar = (Channel.CASH_SERVER, Channel.ASSISTANT)
    deadline: ClassVar = timedelta(days=14)
    Params = FirmwareParams

    @abstractmethod
    def source(self, image: Platform) -> Platform | None:
        """Return the platform of the registers that this image is for, if any."""

    def objection(self, target: TargetRegister, params: FirmwareParams) -> Objection | None:
        facts = params.facts
        if facts is None:
            return Objection(IMAGE_UNKNOWN, {"image": params.image})
        if target.platform is None:
            return unknown_platform_objection(target)
        if target.model != facts.model:
            return Objection(IMAGE_WRONG_MODEL, {"image": params.image})
        if target.platform is facts.platform is not self.source(facts.platform):
            return Objection(PLATFORM_SAME, {"platform": target.platform})
        if target.platform is not self.source(facts.platform):
            said = {"image_platform": facts.platform, "platform": target.platform}
            return Objection(IMAGE_WRONG_PLATFORM, said)
        if target.firmware_version == facts.version:
            return Objection(FIRMWARE_SAME, {"version": facts.version})
        return None

    def next_step(
        self, order: OperationSnapshot[FirmwareParams], answer: bytes | None
    ) -> StepOutcome:
        if order.params.facts is None:
            raise ValueError("an operation with firmware was ordered without an image")
        image = order.params.facts.image
        stage: str | None = order.progress.get("stage")
        if answer is None:
            return _arrived(order, image) if stage == "restart" else self._begin(image)
        return _AFTER[str(stage)](self._wire(image), image, order.progress, answer)

    def _begin(self, image: Image) -> Send:
        kept = {"stage": "load", "next": 0, "stalled": 0}
        return Send(firmware_commands.begin(self._wire(image), image), kept, 0)

    def _wire(self, image: Image) -> Platform:
        return self.source(image.platform) or image.platform


def _after_begin(wire: Platform, image: Image, progress: Progress, answer: bytes) -> StepOutcome:
    wanted = firmware_commands.read_next(wire, answer)
    if isinstance(wanted, CommandFailed):
        return _failed("firmware_begin", wanted)
    if wanted > image.blocks:
        raise RemoteError("malformed", "a block after the last one is wanted")
    if wanted == image.blocks:
        return _verify(wire)
    stalled = progress["stalled"] + 1 if wanted <= progress["next"] else 0
    if stalled > MAX_STALLED:
        return Failed(StatusCause.TRANSFER_STALLED, {"block": wanted, "blocks": image.blocks})
    last = wanted + max(1, WINDOW_BYTES // image.block_size) - 1
    return Send(
        firmware_commands.begin(wire, image),
        {"stage": "load", "next": wanted, "stalled": stalled},
        LOADED_PERCENT * wanted // image.blocks,
        Stream(image.image_id, wanted, min(last, image.blocks - 1)),
    )


def _verify(wire: Platform) -> Send:
    command = firmware_commands.verify(wire)
    if command is None:
        return _install(wire)
    return Send(command, {"stage": "verify"}, LOADED_PERCENT)


def _after_verify(wire: Platform, _: Image, __: Progress, answer: bytes) -> StepOutcome:
    failed = firmware_commands.read_done(wire, answer)
    return _install(wire) if failed is None else _failed("firmware_verify", failed)


def _install(wire: Platform) -> Send:
    kept = {"stage": "install", "waiting_for": WaitingFor.BACKING_UP_SETTINGS}
    return Send(firmware_commands.install(wire), kept, LOADED_PERCENT + 1)


def _after_install(wire: Platform, _: Image, __: Progress, answer: bytes) -> StepOutcome:
    failed = firmware_commands.read_done(wire, answer)
    if failed is not None:
        return _failed("firmware_install", failed)
    return Await({"stage": "restart"}, 99)


def _arrived(order: OperationSnapshot[FirmwareParams], image: Image) -> StepOutcome:
    """Return the outcome after the restart, by the firmware that the register reports."""
    if order.facts is None:
        return Await(order.progress, 99)
    said = {"firmware_version": order.facts.firmware_version, "platform": order.platform}
    if said == {"firmware_version": image.version, "platform": image.platform}:
        return Done(said)
    return Failed(StatusCause.FIRMWARE_UNCHANGED, {**said, "expected": image.version})


def _failed(command: str, answer: CommandFailed) -> Failed:
    return Failed(StatusCause.COMMAND_FAILED, {"command": command, "code": answer.code})


_After = Callable[[Platform, Image, Mapping[str, Any], bytes], StepOutcome]
_AFTER: Final[Mapping[str, _After]] = {
    "load": _after_begin,
    "verify": _after_verify,
    "install": _after_install,
}
