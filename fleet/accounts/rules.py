"""Rules of logins, passwords and attempts."""

import hashlib
import ipaddress
import re
from datetime import datetime, timedelta

from fleet.accounts.errors import LOGIN_UNFIT, PASSWORD_LENGTH
from fleet.kit.input import MAX_PASSWORD, MIN_PASSWORD
from fleet.kit.search import fold_case

SIGN_IN_LIFETIME = timedelta(hours=12)
"""A working day; the token is not prolonged."""

TOKEN_BYTES = 32
MAX_NAME = 256
MAX_SCOPE = 1000
"""Clients, and registers, that an administrator may list; what an employee enrols joins beyond."""

_LOGIN = re.compile(r"[a-z0-9._@+-]{3,64}")
_NOT_PLAIN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]|://")
"""Control characters, breaks of lines, turns of the direction of writing, links."""

ATTEMPTS_WINDOW = timedelta(minutes=15)
MAX_LOGIN_ATTEMPTS = 10
"""Guesses at one password per window from one network: under a thousand a day."""
MAX_LOGIN_ATTEMPTS_ANYWHERE = 100
"""From all networks together.  Not fewer, or one host could lock out whom it likes."""
IPV6_SITE_FACTOR = 4
"""An IPv6 site (/48) may do so many times what one of its 65,536 networks may."""
MAX_ADDRESS_ATTEMPTS = 50
"""Whole offices sign in from one address; a scanner of many logins does not get far with 50."""
MAX_RECOVERIES, MAX_ADDRESS_RECOVERIES = 3, 20
"""Links asked for per window: one mailbox is not flooded, many are not tried."""
MAX_LETTERS, MAX_PARTNER_LETTERS = 10, 100
"""Letters that the employees of a partner cause per window to one mailbox, and to all: nobody
floods a stranger's, nor many, and nobody uses up what another partner may send to it."""
MAX_PASSWORD_CHANGES = 10
"""Guesses at the present password by who has found somebody's open browser."""

INVITATION_LIFETIME = timedelta(hours=72)
RECOVERY_LIFETIME = timedelta(hours=1)
RESET_LIFETIME = timedelta(hours=72)
"""As an invitation: who gets it has not asked for it, and may be away."""
LINK_RETENTION = timedelta(days=30)
"""Afterwards an expired link is unknown instead of expired."""
MAX_TOKEN_LIFETIME = timedelta(days=730)
MAX_TOKENS = 20
MAX_EMPLOYEES_PER_EMAIL, MAX_PARTNER_EMPLOYEES_PER_EMAIL = 20, 5
"""Employees of one address who get a letter each when it asks for links, and those of a partner."""

Counters = tuple[tuple[str, int], ...]
"""What an attempt raises, with the most that each allows in a window."""


def normalise_login(text: str) -> str:
    return text.strip().lower()


def check_login(login: str) -> None:
    """Refuse a (normalised) login that could not be typed or told from another."""
    if not is_login(login):
        raise LOGIN_UNFIT()


def is_login(login: str) -> bool:
    return _LOGIN.fullmatch(login) is not None


def is_plain(name: str) -> bool:
    """Whether a name may stand in a letter of ours: one line that can be seen, no link, read as it
    is written."""
    seen = any(char.isprintable() and not char.isspace() for char in name)
    return seen and _NOT_PLAIN.search(name.strip()) is None


def check_password(password: str) -> None:
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise PASSWORD_LENGTH(low=MIN_PASSWORD, high=MAX_PASSWORD)


def employee_reference(employee_id: int) -> str:
    """The employee as the outbox and the audit log name them."""
    return f"employee:{employee_id}"


def search_text(*parts: str) -> str:
    return fold_case(" ".join(part for part in parts if part))


def hash_token(token: str) -> bytes:
    """What is kept of a token (of 256 random bits, so it needs no salt): its SHA-256."""
    return hashlib.sha256(token.encode()).digest()


def login_counters(login: str, address: str) -> Counters:
    """Of guesses at one password from one network, and from anywhere.  What no employee can be
    called has none: there is nothing to guess, and lower case may make it longer than a key."""
    if not is_login(login):
        return ()
    return (
        *_by_network(f"login:{login} ", address, MAX_LOGIN_ATTEMPTS),
        (f"login:{login}", MAX_LOGIN_ATTEMPTS_ANYWHERE),
    )


def address_counters(address: str) -> Counters:
    return _by_network("address:", address, MAX_ADDRESS_ATTEMPTS)


def letter_counters(email: str, partner_id: int) -> Counters:
    return (
        (f"letters:{partner_id} {_mailbox(email)}", MAX_LETTERS),
        (f"letters-partner:{partner_id}", MAX_PARTNER_LETTERS),
    )


def recovery_counters(email: str, address: str) -> Counters:
    return (
        (f"recovery:{_mailbox(email)}", MAX_RECOVERIES),
        *_by_network("recovery-address:", address, MAX_ADDRESS_RECOVERIES),
    )


def _by_network(prefix: str, address: str, most: int) -> Counters:
    allowed = (most, IPV6_SITE_FACTOR * most)
    return tuple(
        (prefix + network, each)
        for network, each in zip(networks_of(address), allowed, strict=False)
    )


def _mailbox(email: str) -> str:
    return hashlib.sha256(email.encode()).hexdigest()


def password_counters(employee_id: int) -> Counters:
    return ((f"password:{employee_id}", MAX_PASSWORD_CHANGES),)


def networks_of(address: str) -> tuple[str, ...]:
    """The address itself; for IPv6 its /64, since one host owns all of it, and then its /48, which
    is what a site is given."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return (address,)
    if isinstance(parsed, ipaddress.IPv4Address):
        return (address,)
    if parsed.ipv4_mapped:
        return (str(parsed.ipv4_mapped),)
    wide = (ipaddress.IPv6Network((int(parsed), bits), strict=False) for bits in (64, 48))
    return tuple(str(network) for network in wide)


def window_left_s(window_began_at: datetime, now: datetime) -> int:
    """Seconds until the window ends, rounded up; 0 when it is over."""
    left = window_began_at + ATTEMPTS_WINDOW - now
    return max(0, -(-left // timedelta(seconds=1)))
