"""Where a request comes from when proxies stand between."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

HEADER = "X-Forwarded-For"

Networks = tuple[IPv4Network | IPv6Network, ...]


def split_networks(text: str) -> Networks:
    """Networks and single addresses, separated by commas.  ``ValueError``."""
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def origin_address(peer: str, forwarded: Sequence[str], trusted: Networks) -> str:
    """The right-most address that is no trusted proxy's.

    ``peer`` opened the connection, and each proxy adds to ``forwarded`` (the header's values, in
    order) whom it heard from.  So what stands to the left of the first stranger is that stranger's
    own invention, and what is no address at all ends at the proxy that let it through.
    """
    origin = peer
    for given in reversed(",".join(forwarded).split(",")):
        passed_by, told = _address(origin), _address(given.strip())
        if told is None or passed_by is None or not any(passed_by in each for each in trusted):
            break
        origin = str(told)
    return origin


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """IPv4 inside IPv6 is IPv4; an address with a zone means nothing on another host."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    return None if address.scope_id else address.ipv4_mapped or address
