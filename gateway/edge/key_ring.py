"""The fleet keys on disk."""

import os
from pathlib import Path

from protocol.conversation.seal import KeyRing

FILE_NAME = "key-ring.json"


def load(path: Path) -> KeyRing:
    """Return the key ring in a file; raise ``ValueError`` with advice if missing or invalid."""
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
    """Return the key ring in a file; create the file if it is missing.

    The new ring has one generation; only the file's owner may read it. Raise ``ValueError`` as
    ``load`` does.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return load(path)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(KeyRing.generate())
    return load(path)
