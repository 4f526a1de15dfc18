"""Endpoints of registers."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field

from fleet.accounts.roles import Right
from fleet.kit.http import Call, Download, Upload, endpoint
from fleet.kit.input import Input, Nothing
from fleet.kit.language import Language
from fleet.kit.paging import Page
from fleet.registers import card, listing, ownership, service, view
from fleet.registers.card import HistoryQuery, HistoryRow, RegisterCard
from fleet.registers.columns import ListedRow
from fleet.registers.export import as_csv
from fleet.registers.export_shown import as_shown_csv
from fleet.registers.filters import RegisterConditions, split
from fleet.registers.listing import RegisterCount, RegisterFilter
from fleet.registers.queries import RegisterKey
from fleet.registers.rules import MAX_REGISTERS, SerialVerdicts
from fleet.registers.serial_file import MAX_FILE_BYTES, LineNumbers, TypedLine, read_file
from fleet.registers.view import Columns, RegisterListView, RegisterListViewBody


class FileQuery(RegisterConditions):
    """Registers and columns of the file."""

    columns: Annotated[Columns, BeforeValidator(split)] | None = Field(
        default=None, description="In this order; without it the 28 of the manual."
    )


TypedSerialNumber = Annotated[str, Field(max_length=64)]


class SerialList(Input):
    """Serial numbers of registers as typed; each gets its own verdict."""

    serial_numbers: list[TypedSerialNumber] = Field(min_length=1, max_length=MAX_REGISTERS)


class SerialFile(Upload):
    """A text file with serial numbers: one on each line, or separated by commas."""

    max_bytes = MAX_FILE_BYTES


class AcceptedSerial(BaseModel):
    """A register for which the request succeeded."""

    serial_number: str
    line: int | None = Field(default=None, description="Of the file, from 1.")


class RefusedSerial(BaseModel):
    """A serial number for which the request was refused, and the reason."""

    serial_number: str
    reason: str
    message: str
    line: int | None = Field(default=None, description="Of the file, from 1.")


class RegisterVerdicts(BaseModel):
    """Verdict for each serial number of the request."""

    accepted: list[AcceptedSerial]
    refused: list[RefusedSerial]


def to_reply(
    verdicts: SerialVerdicts, language: Language, typed: Sequence[TypedLine] = ()
) -> RegisterVerdicts:
    """Return the reply; ``typed`` has the line numbers if the serial numbers came in a file."""
    lines = LineNumbers(typed)
    return RegisterVerdicts(
        accepted=[
            AcceptedSerial(serial_number=serial, line=lines.line_of(serial))
            for serial in verdicts.accepted
        ],
        refused=[
            RefusedSerial(
                serial_number=each.item, line=lines.line_of(each.item), **each.told(language)
            )
            for each in verdicts.refused
        ],
    )


@endpoint("GET", "/registers", right=Right.MONITORING)
async def list_registers(call: Call[RegisterFilter, None]) -> Page[ListedRow]:
    """List the partner's registers, page by page."""
    return await listing.page(call.act, call.query)


@endpoint("GET", "/registers/count", right=Right.MONITORING)
async def count_registers(call: Call[RegisterConditions, None]) -> RegisterCount:
    """Count the registers that match the conditions of the list."""
    return await listing.count(call.db, call.actor, call.query)


@endpoint("GET", "/registers/file", right=Right.MONITORING, files=["text/csv"])
async def download_registers(call: Call[FileQuery, None]) -> Download:
    """Download the registers that match the list's conditions as a CSV file for spreadsheets."""
    if call.query.columns:
        lines = as_shown_csv(call.act, call.query, tuple(call.query.columns))
    else:
        lines = as_csv(call.act, call.query)
    return Download(
        name=f"devices_list_{call.act.now:%Y-%m-%d}.csv",
        media_type="text/csv; charset=utf-8",
        pieces=lines,
    )


@endpoint("GET", "/registers/view", right=Right.MONITORING)
async def show_view(call: Call[Nothing, None]) -> RegisterListView:
    """Show which columns of the list of registers the employee has chosen."""
    return await view.show(call.db, call.actor)


@endpoint("PUT", "/registers/view", right=Right.MONITORING)
async def choose_view(call: Call[Nothing, RegisterListViewBody]) -> RegisterListView:
    """Choose the columns of the list of registers for oneself."""
    return await view.choose(call.db, call.actor, call.body)


@endpoint("GET", "/registers/{serial_number}", right=Right.MONITORING)
async def show_register(call: Call[RegisterKey, None]) -> RegisterCard:
    """Show a register with its latest telemetry."""
    serial = call.query.serial_number
    return await card.card(call.act, serial)


@endpoint("GET", "/registers/{serial_number}/telemetry", right=Right.MONITORING)
async def list_telemetry(call: Call[HistoryQuery, None]) -> Page[HistoryRow]:
    """List the history of a register's telemetry, newest first."""
    return await card.history(call.db, call.actor, call.query)


@endpoint("POST", "/registers/enrol", right=Right.REGISTERS)
async def enrol(call: Call[Nothing, SerialList]) -> RegisterVerdicts:
    """Add registers to the account by their serial numbers."""
    verdicts = await service.enrol(call.act, call.body.serial_numbers)
    return to_reply(verdicts, call.language)


@endpoint("POST", "/registers/enrol/file", right=Right.REGISTERS)
async def enrol_file(call: Call[Nothing, SerialFile]) -> RegisterVerdicts:
    """Add registers to the account from a file with their serial numbers."""
    typed = read_file(call.body.content)
    verdicts = await service.enrol(call.act, [each.text for each in typed])
    return to_reply(verdicts, call.language, typed)


@endpoint("POST", "/registers/choose", right=Right.MONITORING)
async def choose(call: Call[Nothing, SerialList]) -> RegisterVerdicts:
    """Check which of the serial numbers are registers of the partner.

    The request is refused if none of them is.
    """
    verdicts = await ownership.choose_registers(call.db, call.actor, call.body.serial_numbers)
    return to_reply(verdicts, call.language)


@endpoint("POST", "/registers/choose/file", right=Right.MONITORING)
async def choose_file(call: Call[Nothing, SerialFile]) -> RegisterVerdicts:
    """Check which of the serial numbers in a file are registers of the partner.

    The request is refused if none of them is.
    """
    typed = read_file(call.body.content)
    verdicts = await ownership.choose_registers(call.db, call.actor, [each.text for each in typed])
    return to_reply(verdicts, call.language, typed)


@endpoint("POST", "/registers/hide", right=Right.REGISTERS)
async def hide(call: Call[Nothing, SerialList]) -> RegisterVerdicts:
    """Hide registers: lists include them only with the filter `hidden`."""
    return await _set_flag(call, service.HIDE)


@endpoint("POST", "/registers/show", right=Right.REGISTERS)
async def show(call: Call[Nothing, SerialList]) -> RegisterVerdicts:
    """Show hidden registers in lists again."""
    return await _set_flag(call, service.SHOW)


@endpoint("POST", "/registers/block", right=Right.REGISTERS)
async def block(call: Call[Nothing, SerialList]) -> RegisterVerdicts:
    """Block registers: the gateway refuses their conversations."""
    return await _set_flag(call, service.BLOCK)


@endpoint("POST", "/registers/unblock", right=Right.REGISTERS)
async def unblock(call: Call[Nothing, SerialList]) -> RegisterVerdicts:
    """Unblock registers: the gateway accepts their conversations again."""
    return await _set_flag(call, service.UNBLOCK)


@endpoint("POST", "/registers/notices-on", right=Right.REGISTERS)
async def notices_on(call: Call[Nothing, SerialList]) -> RegisterVerdicts:
    """Turn on e-mail notices about broken conditions of registers."""
    return await _set_flag(call, service.NOTICES_ON)


@endpoint("POST", "/registers/notices-off", right=Right.REGISTERS)
async def notices_off(call: Call[Nothing, SerialList]) -> RegisterVerdicts:
    """Turn off e-mail notices about broken conditions of registers."""
    return await _set_flag(call, service.NOTICES_OFF)


async def _set_flag(
    call: Call[Nothing, SerialList], change: service.FlagChange
) -> RegisterVerdicts:
    typed = call.body.serial_numbers
    verdicts = await service.set_flag(call.act, change, typed)
    return to_reply(verdicts, call.language)


# Fixed paths come before the path that takes any word for a serial number.
ENDPOINTS = (
    list_registers,
    count_registers,
    download_registers,
    show_view,
    choose_view,
    show_register,
    list_telemetry,
    enrol,
    enrol_file,
    choose,
    choose_file,
    hide,
    show,
    block,
    unblock,
    notices_on,
    notices_off,
)
