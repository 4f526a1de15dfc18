"""Catalogue of subscriptions: the plans of ``catalogue.toml``, checked when the program starts."""

import tomllib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from importlib.resources import files
from types import MappingProxyType
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from fleet.kit.language import Language
from fleet.subscriptions.entitlements import LABELS, Entitlement
from protocol.models import BY_CODE as MODELS
from protocol.platforms import Platform

YEAR: Final = timedelta(days=365)
"""Term of a yearly subscription, from its assignment (ATOL Connect manual)."""

MAX_PLANS: Final = 32
"""Limit that lets a request name every plan at once."""


class PlanKind(StrEnum):
    YEARLY = "yearly"
    FUNCTIONAL = "functional"


class Plan(BaseModel):
    """One kind of subscription; ``price_kopecks`` and ``bonus_points`` are for one unit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: str = Field(pattern=r"^[a-z][a-z0-9_]{1,31}$")
    kind: PlanKind
    name_ru: str = Field(min_length=1, max_length=100)
    name_en: str = Field(min_length=1, max_length=100)
    services: tuple[Entitlement, ...] = Field(min_length=1)
    price_kopecks: int = Field(ge=1, le=100_000_000)
    bonus_points: int = Field(ge=0, le=1_000_000)
    platforms: tuple[Platform, ...] = ()
    """Platforms that can use the plan; empty = all.  ``models`` (codes of ``protocol.models``)
    likewise."""
    models: tuple[int, ...] = ()
    term_days: int | None = Field(default=None, ge=1, le=3660)
    sold: bool = True

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if len(set(self.services)) != len(self.services):
            raise ValueError(f"{self.code}: a service is listed twice")
        if self.kind is PlanKind.YEARLY and self.term_days is not None:
            raise ValueError(f"{self.code}: a year is a year, 'term_days' is for functional plans")
        if strangers := set(self.models) - set(MODELS):
            raise ValueError(f"{self.code}: unknown models {sorted(strangers)}")
        return self

    @property
    def term(self) -> timedelta | None:
        """Return the term of one unit; ``None`` = without end."""
        if self.kind is PlanKind.YEARLY:
            return YEAR
        return None if self.term_days is None else timedelta(days=self.term_days)

    def name(self, language: Language) -> str:
        return self.name_ru if language is Language.RU else self.name_en

    def fits(self, platform: Platform | None, model: int) -> bool:
        """Tell whether a register can use the plan.

        A register whose platform is unknown can only use plans for every platform.
        """
        right_platform = not self.platforms or platform in self.platforms
        return right_platform and (not self.models or model in self.models)


class _Catalogue(BaseModel):
    model_config = ConfigDict(extra="forbid")

    plans: tuple[Plan, ...] = Field(min_length=1, max_length=MAX_PLANS)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        codes = [plan.code for plan in self.plans]
        if len(set(codes)) != len(codes):
            raise ValueError("two plans have one code")
        sold = {service for plan in self.plans if plan.sold for service in plan.services}
        if missing := set(Entitlement) - sold:
            raise ValueError(f"no plan sells {sorted(missing)}")
        return self


def read_catalogue(text: str) -> Mapping[str, Plan]:
    """Return the plans by code, in the order of the file; every service must be sold by some plan.

    Raise ``ValueError``, whose text names the mistake.
    """
    found = _Catalogue.model_validate(tomllib.loads(text))
    return MappingProxyType({plan.code: plan for plan in found.plans})


CATALOGUE: Final = read_catalogue(
    files(__package__).joinpath("catalogue.toml").read_text(encoding="utf-8")
)


def plans_with(entitlement: Entitlement) -> Sequence[Plan]:
    """Return every plan that brings the service, on sale or not."""
    return [plan for plan in CATALOGUE.values() if entitlement in plan.services]


def plans_offering(
    entitlement: Entitlement, platform: Platform | None, model: int
) -> Sequence[Plan]:
    """Return the plans to buy for a register that lacks the service, cheapest first.

    Only those that the register can use; all plans on sale with the service if it can use none.
    """
    sold = [plan for plan in plans_with(entitlement) if plan.sold]
    fitting = [plan for plan in sold if plan.fits(platform, model)]
    return sorted(fitting or sold, key=lambda plan: plan.price_kopecks)


def purchase_hint(
    services: Sequence[Entitlement], platform: Platform | None, model: int
) -> dict[str, str]:
    """Return parameters for an error about a register that needs one of the services.

    They are the names of the services (``services_ru``, ``services_en``) and of the plans to buy
    (``plans_ru``, ``plans_en``).
    """
    labels = [LABELS[each] for each in services]
    plans = dict.fromkeys(
        plan for each in services for plan in plans_offering(each, platform, model)
    )
    return {
        "services_ru": " или ".join(f"«{label.ru}»" for label in labels),
        "services_en": " or ".join(f"'{label.en}'" for label in labels),
        "plans_ru": ", ".join(f"«{plan.name_ru}»" for plan in plans),
        "plans_en": ", ".join(f"'{plan.name_en}'" for plan in plans),
    }
