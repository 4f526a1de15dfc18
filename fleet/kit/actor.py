"""Who asks: the person behind a request, as every feature sees them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """An employee who has signed in, with the rights of their role.

    ``partner_id`` is the tenant: no query of a feature may look outside it.
    ``address`` is where the request came from, for the audit log.
    ``limited``: not all of the partner's registers, only those of the employee's scope.
    ``by_token``: a program with an API token of theirs asks, not the person.
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
