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

from fleet.accounts.errors import SIGN_INS_WAIT

Result = TypeVar("Result")

_HASHER = PasswordHasher()
THREADS, MAX_WAITING, COME_AGAIN_S = 2, 50, 5
_THREADS = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="argon2")
_PLACES = asyncio.Semaphore(THREADS + MAX_WAITING)

UNKNOWN_LOGIN_HASH = _HASHER.hash("no password opens this")
"""Checked in place of a missing employee, so that an unknown login takes as long as a known."""


async def hash_password(password: str) -> str:
    """Refuses as ``check_place`` does, and so does ``fits``."""
    return await _in_thread(lambda: _HASHER.hash(password))


async def fits(password: str, password_hash: str) -> bool:
    return await _in_thread(lambda: _verify(password, password_hash))


def _verify(password: str, password_hash: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def check_place() -> None:
    """Refuse (``sign_ins_wait``) when too many wait: to ask before an attempt is counted."""
    if _PLACES.locked():
        raise SIGN_INS_WAIT(retry_after_s=COME_AGAIN_S)


async def _in_thread(work: Callable[[], Result]) -> Result:
    check_place()
    async with _PLACES:
        return await asyncio.get_running_loop().run_in_executor(_THREADS, work)
