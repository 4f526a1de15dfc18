"""Request and response bodies of the endpoints of access requests."""

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from fleet.access_requests.form import MAX_TEXT
from fleet.access_requests.models import COMMENT_LENGTH, NAME_LENGTH
from fleet.access_requests.queries import RequestCard
from fleet.access_requests.recognition import MAX_FILE_BYTES
from fleet.access_requests.rules import MAX_FILES, MAX_REGISTERS, RefusalReason
from fleet.kit.http import Upload
from fleet.kit.inn import Inn, NamedInn
from fleet.kit.input import MAX_INTEGER, YEARS, Input, SerialText
from fleet.kit.validation import describe_pattern
from fleet.registers.routes import AcceptedSerial, RefusedSerial, TypedSerialNumber


def _recent_date(day: date) -> date:
    if day.year not in YEARS:
        raise PydanticCustomError("date_range", "the year is outside 2000..2099")
    return day


def _split(given: object) -> object:
    return given.split(",") if isinstance(given, str) else given


def _distinct(ids: list[int]) -> list[int]:
    if len(set(ids)) < len(ids):
        raise PydanticCustomError("repeated_value", "a value is repeated")
    return ids


FileIds = Annotated[
    list[Annotated[int, Field(ge=1, lt=MAX_INTEGER)]],
    Field(min_length=1, max_length=MAX_FILES, json_schema_extra={"uniqueItems": True}),
    AfterValidator(_distinct),
]
ListedIds = Annotated[FileIds, BeforeValidator(_split)]
"""``FileIds`` in a query string, separated by commas."""
ConsentDate = Annotated[
    date,
    AfterValidator(_recent_date),
    Field(
        description="Of the signature; at most 30 days ago.",
        json_schema_extra={"pattern": "^20[0-9]{2}-"},
    ),
]
FILES_SAID = "Ids of files attached through `POST /consent-files`."
Comment = Annotated[str, Field(max_length=COMMENT_LENGTH)]


class ClaimBody(Input):
    """Registers of a client, by serial number as typed; each gets its own verdict."""

    client_inn: NamedInn
    serial_numbers: list[TypedSerialNumber] = Field(min_length=1, max_length=MAX_REGISTERS)


class ClientQuery(Input):
    """The client whose registers an uploaded file lists."""

    client_inn: NamedInn


class RequestBody(ClaimBody):
    """Registers of a client with the client's signed consent."""

    consent_date: ConsentDate
    files: FileIds = Field(description=FILES_SAID)


class RequestQuery(ClientQuery):
    """The client and its signed consent, for an uploaded file with the serial numbers."""

    consent_date: ConsentDate
    files: ListedIds = Field(description=FILES_SAID)


class GrantBody(Input):
    """Registers to transfer to the partner of the request."""

    serial_numbers: list[SerialText] | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_REGISTERS,
        description="Some of those of the request; absent = all of them.",
    )
    comment: Comment = ""


class RefuseBody(Input):
    """Reason why a request is refused."""

    reason: RefusalReason
    comment: Comment = ""


FILE_PATTERN = describe_pattern(
    r"^[^\x00-\x1f\x7f/\\]+$",
    "нужно имя файла без пути: без «/», «\\» и управляющих символов.",
    "must be a file name without a path: no '/', no '\\', no control characters.",
)


class FileName(Input):
    """Name of an uploaded file."""

    name: str = Field(
        min_length=1,
        max_length=NAME_LENGTH,
        pattern=FILE_PATTERN,
        description="It ends with .pdf, .jpg, .jpeg, .doc or .docx.",
    )


class ConsentUpload(Upload):
    """File of a signed consent."""

    max_bytes = MAX_FILE_BYTES


class FormQuery(Input):
    """Data of the client for the consent form; a missing field is left to fill in by hand."""

    client_inn: Inn | None = None
    client_name: str = Field(default="", max_length=MAX_TEXT)


class ClaimReply(BaseModel):
    """Outcome of each serial number of the request."""

    added: list[AcceptedSerial] = Field(description="In the account now.")
    by_request: list[AcceptedSerial] = Field(
        description="Of another partner, or of an owner that is not known: these need a request."
    )
    refused: list[RefusedSerial]


class RequestReply(ClaimReply):
    """The created request for ``by_request``, and the outcome of each serial number."""

    request: RequestCard


class ReasonView(BaseModel):
    """A reason to refuse a request, and its text."""

    reason: RefusalReason
    text: str


class Reasons(BaseModel):
    items: list[ReasonView]
