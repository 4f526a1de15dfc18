"""The fleet keys on disk.

A key ring is written whole beside its place, flushed to the disk and put there in one step: a
crash or a full disk leaves the old file, or none, and never half of one.
"""

import json
import os
import secrets
from pathlib import Path
from typing import Final

from protocol.conversation.seal import KEY_SIZE, KeyRing

FILE_NAME = "key-ring.json"
MAX_GENERATION: Final = 255


def load(path: Path) -> KeyRing:
    """Return the key ring in a file; raise ``ValueError`` with advice if missing or invalid."""
    try:
        return KeyRing.load(path)
    except FileNotFoundError:
        raise ValueError(
            f"there is no key ring {path}: `cash-server key-ring create` makes one; "
            "CASH_SERVER_KEY_RING says where it is"
        ) from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def create(path: Path) -> KeyRing:
    """Create a key ring of one generation; raise ``FileExistsError`` if there is one.

    Only the file's owner may read it.
    """
    draft = _draft(path, KeyRing.generate())
    try:
        os.link(draft, path)
    finally:
        draft.unlink()
    _flush_folder(path.parent)
    return load(path)


def load_or_create(path: Path) -> KeyRing:
    """Return the key ring in a file; create the file if it is missing.

    Raise ``ValueError`` as ``load`` does.
    """
    try:
        return create(path)
    except FileExistsError:
        return load(path)


def add_generation(path: Path) -> int:
    """Add a generation with a new key, which becomes the current one; return its number.

    Raise ``ValueError`` as ``load`` does, or if there is no number left.
    """
    generation = load(path).current + 1
    if generation > MAX_GENERATION:
        raise ValueError(f"{path}: {MAX_GENERATION} is the last generation")
    keys = json.loads(path.read_text("ascii"))
    keys[str(generation)] = secrets.token_hex(KEY_SIZE)
    _draft(path, json.dumps(keys)).replace(path)
    _flush_folder(path.parent)
    return generation


def _draft(path: Path, text: str) -> Path:
    """Write the text to a new file beside ``path``, flushed to the disk; return its path."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        draft.unlink()
        raise
    return draft


def _flush_folder(folder: Path) -> None:
    """Flush the folder's entries to the disk, where the system can."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
