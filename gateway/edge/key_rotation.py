"""The one command that leaves the gateway with more than the fleet put into it: a key.

Keys stand in no database.  The fleet orders a generation; here the register's key of it joins.
"""

from typing import Final

from protocol.conversation.messages import Step
from protocol.conversation.seal import KeyRing
from protocol.kktpc.commands import BY_NAME, encode_request

_ROTATE: Final = BY_NAME["rotate_key"]


def with_rotated_key(step: Step, keys: KeyRing, serial: bytes) -> Step:
    """The step with the register's key, if it orders one; ``serial`` is 7 BCD bytes.

    Of a generation that the key ring lacks there is none: the register refuses such a command.
    """
    if step.command[0] != _ROTATE.code:
        return step
    generation = step.command[1]
    key = keys.register_key(generation, serial) or b""
    return step._replace(command=encode_request(_ROTATE, generation=generation, key=key))
