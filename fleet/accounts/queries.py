"""Reading of accounts: the views that the API returns, and the queries behind them."""

from datetime import datetime
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from fleet.accounts.errors import EMPLOYEE_NOT_FOUND
from fleet.accounts.forms import Scope
from fleet.accounts.models import Employee, LinkKind, Partner, ScopeEntry, ScopeKind, SignIn
from fleet.accounts.roles import RIGHTS, Right, Role
from fleet.accounts.rules import employee_reference, normalise_login
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.input import MAX_INTEGER, Input
from fleet.kit.paging import Filters, Keyset, Page, PageQuery, conditions, page_of
from fleet.kit.search import SearchText, fold_case
from fleet.notifications.queries import LetterView, last_about

MAX_EMPLOYEE_ID = 2**31 - 1


class EmployeeStatus(StrEnum):
    """An employee's ability to sign in."""

    INVITED = "invited"
    """Invited, but has not chosen a password yet."""
    ACTIVE = "active"
    INACTIVE = "inactive"
    """Deactivated."""


class PartnerView(BaseModel):
    """The organisation that an employee works for."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str


class OrganisationView(PartnerView):
    """The organisation's card."""

    inn: str = Field(description="Empty until it is given.")
    code: str = Field(description="What a client writes into the consent form.")
    uuid: str = Field(description="What another partner needs to transfer subscriptions.")
    created_at: datetime


class EmployeeView(BaseModel):
    """An employee as they see themselves, with their rights."""

    id: int
    login: str
    full_name: str
    email: str
    phone: str
    role: Role
    rights: list[Right]
    limited: bool = Field(description="Sees only the registers of their scope.")
    partner: PartnerView


class EmployeeRow(BaseModel):
    """An employee in the list."""

    id: int
    login: str
    full_name: str
    email: str
    phone: str
    role: Role
    status: EmployeeStatus
    limited: bool = Field(description="Sees only the registers of their scope.")
    created_at: datetime


class EmployeeCard(EmployeeRow):
    """An employee with their scope."""

    scope: Scope | None = Field(description="None: every register of the partner.")
    last_letter: LetterView | None = Field(
        description="The last invitation, link or notice to them; None: none, or it was long ago."
    )


class SignInRow(BaseModel):
    """A valid sign-in."""

    id: int
    address: str = Field(description="Where it was opened from.")
    created_at: datetime
    expires_at: datetime
    present: bool = Field(description="The one that asks.")


class TokenRow(BaseModel):
    """A valid API token."""

    id: int
    name: str
    created_at: datetime
    expires_at: datetime


class PasswordLinkView(BaseModel):
    """The purpose of a valid link to set a password: the employee and the kind of link."""

    kind: LinkKind
    login: str
    full_name: str
    partner: str
    expires_at: datetime


class SignInKey(Input):
    """The key of one's own sign-in or API token."""

    id: int = Field(ge=1, lt=MAX_INTEGER)


class EmployeeKey(Input):
    """The key of an employee."""

    id: int = Field(ge=1, le=MAX_EMPLOYEE_ID)


class EmployeeFilter(PageQuery):
    """The filters of the list; an employee must match all that are given."""

    q: SearchText | None = Field(
        default=None, description="Part of the login, name, e-mail address or phone number."
    )
    role: Role | None = None
    status: EmployeeStatus | None = None


class EmployeeCursor(Input):
    """The position in the list of employees."""

    login: str = Field(max_length=64)


class SignInCursor(Input):
    """The position in the list of sign-ins or API tokens."""

    id: int = Field(ge=0, lt=MAX_INTEGER)


_STATUSES: dict[EmployeeStatus, ColumnElement[bool]] = {
    EmployeeStatus.INVITED: Employee.active & (Employee.password_hash == ""),
    EmployeeStatus.ACTIVE: Employee.active & (Employee.password_hash != ""),
    EmployeeStatus.INACTIVE: ~Employee.active,
}

FILTERS: Filters = {
    "q": lambda text: Employee.search_text.contains(fold_case(text), autoescape=True),
    "role": lambda role: Employee.role == role,
    "status": lambda status: _STATUSES[status],
}

BY_LOGIN: Final = Keyset(EmployeeCursor, {"login": Employee.login})
NEWEST_FIRST: Final = Keyset(SignInCursor, {"id": SignIn.id}, down=True)


def status_of(employee: Employee) -> EmployeeStatus:
    if not employee.active:
        return EmployeeStatus.INACTIVE
    return EmployeeStatus.ACTIVE if employee.password_hash else EmployeeStatus.INVITED


def employee_view(employee: Employee) -> EmployeeView:
    """Return the view of an employee, whose partner must be loaded."""
    return EmployeeView(
        id=employee.id,
        login=employee.login,
        full_name=employee.full_name,
        email=employee.email,
        phone=employee.phone,
        role=employee.role,
        rights=sorted(RIGHTS[employee.role]),
        limited=employee.limited,
        partner=PartnerView.model_validate(employee.partner),
    )


async def get_employee(db: AsyncSession, employee_id: int) -> EmployeeView:
    """Return the view of the employee with this key, who must exist."""
    statement = select(Employee).where(Employee.id == employee_id)
    found = await db.scalars(statement.options(joinedload(Employee.partner)))
    return employee_view(found.one())


async def find_by_login(db: AsyncSession, login: str) -> Employee:
    """Return the employee of any partner with this login, for the command line; refuse others."""
    found = select(Employee).where(Employee.login == normalise_login(login))
    employee = await db.scalar(found)
    if employee is None:
        raise EMPLOYEE_NOT_FOUND(field="login")
    return employee


async def page(db: AsyncSession, actor: Actor, query: EmployeeFilter) -> Page[EmployeeRow]:
    """Return one page of the partner's employees, sorted by login."""
    own = Employee.partner_id == actor.partner_id
    statement = select(Employee).where(own, *conditions(FILTERS, query))
    found = (await db.scalars(BY_LOGIN.page(statement, query))).all()
    return page_of(found, query.limit, _row, lambda one: EmployeeCursor(login=one.login))


async def find_own(db: AsyncSession, actor: Actor, employee_id: int) -> Employee:
    """Return an employee of the actor's partner; refuse any other."""
    employee = await db.scalar(
        select(Employee).where(Employee.id == employee_id, Employee.partner_id == actor.partner_id)
    )
    if employee is None:
        raise EMPLOYEE_NOT_FOUND()
    return employee


async def card(act: Act, employee: Employee) -> EmployeeCard:
    return EmployeeCard(
        **_row(employee).model_dump(),
        scope=await scope_of(act.db, employee),
        last_letter=await last_about(act, employee_reference(employee.id)),
    )


async def scope_of(db: AsyncSession, employee: Employee) -> Scope | None:
    """Return the registers that an employee is limited to; None = they see every register."""
    if not employee.limited:
        return None
    entries = await db.execute(
        select(ScopeEntry.kind, ScopeEntry.value)
        .where(ScopeEntry.employee_id == employee.id)
        .order_by(ScopeEntry.value)
    )
    values: dict[ScopeKind, list[str]] = {kind: [] for kind in ScopeKind}
    for kind, value in entries:
        values[kind].append(value)
    return Scope.model_construct(
        clients=values[ScopeKind.CLIENT], registers=values[ScopeKind.REGISTER]
    )


async def organisation(db: AsyncSession, actor: Actor) -> OrganisationView:
    return OrganisationView.model_validate(await db.get_one(Partner, actor.partner_id))


async def sign_ins(act: Act, query: PageQuery) -> Page[SignInRow]:
    """Return one page of the actor's own valid sign-ins, newest first."""
    found = await _valid(act, query, SignIn.token_name.is_(None))
    return page_of(
        found,
        query.limit,
        lambda one: SignInRow(
            id=one.id,
            address=one.address,
            created_at=one.created_at,
            expires_at=one.expires_at,
            present=one.id == act.actor.sign_in_id,
        ),
        lambda one: SignInCursor(id=one.id),
    )


async def tokens(act: Act, query: PageQuery) -> Page[TokenRow]:
    """Return one page of the actor's own valid API tokens, newest first."""
    found = await _valid(act, query, SignIn.token_name.is_not(None))
    return page_of(found, query.limit, token_row, lambda one: SignInCursor(id=one.id))


async def _valid(act: Act, query: PageQuery, kind: ColumnElement[bool]) -> list[SignIn]:
    statement = (
        select(SignIn)
        .where(SignIn.employee_id == act.actor.employee_id, kind)
        .where(SignIn.revoked_at.is_(None), SignIn.expires_at > act.now)
    )
    return list(await act.db.scalars(NEWEST_FIRST.page(statement, query)))


def token_row(token: SignIn) -> TokenRow:
    return TokenRow(
        id=token.id,
        name=token.token_name or "",
        created_at=token.created_at,
        expires_at=token.expires_at,
    )


def _row(employee: Employee) -> EmployeeRow:
    return EmployeeRow(
        id=employee.id,
        login=employee.login,
        full_name=employee.full_name,
        email=employee.email,
        phone=employee.phone,
        role=employee.role,
        status=status_of(employee),
        limited=employee.limited,
        created_at=employee.created_at,
    )
