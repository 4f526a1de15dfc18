"""Rules of logins, passwords, tokens and attempts."""

import hashlib
import ipaddress
import re
from datetime import datetime, timedelta

from fleet.accounts.errors import LOGIN_UNFIT, PASSWORD_LENGTH
from fleet.kit.input import MAX_PASSWORD, MIN_PASSWORD
from fleet.kit.search import fold_case

SIGN_IN_LIFETIME = timedelta(hours=12)
"""The lifetime of a sign-in, a working day; it is not extended."""

TOKEN_BYTES = 32
MAX_NAME = 256
MAX_SCOPE = 1000
"""The most clients, and the most registers, that an administrator may put into a scope.

Registers that the employee adds join the scope beyond this limit."""

_LOGIN = re.compile(r"[a-z0-9._@+-]{3,64}")
_NOT_PLAIN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]|://")
"""Characters not allowed in a name: control, line-break and text-direction ones, and links."""

ATTEMPTS_WINDOW = timedelta(minutes=15)
MAX_LOGIN_ATTEMPTS = 10
"""Attempts to sign in with one login per window from one network: under a thousand a day."""
MAX_LOGIN_ATTEMPTS_ANYWHERE = 100
"""Attempts with one login per window from all networks together.

With a lower limit one host could lock anybody out."""
IPV6_SITE_FACTOR = 4
"""An IPv6 site (/48) may make this many times the attempts of one of its 65,536 networks."""
MAX_ADDRESS_ATTEMPTS = 50
"""Attempts from one network per window: enough for an office, too few to scan many logins."""
MAX_RECOVERIES, MAX_ADDRESS_RECOVERIES = 3, 20
"""Requests for links per window to one mailbox and from one network.

So nobody floods a mailbox or tries many mailboxes."""
MAX_LETTERS, MAX_PARTNER_LETTERS = 10, 100
"""Letters that the employees of a partner cause per window to one mailbox and to all mailboxes.

So nobody floods mailboxes of strangers, and no partner uses up another partner's limit."""
MAX_PASSWORD_CHANGES = 10
"""Attempts per window to give the current password, for example in somebody's open browser."""

INVITATION_LIFETIME = timedelta(hours=72)
RECOVERY_LIFETIME = timedelta(hours=1)
RESET_LIFETIME = timedelta(hours=72)
"""The lifetime of an administrator's link, as long as an invitation's.

The employee has not requested it and may be away."""
LINK_RETENTION = timedelta(days=30)
"""Time for which an expired link is kept; afterwards it is refused as unknown, not as expired."""
MAX_TOKEN_LIFETIME = timedelta(days=730)
MAX_TOKENS = 20
MAX_EMPLOYEES_PER_EMAIL, MAX_PARTNER_EMPLOYEES_PER_EMAIL = 20, 5
"""The most employees with one e-mail address who get a letter each: of all and of one partner."""

Counters = tuple[tuple[str, int], ...]
"""The counters that an attempt increments, each with its limit per window."""


def normalise_login(text: str) -> str:
    return text.strip().lower()


def check_login(login: str) -> None:
    """Refuse an invalid login; the text must be normalised."""
    if not is_login(login):
        raise LOGIN_UNFIT()


def is_login(login: str) -> bool:
    return _LOGIN.fullmatch(login) is not None


def is_plain(name: str) -> bool:
    """Tell whether a name may appear in the server's letters.

    It must be one line with a visible character, without links and text-direction characters.
    """
    seen = any(char.isprintable() and not char.isspace() for char in name)
    return seen and _NOT_PLAIN.search(name.strip()) is None


def check_password(password: str) -> None:
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise PASSWORD_LENGTH(low=MIN_PASSWORD, high=MAX_PASSWORD)


def employee_reference(employee_id: int) -> str:
    """Return the employee's reference in the outbox and the audit log, ``employee:7``."""
    return f"employee:{employee_id}"


def search_text(*parts: str) -> str:
    return fold_case(" ".join(part for part in parts if part))


def hash_token(token: str) -> bytes:
    """Return the SHA-256 of a token to store; its 256 random bits make a salt unnecessary."""
    return hashlib.sha256(token.encode()).digest()


def login_counters(login: str, address: str) -> Counters:
    """Return the counters of attempts with one login from one network and from anywhere.

    A text that cannot be a login has none: it protects no password, and in lower case it might be
    longer than the key of a counter.
    """
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
    """Return the networks by which an address is counted.

    For IPv4 it is the address itself; for IPv6 the /64, which one host owns entirely, and then the
    /48, which a site is given.
    """
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
    """Return the seconds until the window ends, rounded up; 0 when it is over."""
    left = window_began_at + ATTEMPTS_WINDOW - now
    return max(0, -(-left // timedelta(seconds=1)))
