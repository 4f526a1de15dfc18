"""Argon2id hashes, computed in separate threads.

One hash takes 64 MiB and tens of milliseconds by design.  Two threads keep the event loop free
and limit the memory that a flood of sign-ins can use.  When too many already wait, a sign-in is
refused with a time to try again instead of waiting longer than a request may take.
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
"""The hash checked for an unknown login, so that it takes as long as a known one."""


async def hash_password(password: str) -> str:
    """Return the hash of a password; refuse ``sign_ins_wait`` when too many wait."""
    return await _in_thread(lambda: _HASHER.hash(password))


async def verify_password(password: str, password_hash: str) -> bool:
    """Tell whether the password matches the hash; refuse ``sign_ins_wait`` when too many wait."""
    return await _in_thread(lambda: _verify(password, password_hash))


def _verify(password: str, password_hash: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def require_capacity() -> None:
    """Refuse ``sign_ins_wait`` when too many wait; called before an attempt is counted."""
    if _SLOTS.locked():
        raise TOO_MANY_SIGN_INS(retry_after_s=RETRY_AFTER_S)


async def _in_thread(work: Callable[[], Result]) -> Result:
    require_capacity()
    async with _SLOTS:
        return await asyncio.get_running_loop().run_in_executor(_THREADS, work)
