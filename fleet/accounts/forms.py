"""Request bodies about employees, links, tokens and the organisation."""

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_core import PydanticCustomError

from fleet.accounts.roles import Role
from fleet.accounts.rules import MAX_NAME, is_plain
from fleet.kit.inn import Inn
from fleet.kit.input import MAX_PASSWORD, MIN_PASSWORD, VISIBLE, Input, Moment, SerialText
from fleet.kit.validation import describe_pattern

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"

EMAIL_PATTERN = describe_pattern(
    rf"^{_ATOM}(\.{_ATOM})*@({_LABEL}\.)+{_LABEL}$",
    "нужен адрес электронной почты латиницей, например anna@example.org.",
    "must be an e-mail address in Latin letters, for example anna@example.org.",
)
PHONE_PATTERN = describe_pattern(
    r"^(\+?[0-9][0-9 ()-]{4,30})?$",
    "нужен номер телефона от 5 до 31 символа: цифры, пробелы, скобки и дефисы, в начале может "
    "быть «+».",
    "must be a phone number of 5 to 31 characters: digits, spaces, brackets and hyphens, "
    "optionally beginning with '+'.",
)

Email = Annotated[
    str,
    Field(
        max_length=254,
        pattern=EMAIL_PATTERN,
        description="E-mail address; kept in lower case.",
    ),
    AfterValidator(str.lower),
]


def _plain_name(text: str) -> str:
    if not is_plain(text):
        raise PydanticCustomError("not_a_name", "a control character or an address")
    return text.strip()


Name = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_NAME,
        pattern=VISIBLE,
        description="One line, without control characters and without `://`: it stands in letters "
        "of ours.",
    ),
    AfterValidator(_plain_name),
]
Phone = Annotated[
    str,
    Field(
        max_length=32,
        pattern=PHONE_PATTERN,
        description="Digits, spaces, brackets and dashes, `+` in front; empty = none.",
    ),
]
TokenText = Annotated[SecretStr, Field(min_length=1, max_length=128)]
PasswordText = Annotated[SecretStr, Field(min_length=1, max_length=MAX_PASSWORD)]
# ``rules.check_password`` refuses a short password, in a sentence that names both limits.
NewPasswordText = Annotated[PasswordText, Field(json_schema_extra={"minLength": MIN_PASSWORD})]


class Scope(Input):
    """The registers that an employee sees: all registers of these clients, and these registers."""

    clients: list[Inn] = Field(default_factory=list, description="INN.")
    registers: list[SerialText] = Field(default_factory=list)


class EmployeeBody(Input):
    """The contacts, role and scope of an employee, which replace the present ones.

    A missing field is refused, because a missing scope would mean access to every register.
    """

    full_name: Name
    email: Email
    phone: Phone
    role: Role
    scope: Scope | None = Field(description="None: every register of the partner.")


class NewEmployee(EmployeeBody):
    """A new employee; a letter invites them to choose a password."""

    phone: Phone = ""
    scope: Scope | None = Field(default=None, description="None: every register of the partner.")
    login: str | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        description="3 to 64 Latin letters, digits and . _ @ + -; None: the e-mail address.",
    )


class NewPartner(Input):
    """A new partner and its Administrator, as support creates them."""

    name: Name
    login: str
    full_name: Name
    email: Email | None = None


class OrganisationBody(Input):
    """A partner's data about itself."""

    name: Name
    inn: Inn | None = None


class RecoveryBody(Input):
    """The e-mail address of a person who has forgotten their password."""

    email: Email


class LinkBody(Input):
    """The token of a link: the part after `#`."""

    token: TokenText


class PasswordByLink(LinkBody):
    """A new password, set with the token of a link."""

    password: NewPasswordText


class PasswordChange(Input):
    """The current password and a new one."""

    password: PasswordText
    new_password: NewPasswordText


class NewToken(Input):
    """The name and expiry of a new personal API token."""

    name: Annotated[Name, Field(max_length=64)]
    expires_at: Moment
