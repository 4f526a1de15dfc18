"""The fleet keys on disk."""

import os
from pathlib import Path

from protocol.conversation.seal import KeyRing

FILE_NAME = "key-ring.json"


def load(path: Path) -> KeyRing:
    """``ValueError`` with the way out if the file is missing or is not a key ring."""
    try:
        return KeyRing.load(path)
    except FileNotFoundError:
        raise ValueError(
            f"there is no key ring {path}: `cash-server up` makes one; "
            "CASH_SERVER_KEY_RING says where it is"
        ) from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def load_or_create(path: Path) -> KeyRing:
    """As ``load``; the first time a ring of one generation is made, readable by its owner only."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return load(path)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(KeyRing.generate())
    return load(path)
