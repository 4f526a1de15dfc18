"""Rules of logins and attempts, without a database."""

from datetime import timedelta

import pytest

from fleet.accounts.rules import (
    ATTEMPTS_WINDOW,
    check_login,
    check_password,
    login_counters,
    networks_of,
    normalise_login,
    window_left_s,
)
from fleet.kit.errors import DomainError
from tests.fleet.conftest import START


def test_a_login_is_case_insensitive() -> None:
    assert normalise_login("  Anna@Shop.RU ") == "anna@shop.ru"


@pytest.mark.parametrize("login", ["ab", "a" * 65, "анна", "a b c", "abc\n", ""])
def test_an_invalid_login_is_refused(login: str) -> None:
    with pytest.raises(DomainError, match="login_unfit"):
        check_login(login)


@pytest.mark.parametrize(("length", "fits"), [(7, False), (8, True), (128, True), (129, False)])
def test_a_password_of_a_wrong_length_is_refused(length: int, fits: bool) -> None:
    if fits:
        check_password("x" * length)
    else:
        with pytest.raises(DomainError, match="password_length"):
            check_password("x" * length)


@pytest.mark.parametrize(
    ("address", "networks"),
    [
        ("192.0.2.7", ["192.0.2.7"]),
        ("2001:db8:1:2:3:4:5:6", ["2001:db8:1:2::/64", "2001:db8:1::/48"]),
        ("2001:db8:1:2:ffff::1", ["2001:db8:1:2::/64", "2001:db8:1::/48"]),
        ("::ffff:192.0.2.7", ["192.0.2.7"]),
        ("", [""]),
    ],
)
def test_an_ipv6_address_is_counted_by_network_and_by_site(
    address: str, networks: list[str]
) -> None:
    assert list(networks_of(address)) == networks


def test_a_counter_of_any_login_fits_its_column() -> None:
    longest = login_counters("a" * 64, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
    assert len(longest) == 3 and all(len(counter) <= 128 for counter, _ in longest)
    assert login_counters(normalise_login("İ" * 64), "192.0.2.1") == ()


def test_the_rest_of_a_window_is_rounded_up() -> None:
    assert window_left_s(START, START) == ATTEMPTS_WINDOW.total_seconds()
    assert window_left_s(START, START + timedelta(milliseconds=1)) == 900
    assert window_left_s(START, START + ATTEMPTS_WINDOW) == 0
    assert window_left_s(START, START + 2 * ATTEMPTS_WINDOW) == 0
