"""Who is here: open conversations, and the one that each register has."""

from typing import TYPE_CHECKING

from gateway.metrics import TALLY

if TYPE_CHECKING:
    from gateway.conversation import Conversation


class Presence:
    """Open conversations of this process; a register has one that counts."""

    def __init__(self) -> None:
        self.open: set[Conversation] = set()
        self._of_register: dict[str, Conversation] = {}

    def add(self, conversation: "Conversation") -> None:
        self.open.add(conversation)
        TALLY.open += 1

    def prove(self, serial_number: str, conversation: "Conversation") -> "Conversation | None":
        """The register has proven itself here; returns its earlier conversation, if any is open.

        Only a proof takes over, so that an outsider cannot throw a register out by its number.
        """
        earlier = self._of_register.get(serial_number)
        self._of_register[serial_number] = conversation
        return None if earlier is conversation else earlier

    def remove(self, conversation: "Conversation", serial_number: str) -> None:
        self.open.discard(conversation)
        TALLY.open -= 1
        if self._of_register.get(serial_number) is conversation:
            del self._of_register[serial_number]
