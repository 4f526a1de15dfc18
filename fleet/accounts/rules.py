"""Rules of logins, passwords and attempts."""

import hashlib
import ipaddress
import re
from datetime import datetime, timedelta

from fleet.accounts.errors import LOGIN_UNFIT, PASSWORD_LENGTH

SIGN_IN_LIFETIME = timedelta(hours=12)
"""A working day; the token is not prolonged."""

TOKEN_BYTES = 32
MAX_NAME = 256

MIN_PASSWORD, MAX_PASSWORD = 8, 128
_LOGIN = re.compile(r"[a-z0-9._@+-]{3,64}")

ATTEMPTS_WINDOW = timedelta(minutes=15)
MAX_LOGIN_ATTEMPTS = 10
"""Guesses at one password per window, from wherever: under a thousand a day."""
MAX_ADDRESS_ATTEMPTS = 50
"""Whole offices sign in from one address; a scanner of many logins does not get far with 50."""
MAX_RECOVERIES, MAX_ADDRESS_RECOVERIES = 3, 20
"""Links asked for per window: one mailbox is not flooded, many are not tried."""
MAX_LETTERS = 10
"""Links that administrators send to one mailbox per window: nobody floods a stranger's."""
MAX_PASSWORD_CHANGES = 10
"""Guesses at the present password by who has found somebody's open browser."""

INVITATION_LIFETIME = timedelta(hours=72)
RECOVERY_LIFETIME = timedelta(hours=1)
RESET_LIFETIME = timedelta(hours=72)
"""As an invitation: who gets it has not asked for it, and may be away."""
LINK_KEPT_FOR = timedelta(days=30)
"""Afterwards an expired link is unknown instead of expired."""
MAX_TOKEN_LIFETIME = timedelta(days=730)
MAX_TOKENS = 20
MAX_SHARING_EMAIL = 5
"""Employees of one address who get a letter each when it asks for links."""

Counters = tuple[tuple[str, int], ...]
"""What an attempt raises, with the most that each allows in a window."""


def normalise_login(text: str) -> str:
    return text.strip().lower()


def check_login(login: str) -> None:
    """Refuse a (normalised) login that could not be typed or told from another."""
    if not _LOGIN.fullmatch(login):
        raise LOGIN_UNFIT()


def check_password(password: str) -> None:
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise PASSWORD_LENGTH(low=MIN_PASSWORD, high=MAX_PASSWORD)


def named(employee_id: int) -> str:
    """The employee as the outbox and the audit log name them."""
    return f"employee:{employee_id}"


def search_text(*parts: str) -> str:
    return " ".join(part for part in parts if part).lower()


def hash_token(token: str) -> bytes:
    """What is kept of a token (of 256 random bits, so it needs no salt): its SHA-256."""
    return hashlib.sha256(token.encode()).digest()


def attempt_counters(login: str, address: str) -> Counters:
    return (
        (f"login:{login}", MAX_LOGIN_ATTEMPTS),
        (f"address:{network_of(address)}", MAX_ADDRESS_ATTEMPTS),
    )


def letter_counters(email: str) -> Counters:
    return ((f"letters:{_mailbox(email)}", MAX_LETTERS),)


def recovery_counters(email: str, address: str) -> Counters:
    return (
        (f"recovery:{_mailbox(email)}", MAX_RECOVERIES),
        (f"recovery-address:{network_of(address)}", MAX_ADDRESS_RECOVERIES),
    )


def _mailbox(email: str) -> str:
    return hashlib.sha256(email.encode()).hexdigest()


def password_counters(employee_id: int) -> Counters:
    return ((f"password:{employee_id}", MAX_PASSWORD_CHANGES),)


def network_of(address: str) -> str:
    """The address itself; for IPv6 its /64, since one host owns all of it."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(parsed), 64), strict=False))


def window_left_s(window_began_at: datetime, now: datetime) -> int:
    """Seconds until the window ends, rounded up; 0 when it is over."""
    left = window_began_at + ATTEMPTS_WINDOW - now
    return max(0, -(-left // timedelta(seconds=1)))
