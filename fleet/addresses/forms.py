"""Request bodies of the endpoints of addresses."""

from typing import Annotated

from pydantic import Field

from fleet.addresses.rules import MAX_LENGTH
from fleet.kit.input import MAX_INTEGER, Input
from fleet.registers.routes import SerialList

AddressId = Annotated[int, Field(ge=1, lt=MAX_INTEGER)]


class AddressKey(Input):
    """Key of an address."""

    id: AddressId


class AddressBody(Input):
    """An address: city, street, house."""

    text: str = Field(min_length=1, max_length=MAX_LENGTH, pattern=r"\S")


class AddressAssignment(SerialList):
    """Registers, and the address where they are installed."""

    address_id: AddressId | None = Field(
        description="Of the address book. None: where each register says that it stands."
    )
