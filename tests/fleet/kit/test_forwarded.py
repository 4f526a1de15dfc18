"""Whose request it is behind proxies, and that nobody talks themselves into another address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.kit.config import FleetConfig
from fleet.kit.forwarded import origin_address, split_networks

TRUSTED = split_networks("10.0.0.0/8, 2001:db8::/32,192.0.2.7")

CASES: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("203.0.113.5", (), "203.0.113.5"),
    ("203.0.113.5", ("198.51.100.1",), "203.0.113.5"),  # a stranger's header is not read
    ("10.0.0.1", (), "10.0.0.1"),
    ("10.0.0.1", ("",), "10.0.0.1"),
    ("10.0.0.1", ("198.51.100.1",), "198.51.100.1"),
    ("10.0.0.1", ("8.8.8.8, 198.51.100.1",), "198.51.100.1"),  # it wrote 8.8.8.8 itself
    ("10.0.0.1", ("8.8.8.8", "198.51.100.1 , 10.9.9.9"), "198.51.100.1"),
    ("10.0.0.1", ("8.8.8.8, 198.51.100.1", "192.0.2.7"), "198.51.100.1"),
    ("::ffff:10.0.0.1", ("::ffff:198.51.100.1",), "198.51.100.1"),
    ("2001:db8::1", ("2a00::5",), "2a00::5"),
    ("10.0.0.1", ("10.0.0.3, 10.0.0.2",), "10.0.0.3"),  # proxies all the way
    ("10.0.0.1", ("8.8.8.8, unknown, 10.0.0.2",), "10.0.0.2"),
    ("10.0.0.1", ("198.51.100.1:4711",), "10.0.0.1"),
    ("10.0.0.1", ("fe80::1%" + "x" * 100,), "10.0.0.1"),
    ("", ("198.51.100.1",), ""),
)


@pytest.mark.parametrize(("peer", "forwarded", "found"), CASES)
def test_the_origin_is_the_last_untrusted_address(
    peer: str, forwarded: tuple[str, ...], found: str
) -> None:
    assert origin_address(peer, forwarded, TRUSTED) == found


@given(st.lists(st.text()), st.ip_addresses().map(str))
def test_a_client_behind_a_trusted_proxy_cannot_forge_its_address(
    invented: list[str], client: str
) -> None:
    assert origin_address("10.0.0.1", [*invented, "198.51.100.1"], TRUSTED) == "198.51.100.1"
    assert origin_address(client, invented, ()) == client


@pytest.mark.parametrize("value", ["proxy.example", "10.0.0.1/8", "10.0.0.0/33"])
def test_an_invalid_network_stops_the_start(value: str) -> None:
    with pytest.raises(ValueError, match="trusted_proxies"):
        FleetConfig(trusted_proxies=value)


def test_no_proxy_is_trusted_by_default() -> None:
    assert FleetConfig(trusted_proxies="").proxies == ()
