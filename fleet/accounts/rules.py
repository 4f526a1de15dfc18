"""Rules of logins, passwords and attempts."""

import ipaddress
import re
from datetime import datetime, timedelta

from fleet.accounts.errors import LOGIN_UNFIT, PASSWORD_LENGTH

SIGN_IN_LIFETIME = timedelta(hours=12)
"""A working day; the token is not prolonged."""

MIN_PASSWORD, MAX_PASSWORD = 8, 128
_LOGIN = re.compile(r"[a-z0-9._@+-]{3,64}")

ATTEMPTS_WINDOW = timedelta(minutes=15)
MAX_LOGIN_ATTEMPTS = 10
"""Guesses at one password per window, from wherever: under a thousand a day."""
MAX_ADDRESS_ATTEMPTS = 50
"""Whole offices sign in from one address; a scanner of many logins does not get far with 50."""


def normalise_login(text: str) -> str:
    return text.strip().lower()


def check_login(login: str) -> None:
    """Refuse a (normalised) login that could not be typed or told from another."""
    if not _LOGIN.fullmatch(login):
        raise LOGIN_UNFIT()


def check_password(password: str) -> None:
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise PASSWORD_LENGTH(low=MIN_PASSWORD, high=MAX_PASSWORD)


def attempt_counters(login: str, address: str) -> tuple[tuple[str, int], ...]:
    """Which counters an attempt raises, with the most that each allows in a window."""
    return (
        (f"login:{login}", MAX_LOGIN_ATTEMPTS),
        (f"address:{network_of(address)}", MAX_ADDRESS_ATTEMPTS),
    )


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
