"""The client's address of a request that came through proxies."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

HEADER = "X-Forwarded-For"

Networks = tuple[IPv4Network | IPv6Network, ...]


def split_networks(text: str) -> Networks:
    """Return the networks and single addresses of a list separated by commas.

    Raise ``ValueError`` for anything else.
    """
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def origin_address(peer: str, forwarded: Sequence[str], trusted: Networks) -> str:
    """Return the right-most address that does not belong to a trusted proxy.

    ``peer`` opened the connection; each proxy appends the address of its own client to
    ``forwarded`` (the header's values, in order).  Everything to the left of the first untrusted
    address may be forged by that client and is ignored.  At an entry that is not an address the
    search ends, and the proxy that passed it on counts as the client.
    """
    origin = peer
    for given in reversed(",".join(forwarded).split(",")):
        passed_by, told = _address(origin), _address(given.strip())
        if told is None or passed_by is None or not any(passed_by in each for each in trusted):
            break
        origin = str(told)
    return origin


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address of a text, or None if it is not one.

    An IPv4 address mapped into IPv6 is returned as IPv4.  An IPv6 address with a zone gives None:
    it has no meaning on another host.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    return None if address.scope_id else address.ipv4_mapped or address
