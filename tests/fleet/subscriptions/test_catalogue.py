"""The file of plans: what stands in it is sound, and what is not sound stops the start."""

from importlib.resources import files

import pytest

from fleet.subscriptions.catalogue import CATALOGUE, YEAR, PlanKind, plans_offering, read_catalogue
from fleet.subscriptions.entitlements import Entitlement
from protocol.platforms import Platform

TEXT = files("fleet.subscriptions").joinpath("catalogue.toml").read_text(encoding="utf-8")


def test_every_service_is_sold_by_some_plan() -> None:
    sold = {service for plan in CATALOGUE.values() if plan.sold for service in plan.services}
    assert sold == set(Entitlement)


def test_plans_have_a_name_in_both_languages_a_price_and_a_term() -> None:
    for plan in CATALOGUE.values():
        assert not plan.name_ru.isascii() and plan.name_en.isascii() and plan.price_kopecks > 0
        assert (plan.term == YEAR) == (plan.kind is PlanKind.YEARLY)
    assert {plan.kind for plan in CATALOGUE.values()} == set(PlanKind)


@pytest.mark.parametrize(
    ("found", "instead"),
    [
        ('services = ["paper_off"]', 'services = ["monitoring"]'),
        ('services = ["paper_off"]', 'services = ["paper_off", "paper_off"]'),
        ('services = ["paper_off"]', 'services = ["coffee"]'),
        ('services = ["paper_off"]', "services = []"),
        ('code = "paper_off"', 'code = "monitoring"'),
        ('code = "paper_off"', 'code = "Paper off"'),
        ("price_kopecks = 100000", "price_kopecks = 1000.5"),
        ("price_kopecks = 100000", "price_kopecks = 0"),
        ("bonus_points = 45", "bonus_points = -1"),
        ("bonus_points = 45", "bonus_points = 45\nterm_days = 30"),
        ("bonus_points = 45", "bonus_points = 45\ncolour = 1"),
        ("bonus_points = 45", "bonus_points = 45\nsold = false"),
        ("models = [86, 90, 91]", "models = [999]"),
        ('platforms = ["5.0"]', 'platforms = ["6.0"]'),
        ("[[plans]]", "[[plans"),
    ],
)
def test_mistake_in_the_catalogue_file_is_reported(found: str, instead: str) -> None:
    assert found in TEXT
    with pytest.raises(ValueError):
        read_catalogue(TEXT.replace(found, instead))


def test_offered_plans_suit_the_register_cheapest_first() -> None:
    codes = [plan.code for plan in plans_offering(Entitlement.SETTINGS, Platform.V2_5, 69)]
    assert codes == ["management", "complete"]
    (remote,) = plans_offering(Entitlement.REMOTE_ACCESS, Platform.V5_0, 90)
    assert remote.fits(Platform.V5_0, 90) and not remote.fits(Platform.V5_0, 69)
    assert not remote.fits(Platform.V2_5, 90) and not remote.fits(None, 90)
    # Where none fits, people still learn what the service is called.
    assert plans_offering(Entitlement.REMOTE_ACCESS, Platform.V2_5, 69) == [remote]
