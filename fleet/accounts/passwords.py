"""Argon2id hashes, made in threads of their own.

One hash takes 64 MiB and tens of milliseconds by design.  Two threads keep the event loop free
and bound the memory that a flood of sign-ins can take; who comes when many wait already is told to
come again, rather than to wait for longer than a request may take.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from fleet.accounts.errors import TOO_MANY_SIGN_INS

Result = TypeVar("Result")

_HASHER = PasswordHasher()
THREADS, MAX_WAITING, RETRY_AFTER_S = 2, 50, 5
_THREADS = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="argon2")
_SLOTS = asyncio.Semaphore(THREADS + MAX_WAITING)

UNKNOWN_LOGIN_HASH = _HASHER.hash("no password opens this")
"""Checked in place of a missing employee, so that an unknown login takes as long as a known."""


async def hash_password(password: str) -> str:
    """Refuses as ``require_capacity`` does, and so does ``verify_password``."""
    return await _in_thread(lambda: _HASHER.hash(password))


async def verify_password(password: str, password_hash: str) -> bool:
    return await _in_thread(lambda: _verify(password, password_hash))


def _verify(password: str, password_hash: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def require_capacity() -> None:
    """Refuse (``sign_ins_wait``) when too many wait: to ask before an attempt is counted."""
    if _SLOTS.locked():
        raise TOO_MANY_SIGN_INS(retry_after_s=RETRY_AFTER_S)


async def _in_thread(work: Callable[[], Result]) -> Result:
    require_capacity()
    async with _SLOTS:
        return await asyncio.get_running_loop().run_in_executor(_THREADS, work)
