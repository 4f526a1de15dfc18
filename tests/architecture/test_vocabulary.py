"""One word for one thing: names in the code never use the words that the glossary refuses."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.architecture.tree import Source, snippet, sources

INSTEAD_OF = {
    "sn": "serial_number",
    "zn": "serial_number",
    "kkm": "cash_register",
    "device": "register",
    "fn": "fiscal_drive",
    "operator": "ofd, or a word for the person",
    "agent": "assistant",
    "alarm": "incident",
    "alert": "incident",
    "cheque": "receipt",
    "user": "employee, client or peer",
    "sno": "taxation_types",
    "heartbeat": "check_in",
    "ping": "check_in",
    "session": "conversation, db or sign_in",
    "unregister": "withdraw",
    "deregister": "withdraw",
}
IN_OPERATIONS = {"task": "operation", "job": "operation", "action": "operation"}
"""Refused for an Operation only: elsewhere a task is asyncio's, a job the worker's."""

PLURALS_THAT_ARE_OTHER_WORDS = {"fns"}
"""The tax service."""

CHECK_FOR_RECEIPT = re.compile(r"_checks?(?!_ins?(_|$))(_|$)")
"""A verb opens the name (``check_layout``); a thing stands further on (``last_check``)."""

EXCEPTIONS = re.compile(
    r"[Dd]evice_?[Pp]ort|DEVICE_PORT|^(tls_)?[Dd]evices(_address)?$|^(bare_)?sessions_per_s$"
    # amqtt's own names, which the embedded broker overrides and sets.
    r"|^_initialize_client_session$|^clean_session$"
    # The role of the support organisation, as the manual calls who decides access requests.
    r"|^SUPPORT_OPERATOR$"
)
"""The door of the fleet, the option ``--devices``, and what the benchmark must print."""

MODULES = {"utils", "helpers", "common", "misc", "manager", "handlers", "core"}
"""Names of modules that say nothing."""


def words_of(identifier: str) -> list[str]:
    """``camelCase``, ``CamelCase``, ``HTTPPort`` and ``snake_case`` into lower-case words."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", identifier)
    return [part.lower() for part in parts]


def refusal(identifier: str, refused: dict[str, str]) -> str | None:
    """Why a name may not be used, or None."""
    words = words_of(EXCEPTIONS.sub("", identifier))
    for word in words:
        singular = word if word in PLURALS_THAT_ARE_OTHER_WORDS else word.removesuffix("s")
        for form in (word, singular):
            if form in refused:
                return f"{identifier}: not {form!r} but {refused[form]}"
    if CHECK_FOR_RECEIPT.search("_".join(words)):
        return f"{identifier}: not 'check' but receipt, unless it is a verb or a check_in"
    return None


def names(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """Every name that a file gives to something."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node, node.name
            case ast.arg():
                yield node, node.arg
            case ast.Name(ctx=ast.Store()):
                yield node, node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node, node.attr
            case ast.alias() if node.asname:
                yield node, node.asname


def is_verb_register(node: ast.AST) -> bool:
    """``register`` as the name of what is done; a property or fixture of that name is a thing."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    return node.name == "register" and not node.decorator_list


def bad_names(source: Source) -> list[str]:
    in_operations = source.path.parts[:2] == ("fleet", "operations")
    refused = INSTEAD_OF | (IN_OPERATIONS if in_operations else {})
    if source.path.name == "jobs.py":
        refused = {word: why for word, why in refused.items() if word != "job"}
    found = [
        source.offence(node, why)
        for node, name in names(source.tree)
        if (why := refusal(name, refused))
    ]
    verbs = [node for node in ast.walk(source.tree) if is_verb_register(node)]
    return found + [source.offence(node, "not 'register' but enrol") for node in verbs]


def bad_modules(source: Source) -> list[str]:
    parts = source.path.with_suffix("").parts
    empty = [f"{source.path}: {part} says nothing" for part in parts if part in MODULES]
    return empty + [f"{source.path}: {why}" for part in parts if (why := refusal(part, INSTEAD_OF))]


def test_names_follow_the_vocabulary() -> None:
    assert [words for source in sources() for words in bad_names(source)] == []


def test_modules_follow_the_vocabulary() -> None:
    assert [words for source in sources() for words in bad_modules(source)] == []


@pytest.mark.parametrize(
    "text",
    [
        "def find(sn: str) -> None: ...",
        "class KkmModel: ...",
        "DEVICES = 1",
        "async def list_users() -> None: ...",
        "self.last_heartbeat = 1",
        "for user_id in (): ...",
        "from sqlalchemy.orm import Session as DbSession",
        "class Row:\n    sno: int",
        "lambda fn: fn",
        "last_check = 1",
        "class ServerPing: ...",
        "class Incident:\n    alert_level = 1",
        "def register(number: str) -> None: ...",
        "with open('') as device: ...",
    ],
)
def test_a_bad_name_is_found(text: str) -> None:
    assert len(bad_names(snippet("gateway/leaf.py", text))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "device_port = DevicePort = 1",
        "fns_code = check_in = last_check_in_at = check_ins_per_s = 1",
        "def check_layout(register: str) -> None: ...",
        "class Shelf:\n    @property\n    def register(self) -> int: ...",
        "sessions_per_s = tasks = 1",
        "from sqlalchemy.orm import Session",
        "shipping = personal = 1",
    ],
)
def test_a_good_name_is_not(text: str) -> None:
    assert bad_names(snippet("gateway/leaf.py", text)) == []


@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("fleet/operations/service.py", 2),
        ("fleet/operations/jobs.py", 1),
        ("fleet/worker/schedule.py", 0),
    ],
)
def test_an_operation_is_no_task(path: str, count: int) -> None:
    assert len(bad_names(snippet(path, "def run(task, due_job): ..."))) == count


@pytest.mark.parametrize(
    "path",
    ["fleet/kit/utils.py", "gateway/core/__init__.py", "fleet/user.py", "gateway/ping.py"],
)
def test_a_bad_module_is_found(path: str) -> None:
    assert len(bad_modules(snippet(path, ""))) == 1
