"""The keys that a register holds: the one that works, and one on trial."""

from dataclasses import dataclass
from typing import NamedTuple


class RegisterKey(NamedTuple):
    """A register's key of one generation."""

    generation: int
    key: bytes


@dataclass(slots=True)
class KeyStore:
    """A key that was sent proves itself by a conversation; until then the old one is kept.

    ``proven`` is ``None`` while the factory's key is the one that works.
    """

    proven: RegisterKey | None = None
    candidate: RegisterKey | None = None

    def next_key(self, factory: RegisterKey) -> RegisterKey:
        """The key of the next conversation."""
        return self.candidate or self.proven or factory

    def on_accepted(self, key: RegisterKey) -> None:
        """A reading was accepted under the key: it replaces what was before it."""
        if key == self.candidate:
            self.proven, self.candidate = key, None

    def on_refused(self, key: RegisterKey) -> None:
        """A conversation under the key was refused: one on trial is forgotten."""
        if key == self.candidate:
            self.candidate = None
