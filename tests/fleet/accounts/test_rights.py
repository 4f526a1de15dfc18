"""Every endpoint of the API asks for its right: the matrix, role by role, over real HTTP."""

import re

from fleet.accounts.roles import RIGHTS, Right, Role
from fleet.admin_api.endpoints import ENDPOINTS
from fleet.kit.http import PREFIX, Endpoint
from fleet.web.problems import CONTENT_TYPE
from tests.fleet.conftest import Api, Employ

PUBLIC = {
    "POST /sign-in",
    "POST /password-recovery",
    "POST /password-links/look",
    "POST /password-links/use",
}
"""What needs no sign-in.  A new entry is a decision: who may call it, how often, what it tells."""


def path_of(endpoint: Endpoint) -> str:
    """The path with a value in each place that no object has, so that nothing happens."""
    return re.sub(r"\{\w+\}", "-", endpoint.path)


def name_of(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


async def asked(api: Api, endpoint: Endpoint) -> tuple[int, str]:
    """Status and code of the refusal, if it is one; the answer may be a file."""
    headers = {"Authorization": f"Bearer {api.token}"} if api.token else {}
    path = PREFIX + path_of(endpoint)
    async with api.client.request(endpoint.method, path, headers=headers) as response:
        refused = response.content_type == CONTENT_TYPE
        return response.status, (await response.json())["code"] if refused else ""


def test_only_the_intended_endpoints_are_public() -> None:
    assert {name_of(endpoint) for endpoint in ENDPOINTS if endpoint.public} == PUBLIC


def test_every_endpoint_names_a_right_of_the_matrix() -> None:
    asked = {endpoint.right for endpoint in ENDPOINTS if endpoint.right is not None}
    assert asked <= set(Right)


async def test_only_public_endpoints_answer_without_a_sign_in(api: Api) -> None:
    for endpoint in ENDPOINTS:
        for api.token in ("", "of-nobody"):
            status, _ = await asked(api, endpoint)
            assert (status == 401) is not endpoint.public, name_of(endpoint)


async def test_every_endpoint_requires_its_right(api: Api, employ: Employ) -> None:
    for role in Role:
        await employ(role.value, role)
        assert (await api.sign_in(role.value)).status == 200
        for endpoint in ENDPOINTS:
            if endpoint.right is None:
                continue
            status, code = await asked(api, endpoint)
            refused = (status, code) == (403, "no_right")
            assert refused is (endpoint.right not in RIGHTS[role]), (role, name_of(endpoint))
            assert status != 401
