"""Endpoints of templates; `POST /operations` uploads a template to registers."""

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
    """List the settings that a template can hold, by group, with their values and platforms."""
    return queries.fields(call.language)


@endpoint("GET", "/settings-templates", right=Right.SETTINGS)
async def list_settings(call: Call[SettingsFilter, None]) -> Page[SettingsView]:
    """List the partner's settings templates."""
    platform = call.query.platform
    return await queries.page(
        call.db, call.actor, SettingsTemplate, call.query, SettingsView, platform=platform
    )


@endpoint("GET", "/settings-templates/{id}", right=Right.SETTINGS)
async def show_settings(call: Call[TemplateKey, None]) -> SettingsView:
    """Show one settings template."""
    found = await queries.find_own(call.db, call.actor, SettingsTemplate, call.query.id)
    return SettingsView.model_validate(found)


@endpoint("POST", "/settings-templates", right=Right.SETTINGS, status=201)
async def create_settings(call: Call[Nothing, SettingsBody]) -> SettingsView:
    """Create a settings template."""
    values = service.settings_values(call.body.name, call.body.platform, call.body.values)
    row = await service.create(call.act, SettingsTemplate, values)
    return SettingsView.model_validate(row)


@endpoint("PUT", "/settings-templates/{id}", right=Right.SETTINGS)
async def change_settings(call: Call[TemplateKey, SettingsBody]) -> SettingsView:
    """Replace a settings template; registers keep the settings uploaded before."""
    values = service.settings_values(call.body.name, call.body.platform, call.body.values)
    id_ = call.query.id
    row = await service.change(call.act, SettingsTemplate, id_, values)
    return SettingsView.model_validate(row)


@endpoint("DELETE", "/settings-templates/{id}", right=Right.SETTINGS)
async def remove_settings(call: Call[TemplateKey, None]) -> None:
    """Delete a settings template."""
    await service.remove(call.act, SettingsTemplate, call.query.id)


@endpoint("GET", "/receipt-templates", right=Right.TEMPLATES)
async def list_receipts(call: Call[PageQuery, None]) -> Page[ReceiptRow]:
    """List receipt templates: the system ones of platform 5.0, then the partner's own of 2.5."""
    return await queries.receipts(call.db, call.actor, call.query)


@endpoint("GET", "/receipt-templates/{id}", right=Right.TEMPLATES)
async def show_receipt(call: Call[TemplateKey, None]) -> ReceiptView:
    """Show one receipt template with its file."""
    return await queries.receipt(call.db, call.actor, call.query.id)


@endpoint("POST", "/receipt-templates", right=Right.TEMPLATES, status=201)
async def create_receipt(call: Call[Nothing, ReceiptBody]) -> ReceiptRow:
    """Create a receipt template for platform 2.5 from a file of at most 64 KiB."""
    values = service.receipt_values(call.body.name, call.body.tape_width_mm, call.body.content)
    row = await service.create(call.act, ReceiptTemplate, values)
    return ReceiptRow.model_validate(row)


@endpoint("PUT", "/receipt-templates/{id}", right=Right.TEMPLATES)
async def change_receipt(call: Call[TemplateKey, ReceiptBody]) -> ReceiptRow:
    """Replace a receipt template; system templates cannot be changed."""
    values = service.receipt_values(call.body.name, call.body.tape_width_mm, call.body.content)
    id_ = call.query.id
    row = await service.change(call.act, ReceiptTemplate, id_, values)
    return ReceiptRow.model_validate(row)


@endpoint("DELETE", "/receipt-templates/{id}", right=Right.TEMPLATES)
async def remove_receipt(call: Call[TemplateKey, None]) -> None:
    """Delete a receipt template; system templates cannot be deleted."""
    await service.remove(call.act, ReceiptTemplate, call.query.id)


@endpoint("GET", "/info-receipts", right=Right.TEMPLATES)
async def list_info_receipts(call: Call[PageQuery, None]) -> Page[InfoReceiptView]:
    """List the partner's info-receipts."""
    return await queries.page(call.db, call.actor, InfoReceipt, call.query, InfoReceiptView)


@endpoint("GET", "/info-receipts/{id}", right=Right.TEMPLATES)
async def show_info_receipt(call: Call[TemplateKey, None]) -> InfoReceiptView:
    """Show one info-receipt."""
    found = await queries.find_own(call.db, call.actor, InfoReceipt, call.query.id)
    return InfoReceiptView.model_validate(found)


@endpoint("POST", "/info-receipts", right=Right.TEMPLATES, status=201)
async def create_info_receipt(call: Call[Nothing, InfoReceiptBody]) -> InfoReceiptView:
    """Create an info-receipt."""
    values = service.info_receipt_values(call.body.name, call.body.text)
    row = await service.create(call.act, InfoReceipt, values)
    return InfoReceiptView.model_validate(row)


@endpoint("PUT", "/info-receipts/{id}", right=Right.TEMPLATES)
async def change_info_receipt(call: Call[TemplateKey, InfoReceiptBody]) -> InfoReceiptView:
    """Replace an info-receipt."""
    values = service.info_receipt_values(call.body.name, call.body.text)
    row = await service.change(call.act, InfoReceipt, call.query.id, values)
    return InfoReceiptView.model_validate(row)


@endpoint("DELETE", "/info-receipts/{id}", right=Right.TEMPLATES)
async def remove_info_receipt(call: Call[TemplateKey, None]) -> None:
    """Delete an info-receipt."""
    await service.remove(call.act, InfoReceipt, call.query.id)


@endpoint("POST", "/info-receipts/preview", right=Right.TEMPLATES)
async def preview_info_receipt(call: Call[Nothing, PreviewBody]) -> PrintPreview:
    """Preview the lines of a text as the printer breaks them on a tape; nothing is stored."""
    require_printable(call.body.text, call.body.platform)
    return PrintPreview(lines=preview(call.body.text, call.body.tape_width_mm))


@endpoint("GET", "/tips-templates", right=Right.TEMPLATES)
async def list_tips(call: Call[PageQuery, None]) -> Page[TipsView]:
    """List the partner's tips templates for platform 5.0."""
    return await queries.page(call.db, call.actor, TipsTemplate, call.query, TipsView)


@endpoint("GET", "/tips-templates/{id}", right=Right.TEMPLATES)
async def show_tips(call: Call[TemplateKey, None]) -> TipsView:
    """Show one tips template."""
    found = await queries.find_own(call.db, call.actor, TipsTemplate, call.query.id)
    return TipsView.model_validate(found)


@endpoint("POST", "/tips-templates", right=Right.TEMPLATES, status=201)
async def create_tips(call: Call[Nothing, TipsBody]) -> TipsView:
    """Create a tips template for an outlet."""
    values = await service.tips_values(call.db, call.actor, **call.body.model_dump())
    row = await service.create(call.act, TipsTemplate, values)
    return TipsView.model_validate(row)


@endpoint("PUT", "/tips-templates/{id}", right=Right.TEMPLATES)
async def change_tips(call: Call[TemplateKey, TipsBody]) -> TipsView:
    """Replace a tips template."""
    values = await service.tips_values(call.db, call.actor, **call.body.model_dump())
    row = await service.change(call.act, TipsTemplate, call.query.id, values)
    return TipsView.model_validate(row)


@endpoint("DELETE", "/tips-templates/{id}", right=Right.TEMPLATES)
async def remove_tips(call: Call[TemplateKey, None]) -> None:
    """Delete a tips template."""
    await service.remove(call.act, TipsTemplate, call.query.id)


@endpoint("GET", "/outlets", right=Right.TEMPLATES)
async def list_outlets(call: Call[PageQuery, None]) -> Page[OutletView]:
    """List the partner's sales points."""
    return await queries.page(call.db, call.actor, Outlet, call.query, OutletView)


@endpoint("POST", "/outlets", right=Right.TEMPLATES, status=201)
async def create_outlet(call: Call[Nothing, OutletBody]) -> OutletView:
    """Add a sales point."""
    values = call.body.model_dump()
    row = await service.create(call.act, Outlet, values)
    return OutletView.model_validate(row)


@endpoint("PUT", "/outlets/{id}", right=Right.TEMPLATES)
async def change_outlet(call: Call[TemplateKey, OutletBody]) -> OutletView:
    """Rename a sales point."""
    values = call.body.model_dump()
    row = await service.change(call.act, Outlet, call.query.id, values)
    return OutletView.model_validate(row)


@endpoint("DELETE", "/outlets/{id}", right=Right.TEMPLATES)
async def remove_outlet(call: Call[TemplateKey, None]) -> None:
    """Delete a sales point that no tips template uses."""
    await service.remove(call.act, Outlet, call.query.id)


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
