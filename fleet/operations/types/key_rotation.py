"""Change of a register's key to another generation without losing the register.

The command names the generation only: the gateway alone has the key ring and adds the key when the
command leaves.  The register keeps the old key until a conversation under the new one has been
accepted; a check-in under the new key is the proof.
"""

from typing import ClassVar

from pydantic import Field, StrictInt

from fleet.accounts.roles import Right
from fleet.kit.input import Input
from fleet.operations.rules import StatusCause
from fleet.operations.types.contract import (
    Await,
    Done,
    Failed,
    Objection,
    OperationSnapshot,
    OperationType,
    Send,
    StepOutcome,
    TargetRegister,
)
from fleet.operations.types.setting_list import unknown_platform_objection
from protocol.kktpc.commands import BY_NAME, CommandFailed, encode_request, parse_answer

MAX_ATTEMPTS = 3
"""Times in all that the key is sent to a register that comes back under its old key."""


class KeyRotationParams(Input):
    """Generation of the fleet's key ring."""

    generation: StrictInt = Field(
        ge=1, le=255, description="Generation of the key ring that the register is to use."
    )


class KeyRotation(OperationType[KeyRotationParams]):
    """Operation that succeeds when the register checks in under the new generation."""

    kind: ClassVar = "key_rotation"
    label_ru: ClassVar = "Перезапись сертификата"
    label_en: ClassVar = "Certificate rewrite"
    right: ClassVar = Right.SETTINGS
    Params = KeyRotationParams

    def objection(self, target: TargetRegister, params: KeyRotationParams) -> Objection | None:
        return unknown_platform_objection(target)

    def next_step(
        self, order: OperationSnapshot[KeyRotationParams], answer: bytes | None
    ) -> StepOutcome:
        attempts: int = order.progress.get("attempts", 0)
        if answer is not None:
            return _sent(answer, attempts)
        generation = order.params.generation
        if order.facts is not None and order.facts.key_generation == generation:
            return Done({"generation": generation})
        if attempts == MAX_ATTEMPTS:
            return Failed(StatusCause.KEY_NOT_TAKEN, {"generation": generation})
        command = encode_request("rotate_key", generation=generation)
        return Send(command, {"attempts": attempts + 1}, 30)


def _sent(answer: bytes, attempts: int) -> StepOutcome:
    found = parse_answer(BY_NAME["rotate_key"], answer)
    if isinstance(found, CommandFailed):
        return Failed(StatusCause.COMMAND_FAILED, {"command": "rotate_key", "code": found.code})
    return Await({"attempts": attempts}, 60)
