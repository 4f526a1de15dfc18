"""The one command to which the gateway adds a secret before it is sent: a register's new key.

No database holds keys.  The fleet orders a key generation; the gateway adds the register's key of
it.
"""

from typing import Final

from protocol.conversation.messages import Step
from protocol.conversation.seal import KeyRing
from protocol.kktpc.commands import BY_NAME, encode_request

_ROTATE: Final = BY_NAME["rotate_key"]


def with_rotated_key(step: Step, keys: KeyRing, serial: bytes) -> Step:
    """Return the step, with the register's key if it orders one.

    ``serial`` is 7 BCD bytes. The key is empty if the key ring lacks the generation: the register
    refuses such a command.
    """
    if step.command[0] != _ROTATE.code:
        return step
    generation = step.command[1]
    key = keys.register_key(generation, serial) or b""
    return step._replace(command=encode_request(_ROTATE, generation=generation, key=key))
