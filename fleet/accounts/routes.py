"""Endpoints of signing in, and of the audit log.

The log's own feature lies below the rights that guard it, so its list is served here.
"""

from datetime import datetime

from pydantic import BaseModel, Field, SecretStr

from fleet.accounts import queries, service
from fleet.accounts.queries import EmployeeView
from fleet.accounts.roles import Right
from fleet.accounts.rules import MAX_PASSWORD
from fleet.audit import queries as audit_queries
from fleet.audit.queries import AuditFilter, AuditRow
from fleet.kit.http import Call, endpoint
from fleet.kit.input import Input, Nothing
from fleet.kit.paging import Page


class Credentials(Input):
    """What a person types to sign in."""

    login: str = Field(min_length=1, max_length=64)
    password: SecretStr = Field(min_length=1, max_length=MAX_PASSWORD)


class SignedIn(BaseModel):
    """The bearer token for the requests that follow; it is not shown again."""

    token: str
    expires_at: datetime
    employee: EmployeeView


@endpoint("POST", "/sign-in", public=True, own_transactions=True)
async def sign_in(call: Call[Nothing, Credentials]) -> SignedIn:
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
        employee=queries.view(opened.employee),
    )


@endpoint("POST", "/sign-out")
async def sign_out(call: Call[Nothing, None]) -> None:
    """Revoke the token of this request."""
    await service.sign_out(call.db, call.actor, call.now)


@endpoint("GET", "/me")
async def show_me(call: Call[Nothing, None]) -> EmployeeView:
    """Who is signed in, and their rights."""
    return await queries.by_id(call.db, call.actor.employee_id)


@endpoint("GET", "/audit", right=Right.ORGANISATION)
async def list_audit(call: Call[AuditFilter, None]) -> Page[AuditRow]:
    """The partner's audit log, newest first."""
    return await audit_queries.page(call.db, call.actor.partner_id, call.query)


ENDPOINTS = (sign_in, sign_out, show_me, list_audit)
