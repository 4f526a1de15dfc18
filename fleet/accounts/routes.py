"""Endpoints of the person's own account: sign-ins, passwords, API tokens."""

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
    """The login and password of a sign-in."""

    login: str = Field(min_length=1, max_length=64)
    password: PasswordText


class SignedIn(BaseModel):
    """The bearer token for the following requests, which is not shown again."""

    token: str
    expires_at: datetime
    employee: EmployeeView


class NewTokenReply(TokenRow):
    """A new API token, a bearer token with its employee's rights, which is not shown again."""

    token: str


class RevokedCount(BaseModel):
    """The number of revoked sign-ins."""

    revoked: int


@endpoint("POST", "/sign-in", public=True, own_transactions=True)
async def sign_in(call: Call[Nothing, SignInCredentials]) -> SignedIn:
    """Sign in with login and password; the answer contains a bearer token."""
    opened = await service.sign_in(
        call.acts,
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
    """Sign out: revoke the token of this request."""
    await service.sign_out(call.act)


@endpoint("POST", "/password-recovery", public=True)
async def recover_password(call: Call[Nothing, RecoveryBody]) -> None:
    """Send a link to set a new password to an e-mail address.

    The answer is the same for a known and an unknown address.
    """
    await recovery.request_links(call.act, call.body.email, call.address)


@endpoint("POST", "/password-links/look", public=True)
async def look_at_link(call: Call[Nothing, LinkBody]) -> PasswordLinkView:
    """Check a link from a letter and show whose password it sets, without using the link."""
    link = await links.find_valid_link(call.act, call.body.token.get_secret_value())
    return PasswordLinkView(
        kind=link.kind,
        login=link.employee.login,
        full_name=link.employee.full_name,
        partner=link.employee.partner.name,
        expires_at=link.expires_at,
    )


@endpoint("POST", "/password-links/use", public=True, own_transactions=True)
async def set_password(call: Call[Nothing, PasswordByLink]) -> None:
    """Set the password with a link from a letter.

    The link works once.  All sign-ins, API tokens and other links of the employee end.
    """
    await links.set_password(
        call.acts,
        call.body.token.get_secret_value(),
        call.body.password.get_secret_value(),
        call.address,
    )


@endpoint("GET", "/me")
async def show_me(call: Call[Nothing, None]) -> EmployeeView:
    """Show the signed-in employee and their rights."""
    return await queries.get_employee(call.db, call.actor.employee_id)


@endpoint("POST", "/me/password", own_transactions=True)
async def change_password(call: Call[Nothing, PasswordChange]) -> None:
    """Change your own password; your other sign-ins are revoked, your API tokens stay valid."""
    await tokens.change_password(
        call.acts,
        call.body.password.get_secret_value(),
        call.body.new_password.get_secret_value(),
    )


@endpoint("GET", "/me/sign-ins")
async def list_sign_ins(call: Call[PageQuery, None]) -> Page[SignInRow]:
    """List your own valid sign-ins, newest first."""
    return await queries.sign_ins(call.act, call.query)


@endpoint("POST", "/me/sign-ins/{id}/revoke")
async def revoke_sign_in(call: Call[SignInKey, None]) -> None:
    """Revoke one of your own sign-ins."""
    await tokens.revoke(call.act, call.query.id, token=False)


@endpoint("POST", "/me/sign-ins/revoke-others")
async def revoke_other_sign_ins(call: Call[Nothing, None]) -> RevokedCount:
    """Revoke all of your own sign-ins except the one that makes this request."""
    return RevokedCount(revoked=await tokens.revoke_others(call.act))


@endpoint("GET", "/me/api-tokens")
async def list_tokens(call: Call[PageQuery, None]) -> Page[TokenRow]:
    """List your own valid API tokens, newest first."""
    return await queries.tokens(call.act, call.query)


@endpoint("POST", "/me/api-tokens", status=201)
async def create_token(call: Call[Nothing, NewToken]) -> NewTokenReply:
    """Create an API token: a bearer token with your own rights, shown only in this answer."""
    token, row = await tokens.create(call.act, call.body.name, call.body.expires_at)
    return NewTokenReply(**queries.token_row(row).model_dump(), token=token)


@endpoint("POST", "/me/api-tokens/{id}/revoke")
async def revoke_token(call: Call[SignInKey, None]) -> None:
    """Revoke one of your own API tokens."""
    await tokens.revoke(call.act, call.query.id, token=True)


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
