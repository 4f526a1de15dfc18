"""Argon2id hashes, made in threads of their own.

One hash takes 64 MiB and tens of milliseconds by design.  Two threads keep the event loop free
and bound the memory that a flood of sign-ins can take.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

Result = TypeVar("Result")

_HASHER = PasswordHasher()
_THREADS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")

UNKNOWN_LOGIN_HASH = _HASHER.hash("no password opens this")
"""Checked in place of a missing employee, so that an unknown login takes as long as a known."""


async def hash_password(password: str) -> str:
    return await _in_thread(lambda: _HASHER.hash(password))


async def fits(password: str, password_hash: str) -> bool:
    return await _in_thread(lambda: _verify(password, password_hash))


def _verify(password: str, password_hash: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


async def _in_thread(work: Callable[[], Result]) -> Result:
    return await asyncio.get_running_loop().run_in_executor(_THREADS, work)
