"""The fleet keys on disk."""

import os
from pathlib import Path

from protocol.seal import KeyRing

FILE_NAME = "key-ring.json"


def load(path: Path) -> KeyRing:
    """Raises ``OSError``, or ``ValueError`` for a file that is not a key ring."""
    return KeyRing.load(path)


def load_or_create(path: Path) -> KeyRing:
    """As ``load``; the first time a ring of one generation is made, readable by its owner only."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return load(path)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(KeyRing.generate())
    return load(path)
