"""The open conversations of a process, and the one of each register that counts."""

from typing import Protocol

from gateway.edge.metrics import HOT_PATH_METRICS, ConversationOutcome


class Present(Protocol):
    """A conversation, as those who keep it and end it see it."""

    def finish(self, outcome: ConversationOutcome, why: str) -> None: ...

    def on_link_lost(self) -> None: ...

    def stop(self) -> None: ...

    def sweep(self, now: float) -> None: ...


class Presence:
    """Open conversations of this process; a register has one that counts."""

    def __init__(self) -> None:
        self.open: set[Present] = set()
        self._of_register: dict[str, Present] = {}

    def add(self, conversation: Present) -> None:
        self.open.add(conversation)
        HOT_PATH_METRICS.open += 1

    def make_current(self, serial_number: str, conversation: Present) -> Present | None:
        """The register has proven itself here; returns its earlier conversation, if any is open.

        Only a proof takes over, so that an outsider cannot throw a register out by its number.
        """
        earlier = self._of_register.get(serial_number)
        self._of_register[serial_number] = conversation
        return None if earlier is conversation else earlier

    def remove(self, conversation: Present, serial_number: str) -> None:
        self.open.discard(conversation)
        HOT_PATH_METRICS.open -= 1
        if self._of_register.get(serial_number) is conversation:
            del self._of_register[serial_number]
