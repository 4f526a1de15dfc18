"""Queries of templates: lists, one of them, and the parameters that an operation takes from one.

Every function looks only at the actor's partner; other templates are "not found".
"""

import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.kit.actor import Actor
from fleet.kit.input import MAX_INTEGER, Input
from fleet.kit.language import Language
from fleet.kit.paging import Keyset, Page, PageQuery, page_of, read_cursor
from fleet.templates.errors import OUTLET_NOT_FOUND, TEMPLATE_NOT_FOUND
from fleet.templates.models import (
    InfoReceipt,
    Outlet,
    PartnerRecord,
    ReceiptTemplate,
    SettingsTemplate,
    TipsTemplate,
)
from fleet.templates.rules import SYSTEM_TEMPLATES, choices_on, to_settings
from fleet.templates.settings_table import (
    FIELDS,
    GROUP_LABELS,
    FieldKind,
    SettingField,
    SettingGroup,
)
from protocol.platforms import Platform


class TemplateKey(Input):
    """Key of a template; system templates have numbers below zero."""

    id: int = Field(gt=-MAX_INTEGER, lt=MAX_INTEGER)


class SettingsFilter(PageQuery):
    """Conditions of the list of settings templates."""

    platform: Platform | None = None


class RecordView(BaseModel):
    """Fields that every template shows."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str


class DatedRecordView(RecordView):
    """A template that a person has made."""

    created_at: datetime
    changed_at: datetime


class SettingsView(DatedRecordView):
    """A settings template; ``values``: field of `GET /settings-templates/fields` to value."""

    platform: Platform
    values: dict[str, Any]


class ReceiptRow(RecordView):
    """A receipt template; a system one is a part of platform 5.0 and has no file."""

    platform: Platform = Platform.V2_5
    tape_width_mm: int
    system: bool = False
    size: int | None = None
    sha256: str | None = None
    created_at: datetime | None = None
    changed_at: datetime | None = None


class ReceiptView(ReceiptRow):
    """A receipt template with its file."""

    content: str | None = Field(description="Base64; none for a system template.")


class InfoReceiptView(DatedRecordView):
    """An info-receipt."""

    text: str


class OutletView(DatedRecordView):
    """A sales point."""


class TipsView(DatedRecordView):
    """A tips template."""

    description: str
    outlet_id: int


class ChoiceView(BaseModel):
    """One value of a setting's list of values."""

    value: str
    label: str
    platforms: list[Platform]


class SettingFieldView(BaseModel):
    """One setting that a template can hold."""

    key: str
    label: str
    kind: FieldKind
    secret: bool
    settings: dict[Platform, str] = Field(
        description="By platform: number of the setting, or its table cell. A platform that is "
        "not here has no such setting."
    )
    choices: list[ChoiceView]


class SettingGroupView(BaseModel):
    """One group of settings."""

    group: SettingGroup
    label: str
    fields: list[SettingFieldView]


class SettingsFields(BaseModel):
    """All settings that a settings template can hold."""

    items: list[SettingGroupView]


Model = TypeVar("Model", bound=PartnerRecord)
View = TypeVar("View", bound=RecordView)


def fields(language: Language) -> SettingsFields:
    """Return the table of settings with labels in this language."""
    index = 0 if language is Language.RU else 1
    return SettingsFields(
        items=[
            SettingGroupView(
                group=group,
                label=labels[index],
                fields=[_field(field, index) for field in FIELDS if field.group is group],
            )
            for group, labels in GROUP_LABELS.items()
        ]
    )


def _field(field: SettingField, index: int) -> SettingFieldView:
    return SettingFieldView(
        key=field.key,
        label=(field.label_ru, field.label_en)[index],
        kind=field.kind,
        secret=field.secret,
        settings={platform: _place(field, platform) for platform in field.by_platform},
        choices=[
            ChoiceView(
                value=value,
                label=labels[index],
                platforms=[each for each in Platform if value in choices_on(field, each)],
            )
            for value, labels in field.choices.items()
        ],
    )


def _place(field: SettingField, platform: Platform) -> str:
    setting = field.setting(platform)
    cell = setting and setting.cell
    return str(cell or field.by_platform[platform].number)


async def find_own(
    db: AsyncSession, actor: Actor, model: type[Model], id_: int, field: str = "id"
) -> Model:
    """Return the partner's template; raise a refusal that names the input ``field`` for another."""
    mine = select(model).where(model.id == id_, model.partner_id == actor.partner_id)
    found = await db.scalar(mine)
    if found is None:
        refusal = OUTLET_NOT_FOUND if model is Outlet else TEMPLATE_NOT_FOUND
        raise refusal(field=field, id=id_)
    return found


async def page(
    db: AsyncSession,
    actor: Actor,
    model: type[Model],
    query: PageQuery,
    view: type[View],
    **equal: object,
) -> Page[View]:
    """Return one page of the partner's templates by id; ``equal`` maps a column to its value."""
    rows = await _rows(db, actor, model, query, equal)
    return page_of(rows, query.limit, view.model_validate, _position)


async def receipts(db: AsyncSession, actor: Actor, query: PageQuery) -> Page[ReceiptRow]:
    """Return one page of the system templates followed by the partner's own."""
    after = _after_cursor(query)
    system = [system_row(each.id) for each in SYSTEM_TEMPLATES if after is None or each.id > after]
    rows = await _rows(db, actor, ReceiptTemplate, query, {})
    shown = [*system, *(ReceiptRow.model_validate(row) for row in rows)]
    return page_of(shown[: query.limit + 1], query.limit, lambda row: row, _position)


def system_row(id_: int) -> ReceiptRow:
    """Return the system template of that number; raise ``TEMPLATE_NOT_FOUND`` for another."""
    for each in SYSTEM_TEMPLATES:
        if each.id == id_:
            return ReceiptRow(**each._asdict(), platform=Platform.V5_0, system=True)
    raise TEMPLATE_NOT_FOUND(id=id_)


async def receipt(db: AsyncSession, actor: Actor, id_: int) -> ReceiptView:
    """Return a receipt template with its file."""
    if id_ < 0:
        return ReceiptView(**system_row(id_).model_dump(), content=None)
    found = await find_own(db, actor, ReceiptTemplate, id_)
    row = ReceiptRow.model_validate(found)
    return ReceiptView(**row.model_dump(), content=_base64(found.content))


async def _rows(
    db: AsyncSession,
    actor: Actor,
    model: type[Model],
    query: PageQuery,
    equal: Mapping[str, object],
) -> Sequence[Model]:
    given = {name: value for name, value in equal.items() if value is not None}
    mine = select(model).filter_by(partner_id=actor.partner_id, **given)
    by_number = Keyset(TemplateKey, {"id": model.id})
    return (await db.scalars(by_number.page(mine, query))).all()


def _after_cursor(query: PageQuery) -> int | None:
    return None if query.after is None else read_cursor(TemplateKey, query.after).id


def _position(row: PartnerRecord | RecordView) -> TemplateKey:
    return TemplateKey(id=row.id)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


# ---- what an operation takes from a template ----------------------------------------------------


async def _of_settings(db: AsyncSession, actor: Actor, id_: int) -> dict[str, Any]:
    found = await find_own(db, actor, SettingsTemplate, id_, _TEMPLATE_ID)
    settings = to_settings(found.platform, found.values)
    return {"platform": found.platform, "settings": settings}


async def _of_receipt(db: AsyncSession, actor: Actor, id_: int) -> dict[str, Any]:
    found = await find_own(db, actor, ReceiptTemplate, id_, _TEMPLATE_ID)
    return {"tape_width_mm": found.tape_width_mm, "content": _base64(found.content)}


async def _of_info_receipt(db: AsyncSession, actor: Actor, id_: int) -> dict[str, Any]:
    return {"text": (await find_own(db, actor, InfoReceipt, id_, _TEMPLATE_ID)).text}


async def _of_tips(db: AsyncSession, actor: Actor, id_: int) -> dict[str, Any]:
    found = await find_own(db, actor, TipsTemplate, id_, _TEMPLATE_ID)
    outlet = await find_own(db, actor, Outlet, found.outlet_id)
    return {"name": found.name, "description": found.description, "outlet": outlet.name}


_TEMPLATE_ID = "params.template_id"
PARAMS: Mapping[str, Callable[[AsyncSession, Actor, int], Awaitable[dict[str, Any]]]] = {
    "settings_upload": _of_settings,
    "receipt_template": _of_receipt,
    "info_receipt": _of_info_receipt,
    "tips_template": _of_tips,
}
"""Type of an operation -> a function from a template's id to the parameters that it gives."""
