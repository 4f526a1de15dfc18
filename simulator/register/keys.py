"""The keys that a register holds: the working key and one on trial."""

from dataclasses import dataclass
from typing import NamedTuple


class RegisterKey(NamedTuple):
    """A register's key of one generation."""

    generation: int
    key: bytes


@dataclass(slots=True)
class KeyStore:
    """The proven key and a new one, which is proven by the first conversation accepted under it.

    ``proven`` is ``None`` while the factory's key is the working one.
    """

    proven: RegisterKey | None = None
    candidate: RegisterKey | None = None

    def next_key(self, factory: RegisterKey) -> RegisterKey:
        """Return the key of the next conversation: candidate, else proven, else factory key."""
        return self.candidate or self.proven or factory

    def on_accepted(self, key: RegisterKey) -> None:
        """Make the candidate the proven key if a reading was accepted under it."""
        if key == self.candidate:
            self.proven, self.candidate = key, None

    def on_refused(self, key: RegisterKey) -> None:
        """Forget the candidate if a conversation under it was refused."""
        if key == self.candidate:
            self.candidate = None
