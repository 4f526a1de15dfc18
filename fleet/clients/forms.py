"""Request bodies of the endpoints of clients."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from fleet.accounts.forms import Email, Phone
from fleet.clients.models import NAME_LENGTH
from fleet.clients.rules import MAX_EMAILS
from fleet.kit.inn import Inn, NamedInn
from fleet.kit.input import Input

Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=NAME_LENGTH, pattern=r"\S"),
]


def _different(emails: list[str]) -> list[str]:
    if len(set(emails)) < len(emails):
        raise PydanticCustomError("repeated_value", "an address is given twice")
    return emails


class ClientKey(Input):
    """Key of a client."""

    inn: NamedInn


class ClientBody(Input):
    """Card of a client, filled in by people."""

    name: Name
    emails: Annotated[list[Email], AfterValidator(_different)] = Field(
        default_factory=list,
        max_length=MAX_EMAILS,
        description="Where summaries go; all different.",
        json_schema_extra={"uniqueItems": True},
    )
    phone: Phone = ""
    contact: str = Field(default="", max_length=NAME_LENGTH, description="Whom to call.")
    comment: str = Field(default="", max_length=2000)


class NewClient(ClientBody):
    """A client to add."""

    inn: Inn
