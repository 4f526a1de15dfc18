"""Endpoints of Assistants, and of registers that speak MQTT themselves."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, SecretStr
from pydantic_core import PydanticCustomError

from fleet.accounts.roles import Right
from fleet.assistants import queries, service
from fleet.assistants.models import TITLE_LENGTH
from fleet.assistants.provisioning import provisioning
from fleet.assistants.queries import AssistantCard, AssistantKey, AssistantRow
from fleet.assistants.rules import MAX_PASSWORD, MIN_PASSWORD
from fleet.kit.http import Call, endpoint
from fleet.kit.input import Input, Nothing, SerialText
from fleet.kit.paging import Page, PageQuery
from fleet.kit.validation import describe_pattern
from fleet.registers.queries import RegisterKey
from protocol.conversation.assistant import LOGIN_PATTERN


def _long_enough(password: SecretStr) -> SecretStr:
    length = len(password.get_secret_value())
    if length < MIN_PASSWORD:
        limit = {"min_length": MIN_PASSWORD}
        raise PydanticCustomError("string_too_short", "too short", limit)
    if length > MAX_PASSWORD:
        raise PydanticCustomError("string_too_long", "too long", {"max_length": MAX_PASSWORD})
    return password


Password = Annotated[
    SecretStr,
    # Pydantic's own limits on a secret report "items", not characters.
    AfterValidator(_long_enough),
    Field(
        description="8 to 128 characters.",
        json_schema_extra={"minLength": MIN_PASSWORD, "maxLength": MAX_PASSWORD},
    ),
]
Title = Annotated[str, Field(max_length=TITLE_LENGTH, description="Name for people; may be empty.")]


class AssistantBody(Input):
    """A new account of an Assistant."""

    login: str = Field(
        pattern=describe_pattern(
            LOGIN_PATTERN,
            "нужны от 3 до 64 символов: строчные латинские буквы, цифры и . _ -, первый символ — "
            "буква или цифра.",
            "must be 3 to 64 characters: lower-case Latin letters, digits and . _ -, beginning "
            "with a letter or a digit.",
        ),
        description="Login of the program: 3 to 64 small Latin letters, digits, "
        "dots, hyphens and underscores.",
    )
    password: Password
    title: Title = ""


class TitleBody(Input):
    """A new title."""

    title: Title


class PasswordBody(Input):
    """A new password."""

    password: Password


class RegisterBody(Input):
    """A register of the partner."""

    serial_number: SerialText


class AddedKey(AssistantKey):
    """Key of a register of an Assistant."""

    serial_number: SerialText


class TerminalView(BaseModel):
    """Login and password of the register; the password is shown only once."""

    login: str
    password: str


@endpoint("GET", "/assistants", right=Right.ASSISTANTS)
async def list_assistants(call: Call[PageQuery, None]) -> Page[AssistantRow]:
    """List the partner's Assistants and whether each one is online."""
    return await queries.page(call.act, call.query)


@endpoint("GET", "/assistants/{id}", right=Right.ASSISTANTS)
async def show_assistant(call: Call[AssistantKey, None]) -> AssistantCard:
    """Show one Assistant, its registers and the operations that it carries out."""
    return await queries.card(call.act, call.query.id)


@endpoint("POST", "/assistants", right=Right.ASSISTANTS, status=201)
async def create_assistant(call: Call[Nothing, AssistantBody]) -> AssistantCard:
    """Create an account with which an Assistant signs in."""
    values = (call.body.login, call.body.password.get_secret_value(), call.body.title)
    broker = provisioning(call.config)
    id_ = await service.create(call.act, broker, values)
    return await queries.card(call.act, id_)


@endpoint("PATCH", "/assistants/{id}", right=Right.ASSISTANTS)
async def rename_assistant(call: Call[AssistantKey, TitleBody]) -> AssistantCard:
    """Change the title of an Assistant."""
    await service.rename(call.act, call.query.id, call.body.title)
    return await queries.card(call.act, call.query.id)


@endpoint("PUT", "/assistants/{id}/password", right=Right.ASSISTANTS)
async def change_assistant_password(call: Call[AssistantKey, PasswordBody]) -> None:
    """Change the password of an Assistant."""
    password = call.body.password.get_secret_value()
    broker = provisioning(call.config)
    await service.set_password(call.act, broker, call.query.id, password)


@endpoint("DELETE", "/assistants/{id}", right=Right.ASSISTANTS)
async def remove_assistant(call: Call[AssistantKey, None]) -> None:
    """Delete an Assistant; its account and its rights end at once."""
    broker = provisioning(call.config)
    await service.remove(call.act, broker, call.query.id)


@endpoint("POST", "/assistants/{id}/registers", right=Right.ASSISTANTS)
async def add_assistant_register(call: Call[AssistantKey, RegisterBody]) -> AssistantCard:
    """Add a register of the partner to an Assistant, which then speaks for it."""
    id_, serial = call.query.id, call.body.serial_number
    broker = provisioning(call.config)
    await service.add_register(call.act, broker, id_, serial)
    return await queries.card(call.act, id_)


@endpoint("DELETE", "/assistants/{id}/registers/{serial_number}", right=Right.ASSISTANTS)
async def remove_assistant_register(call: Call[AddedKey, None]) -> None:
    """Remove a register from an Assistant, which then no longer speaks for it."""
    id_, serial = call.query.id, call.query.serial_number
    broker = provisioning(call.config)
    await service.remove_register(call.act, broker, id_, serial)


@endpoint("POST", "/registers/{serial_number}/mqtt-account", right=Right.ASSISTANTS, status=201)
async def create_terminal_account(call: Call[RegisterKey, None]) -> TerminalView:
    """Create an MQTT account for a register that speaks MQTT itself.

    The password is in the reply only and is not stored.
    """
    serial = call.query.serial_number
    broker = provisioning(call.config)
    made = await service.create_terminal(call.act, broker, serial)
    return TerminalView(login=made.login, password=made.password)


@endpoint("DELETE", "/registers/{serial_number}/mqtt-account", right=Right.ASSISTANTS)
async def remove_terminal_account(call: Call[RegisterKey, None]) -> None:
    """Delete the MQTT account of a register, which then cannot sign in."""
    serial = call.query.serial_number
    broker = provisioning(call.config)
    await service.remove_terminal(call.act, broker, serial)


ENDPOINTS = (
    list_assistants,
    show_assistant,
    create_assistant,
    rename_assistant,
    change_assistant_password,
    remove_assistant,
    add_assistant_register,
    remove_assistant_register,
    create_terminal_account,
    remove_terminal_account,
)
