"""Request bodies of templates, and the preview of a print."""

from typing import Annotated

from pydantic import BaseModel, Field, StrictBool, StrictInt, StrictStr

from fleet.kit.input import MAX_INTEGER, Input
from fleet.templates.models import NAME_LENGTH
from fleet.templates.rules import Content, TapeWidth, Text
from protocol.platforms import Platform

Name = Annotated[str, Field(min_length=1, max_length=NAME_LENGTH)]
Value = StrictBool | StrictInt | Annotated[StrictStr, Field(max_length=300)]


class SettingsBody(Input):
    """A settings template."""

    name: Name
    platform: Platform
    values: dict[Annotated[str, Field(max_length=64)], Value] = Field(
        min_length=1,
        max_length=100,
        description="Field of `GET /settings-templates/fields` to value.",
        examples=[{"ofd_address": "ofd.example", "ofd_port": 7777}],
    )


class ReceiptBody(Input):
    """A receipt template for platform 2.5."""

    name: Name
    tape_width_mm: TapeWidth
    content: Content


class InfoReceiptBody(Input):
    """An info-receipt."""

    name: Name
    text: Text


class PreviewBody(Input):
    """A text and the tape to print it on."""

    text: Text
    platform: Platform
    tape_width_mm: TapeWidth


class PrintPreview(BaseModel):
    """Lines of a text as the printer breaks them."""

    lines: list[str]


class OutletBody(Input):
    """A sales point."""

    name: Name


class TipsBody(Input):
    """A tips template for platform 5.0."""

    name: Name
    description: str = Field(default="", max_length=1000)
    outlet_id: int = Field(ge=1, lt=MAX_INTEGER, description="One of `GET /outlets`.")
