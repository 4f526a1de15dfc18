"""The person behind a request, as every feature sees them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """An employee who has signed in, with the rights of their role.

    ``partner_id`` is the tenant: no query of a feature may look outside it.
    ``address`` is the client's IP address, for the audit log.
    ``limited``: the employee sees only the registers of their scope, not all of the partner's.
    ``by_token``: the request was made with the employee's API token, not with a sign-in.
    """

    employee_id: int
    partner_id: int
    login: str
    role: str
    rights: frozenset[str]
    sign_in_id: int
    address: str = ""
    limited: bool = False
    by_token: bool = False
