"""Endpoints of a person's own account: sign-ins, passwords, API tokens."""

from datetime import datetime

from pydantic import BaseModel, Field

from fleet.accounts import links, queries, recovery, service, tokens
from fleet.accounts.employee_routes import ENDPOINTS as EMPLOYEES
from fleet.accounts.forms import (
    LinkBody,
    NewToken,
    PasswordByLink,
    PasswordChange,
    PasswordText,
    RecoveryBody,
)
from fleet.accounts.queries import EmployeeView, PasswordLinkView, SignInKey, SignInRow, TokenRow
from fleet.kit.http import Call, endpoint
from fleet.kit.input import Input, Nothing
from fleet.kit.paging import Page, PageQuery


class SignInCredentials(Input):
    """What a person types to sign in."""

    login: str = Field(min_length=1, max_length=64)
    password: PasswordText


class SignedIn(BaseModel):
    """The bearer token for the requests that follow; it is not shown again."""

    token: str
    expires_at: datetime
    employee: EmployeeView


class NewTokenReply(TokenRow):
    """A new API token: a bearer token with its employee's rights.  It is not shown again."""

    token: str


class RevokedCount(BaseModel):
    """How many sign-ins were revoked."""

    revoked: int


@endpoint("POST", "/sign-in", public=True, own_transactions=True)
async def sign_in(call: Call[Nothing, SignInCredentials]) -> SignedIn:
    """Sign in with login and password."""
    opened = await service.sign_in(
        call.database,
        call.clock,
        call.body.login,
        call.body.password.get_secret_value(),
        call.address,
    )
    return SignedIn(
        token=opened.token,
        expires_at=opened.sign_in.expires_at,
        employee=queries.employee_view(opened.employee),
    )


@endpoint("POST", "/sign-out")
async def sign_out(call: Call[Nothing, None]) -> None:
    """Revoke the token of this request."""
    await service.sign_out(call.db, call.actor, call.now)


@endpoint("POST", "/password-recovery", public=True)
async def recover_password(call: Call[Nothing, RecoveryBody]) -> None:
    """Send a link to set a new password; the answer is the same for an unknown address."""
    await recovery.request_links(call.db, call.body.email, call.address, call.language, call.now)


@endpoint("POST", "/password-links/look", public=True)
async def look_at_link(call: Call[Nothing, LinkBody]) -> PasswordLinkView:
    """Whether a link of a letter still works, and for whom."""
    link = await links.find_valid_link(call.db, call.body.token.get_secret_value(), call.now)
    return PasswordLinkView(
        kind=link.kind,
        login=link.employee.login,
        full_name=link.employee.full_name,
        partner=link.employee.partner.name,
        expires_at=link.expires_at,
    )


@endpoint("POST", "/password-links/use", public=True, own_transactions=True)
async def set_password(call: Call[Nothing, PasswordByLink]) -> None:
    """Set the password by a link of a letter, once; everything signed in before is revoked."""
    await links.set_password(
        call.database,
        call.clock,
        call.body.token.get_secret_value(),
        call.body.password.get_secret_value(),
        call.address,
        call.language,
    )


@endpoint("GET", "/me")
async def show_me(call: Call[Nothing, None]) -> EmployeeView:
    """Who is signed in, and their rights."""
    return await queries.get_employee(call.db, call.actor.employee_id)


@endpoint("POST", "/me/password", own_transactions=True)
async def change_password(call: Call[Nothing, PasswordChange]) -> None:
    """Change one's own password; the other sign-ins are revoked, API tokens stay."""
    await tokens.change_password(
        call.database,
        call.clock,
        call.actor,
        call.body.password.get_secret_value(),
        call.body.new_password.get_secret_value(),
        call.language,
    )


@endpoint("GET", "/me/sign-ins")
async def list_sign_ins(call: Call[PageQuery, None]) -> Page[SignInRow]:
    """One's own valid sign-ins, newest first."""
    return await queries.sign_ins(call.db, call.actor, call.query, call.now)


@endpoint("POST", "/me/sign-ins/{id}/revoke")
async def revoke_sign_in(call: Call[SignInKey, None]) -> None:
    """Revoke one of one's own sign-ins."""
    await tokens.revoke(call.db, call.actor, call.query.id, call.now, token=False)


@endpoint("POST", "/me/sign-ins/revoke-others")
async def revoke_other_sign_ins(call: Call[Nothing, None]) -> RevokedCount:
    """Revoke all of one's own sign-ins but this one."""
    return RevokedCount(revoked=await tokens.revoke_others(call.db, call.actor, call.now))


@endpoint("GET", "/me/api-tokens")
async def list_tokens(call: Call[PageQuery, None]) -> Page[TokenRow]:
    """One's own valid API tokens, newest first."""
    return await queries.tokens(call.db, call.actor, call.query, call.now)


@endpoint("POST", "/me/api-tokens", status=201)
async def create_token(call: Call[Nothing, NewToken]) -> NewTokenReply:
    """Make an API token: a bearer token with one's own rights, shown this once."""
    token, row = await tokens.create(
        call.db, call.actor, call.body.name, call.body.expires_at, call.language, call.now
    )
    return NewTokenReply(**queries.token_row(row).model_dump(), token=token)


@endpoint("POST", "/me/api-tokens/{id}/revoke")
async def revoke_token(call: Call[SignInKey, None]) -> None:
    """Revoke one of one's own API tokens."""
    await tokens.revoke(call.db, call.actor, call.query.id, call.now, token=True)


ENDPOINTS = (
    sign_in,
    sign_out,
    recover_password,
    look_at_link,
    set_password,
    show_me,
    change_password,
    list_sign_ins,
    revoke_sign_in,
    revoke_other_sign_ins,
    list_tokens,
    create_token,
    revoke_token,
    *EMPLOYEES,
)
