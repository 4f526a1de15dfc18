"""What schemathesis is told of this API: loaded by its own process, not by pytest."""

import json
from typing import Any

import schemathesis
from schemathesis import Case, HookContext, Response
from schemathesis.core.failures import Failure
from schemathesis.openapi.checks import RejectedPositiveData, UndefinedContentType

BEYOND_A_SCHEMA = frozenset({"wrong_inn", "not_a_name", "not_printable", "not_storable"})
"""Check digits, links in names, the characters of CP866, what no database keeps."""
DESCRIBED_ELSEWHERE = ("params.", "values.")
"""By ``GET /operation-types`` and ``GET /settings-templates/fields``."""


@schemathesis.hook
def map_body(context: HookContext, body: Any) -> Any:
    """JSON Schema takes 5.0 for an integer; the server, being strict, does not."""
    if isinstance(body, dict):
        return {name: map_body(context, value) for name, value in body.items()}
    if isinstance(body, list):
        return [map_body(context, value) for value in body]
    return int(body) if isinstance(body, float) and body.is_integer() else body


@schemathesis.hook
def filter_failure(
    context: HookContext, failure: Failure, case: Case[Any], response: Response
) -> bool:
    """False: nothing that the document could have said."""
    if isinstance(failure, RejectedPositiveData):
        return not _by_a_rule(response)
    if isinstance(failure, UndefinedContentType):
        return not _never_arrived(response)
    return True


def _by_a_rule(response: Response) -> bool:
    """Well formed, and refused for what it means: by a rule of the feature with its own code."""
    problem: dict[str, Any] = json.loads(response.content)
    if problem["code"] != "invalid_input":
        return response.status_code == 422
    return all(
        each["code"] in BEYOND_A_SCHEMA or each["field"].startswith(DESCRIBED_ELSEWHERE)
        for each in problem["errors"]
    )


def _never_arrived(response: Response) -> bool:
    """A request line over 8190 bytes, which the HTTP parser refuses before any application."""
    return response.status_code == 400 and response.content.startswith(b"Got more than 8190 bytes")
