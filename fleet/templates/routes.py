"""Endpoints of templates; a template goes to registers by `POST /operations`."""

from fleet.accounts.roles import Right
from fleet.kit.http import Call, endpoint
from fleet.kit.input import Nothing
from fleet.kit.paging import Page, PageQuery
from fleet.templates import queries, service
from fleet.templates.forms import (
    InfoReceiptBody,
    OutletBody,
    PreviewBody,
    PrintPreview,
    ReceiptBody,
    SettingsBody,
    TipsBody,
)
from fleet.templates.models import (
    InfoReceipt,
    Outlet,
    ReceiptTemplate,
    SettingsTemplate,
    TipsTemplate,
)
from fleet.templates.queries import (
    InfoReceiptView,
    OutletView,
    ReceiptRow,
    ReceiptView,
    SettingsFields,
    SettingsFilter,
    SettingsView,
    TemplateKey,
    TipsView,
)
from fleet.templates.rules import preview, require_printable


@endpoint("GET", "/settings-templates/fields", right=Right.SETTINGS)
async def list_settings_fields(call: Call[Nothing, None]) -> SettingsFields:
    """Every setting that a template can hold, by groups, with its values and platforms."""
    return queries.fields(call.language)


@endpoint("GET", "/settings-templates", right=Right.SETTINGS)
async def list_settings(call: Call[SettingsFilter, None]) -> Page[SettingsView]:
    """The partner's settings templates."""
    platform = call.query.platform
    return await queries.page(
        call.db, call.actor, SettingsTemplate, call.query, SettingsView, platform=platform
    )


@endpoint("GET", "/settings-templates/{id}", right=Right.SETTINGS)
async def show_settings(call: Call[TemplateKey, None]) -> SettingsView:
    """One settings template."""
    found = await queries.find_own(call.db, call.actor, SettingsTemplate, call.query.id)
    return SettingsView.model_validate(found)


@endpoint("POST", "/settings-templates", right=Right.SETTINGS, status=201)
async def create_settings(call: Call[Nothing, SettingsBody]) -> SettingsView:
    """Make a settings template."""
    values = service.settings_values(call.body.name, call.body.platform, call.body.values)
    row = await service.create(call.db, call.actor, SettingsTemplate, values, call.now)
    return SettingsView.model_validate(row)


@endpoint("PUT", "/settings-templates/{id}", right=Right.SETTINGS)
async def change_settings(call: Call[TemplateKey, SettingsBody]) -> SettingsView:
    """Replace a settings template."""
    values = service.settings_values(call.body.name, call.body.platform, call.body.values)
    id_ = call.query.id
    row = await service.change(call.db, call.actor, SettingsTemplate, id_, values, call.now)
    return SettingsView.model_validate(row)


@endpoint("DELETE", "/settings-templates/{id}", right=Right.SETTINGS)
async def remove_settings(call: Call[TemplateKey, None]) -> None:
    """Delete a settings template."""
    await service.remove(call.db, call.actor, SettingsTemplate, call.query.id, call.now)


@endpoint("GET", "/receipt-templates", right=Right.TEMPLATES)
async def list_receipts(call: Call[PageQuery, None]) -> Page[ReceiptRow]:
    """The system templates of platform 5.0 and the partner's own of platform 2.5."""
    return await queries.receipts(call.db, call.actor, call.query)


@endpoint("GET", "/receipt-templates/{id}", right=Right.TEMPLATES)
async def show_receipt(call: Call[TemplateKey, None]) -> ReceiptView:
    """One receipt template with its file."""
    return await queries.receipt(call.db, call.actor, call.query.id)


@endpoint("POST", "/receipt-templates", right=Right.TEMPLATES, status=201)
async def create_receipt(call: Call[Nothing, ReceiptBody]) -> ReceiptRow:
    """Make a receipt template for platform 2.5 from a file of at most 64 KiB."""
    values = service.receipt_values(call.body.name, call.body.tape_width_mm, call.body.content)
    row = await service.create(call.db, call.actor, ReceiptTemplate, values, call.now)
    return ReceiptRow.model_validate(row)


@endpoint("PUT", "/receipt-templates/{id}", right=Right.TEMPLATES)
async def change_receipt(call: Call[TemplateKey, ReceiptBody]) -> ReceiptRow:
    """Replace a receipt template; system ones cannot be changed."""
    values = service.receipt_values(call.body.name, call.body.tape_width_mm, call.body.content)
    id_ = call.query.id
    row = await service.change(call.db, call.actor, ReceiptTemplate, id_, values, call.now)
    return ReceiptRow.model_validate(row)


@endpoint("DELETE", "/receipt-templates/{id}", right=Right.TEMPLATES)
async def remove_receipt(call: Call[TemplateKey, None]) -> None:
    """Delete a receipt template; system ones cannot be deleted."""
    await service.remove(call.db, call.actor, ReceiptTemplate, call.query.id, call.now)


@endpoint("GET", "/info-receipts", right=Right.TEMPLATES)
async def list_info_receipts(call: Call[PageQuery, None]) -> Page[InfoReceiptView]:
    """The partner's info-receipts."""
    return await queries.page(call.db, call.actor, InfoReceipt, call.query, InfoReceiptView)


@endpoint("GET", "/info-receipts/{id}", right=Right.TEMPLATES)
async def show_info_receipt(call: Call[TemplateKey, None]) -> InfoReceiptView:
    """One info-receipt."""
    found = await queries.find_own(call.db, call.actor, InfoReceipt, call.query.id)
    return InfoReceiptView.model_validate(found)


@endpoint("POST", "/info-receipts", right=Right.TEMPLATES, status=201)
async def create_info_receipt(call: Call[Nothing, InfoReceiptBody]) -> InfoReceiptView:
    """Make an info-receipt."""
    values = service.info_receipt_values(call.body.name, call.body.text)
    row = await service.create(call.db, call.actor, InfoReceipt, values, call.now)
    return InfoReceiptView.model_validate(row)


@endpoint("PUT", "/info-receipts/{id}", right=Right.TEMPLATES)
async def change_info_receipt(call: Call[TemplateKey, InfoReceiptBody]) -> InfoReceiptView:
    """Replace an info-receipt."""
    values = service.info_receipt_values(call.body.name, call.body.text)
    row = await service.change(call.db, call.actor, InfoReceipt, call.query.id, values, call.now)
    return InfoReceiptView.model_validate(row)


@endpoint("DELETE", "/info-receipts/{id}", right=Right.TEMPLATES)
async def remove_info_receipt(call: Call[TemplateKey, None]) -> None:
    """Delete an info-receipt."""
    await service.remove(call.db, call.actor, InfoReceipt, call.query.id, call.now)


@endpoint("POST", "/info-receipts/preview", right=Right.TEMPLATES)
async def preview_info_receipt(call: Call[Nothing, PreviewBody]) -> PrintPreview:
    """The lines of a text as the printer breaks them on a tape; nothing is kept."""
    require_printable(call.body.text, call.body.platform)
    return PrintPreview(lines=preview(call.body.text, call.body.tape_width_mm))


@endpoint("GET", "/tips-templates", right=Right.TEMPLATES)
async def list_tips(call: Call[PageQuery, None]) -> Page[TipsView]:
    """The partner's tips templates, for platform 5.0."""
    return await queries.page(call.db, call.actor, TipsTemplate, call.query, TipsView)


@endpoint("GET", "/tips-templates/{id}", right=Right.TEMPLATES)
async def show_tips(call: Call[TemplateKey, None]) -> TipsView:
    """One tips template."""
    found = await queries.find_own(call.db, call.actor, TipsTemplate, call.query.id)
    return TipsView.model_validate(found)


@endpoint("POST", "/tips-templates", right=Right.TEMPLATES, status=201)
async def create_tips(call: Call[Nothing, TipsBody]) -> TipsView:
    """Make a tips template for an outlet."""
    values = await service.tips_values(call.db, call.actor, **call.body.model_dump())
    row = await service.create(call.db, call.actor, TipsTemplate, values, call.now)
    return TipsView.model_validate(row)


@endpoint("PUT", "/tips-templates/{id}", right=Right.TEMPLATES)
async def change_tips(call: Call[TemplateKey, TipsBody]) -> TipsView:
    """Replace a tips template."""
    values = await service.tips_values(call.db, call.actor, **call.body.model_dump())
    row = await service.change(call.db, call.actor, TipsTemplate, call.query.id, values, call.now)
    return TipsView.model_validate(row)


@endpoint("DELETE", "/tips-templates/{id}", right=Right.TEMPLATES)
async def remove_tips(call: Call[TemplateKey, None]) -> None:
    """Delete a tips template."""
    await service.remove(call.db, call.actor, TipsTemplate, call.query.id, call.now)


@endpoint("GET", "/outlets", right=Right.TEMPLATES)
async def list_outlets(call: Call[PageQuery, None]) -> Page[OutletView]:
    """The partner's sales points."""
    return await queries.page(call.db, call.actor, Outlet, call.query, OutletView)


@endpoint("POST", "/outlets", right=Right.TEMPLATES, status=201)
async def create_outlet(call: Call[Nothing, OutletBody]) -> OutletView:
    """Add a sales point."""
    values = call.body.model_dump()
    row = await service.create(call.db, call.actor, Outlet, values, call.now)
    return OutletView.model_validate(row)


@endpoint("PUT", "/outlets/{id}", right=Right.TEMPLATES)
async def change_outlet(call: Call[TemplateKey, OutletBody]) -> OutletView:
    """Rename a sales point."""
    values = call.body.model_dump()
    row = await service.change(call.db, call.actor, Outlet, call.query.id, values, call.now)
    return OutletView.model_validate(row)


@endpoint("DELETE", "/outlets/{id}", right=Right.TEMPLATES)
async def remove_outlet(call: Call[TemplateKey, None]) -> None:
    """Delete a sales point that no tips template needs."""
    await service.remove(call.db, call.actor, Outlet, call.query.id, call.now)


ENDPOINTS = (
    list_settings_fields,
    list_settings,
    show_settings,
    create_settings,
    change_settings,
    remove_settings,
    list_receipts,
    show_receipt,
    create_receipt,
    change_receipt,
    remove_receipt,
    list_info_receipts,
    show_info_receipt,
    create_info_receipt,
    change_info_receipt,
    remove_info_receipt,
    preview_info_receipt,
    list_tips,
    show_tips,
    create_tips,
    change_tips,
    remove_tips,
    list_outlets,
    create_outlet,
    change_outlet,
    remove_outlet,
)
