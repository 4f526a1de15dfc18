"""The open conversations of a process, and the current one of each register."""

from typing import Protocol

from gateway.edge.metrics import HOT_PATH_METRICS, ConversationOutcome


class Present(Protocol):
    """A conversation, as ``Presence``, the server and other conversations use it."""

    def finish(self, outcome: ConversationOutcome, why: str) -> None:
        """End the conversation with this outcome, once, without a message."""

    def on_link_lost(self) -> None:
        """End the conversation, because its link is gone."""

    def stop(self) -> None:
        """End the conversation unless a reply waits for its commit."""

    def sweep(self, now: float) -> None:
        """End a conversation that has lasted or been silent for too long."""


class Presence:
    """The open conversations of this process; each register has one current conversation."""

    def __init__(self) -> None:
        self.open: set[Present] = set()
        self._of_register: dict[str, Present] = {}

    def add(self, conversation: Present) -> None:
        """Add an open conversation; its register is not known yet."""
        self.open.add(conversation)
        HOT_PATH_METRICS.open += 1

    def make_current(self, serial_number: str, conversation: Present) -> Present | None:
        """Make this the register's current conversation; return an earlier open one.

        It is called only after the register has proven its key, so that an outsider cannot end a
        register's conversation by naming its serial number.
        """
        earlier = self._of_register.get(serial_number)
        self._of_register[serial_number] = conversation
        return None if earlier is conversation else earlier

    def remove(self, conversation: Present, serial_number: str) -> None:
        """Remove an ended conversation, also as its register's current one."""
        self.open.discard(conversation)
        HOT_PATH_METRICS.open -= 1
        if self._of_register.get(serial_number) is conversation:
            del self._of_register[serial_number]
