"""The kind of a test, from what it uses and where it lies; nobody writes it on a test by hand.

    unit      memory alone: no server, no socket, no other program
    database  a database, as one of ``DATABASES`` among its fixtures or its folder tells
    network   sockets, serial lines or programs of its own
    journey   the product as people and registers meet it, end to end

``pytest -m unit`` opens no file whose tests are all of another kind.
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final


class Kind(StrEnum):
    """What a test stands on; each is a mark of pytest."""

    UNIT = "unit"
    DATABASE = "database"
    NETWORK = "network"
    JOURNEY = "journey"


FOLDERS: Final = {
    "architecture/test_gate.py": Kind.NETWORK,
    "architecture/test_imports.py": Kind.NETWORK,
    "fleet/groups/test_tree.py": Kind.DATABASE,
    "fleet/kit/test_broker.py": Kind.NETWORK,
    "fleet/kit/test_database.py": Kind.DATABASE,
    "fleet/operations/test_life.py": Kind.DATABASE,
    "fuzz": Kind.NETWORK,
    "gateway/assistant": Kind.NETWORK,
    "gateway/assistant/kktpc/test_host_v2.py": Kind.UNIT,
    "gateway/assistant/kktpc/test_host_v3.py": Kind.UNIT,
    "gateway/assistant/test_config.py": Kind.UNIT,
    "gateway/assistant/test_conversation.py": Kind.DATABASE,
    "gateway/assistant/test_journal_of_steps.py": Kind.DATABASE,
    "gateway/edge": Kind.NETWORK,
    "gateway/edge/test_counting.py": Kind.UNIT,
    "gateway/edge/test_keys.py": Kind.UNIT,
    "journeys": Kind.JOURNEY,
    "servers": Kind.NETWORK,
    "simulator/bench": Kind.NETWORK,
    "simulator/calls": Kind.NETWORK,
    "simulator/calls/test_bad_links.py": Kind.UNIT,
    "simulator/calls/test_conversation.py": Kind.UNIT,
    "simulator/kktpc": Kind.NETWORK,
    "simulator/kktpc/test_task_buffer.py": Kind.UNIT,
    "simulator/web_requests": Kind.NETWORK,
}
"""Folders and files under ``tests``; the longest that holds a test decides, else its fixtures."""

DATABASES: Final = frozenset({"postgres", "schema", "database_url", "empty_url", "database"})
NETWORKS: Final = frozenset({"mosquitto", "closed_port"})

_TEST: Final = re.compile(r"^\s*(?:async )?def test_", re.MULTILINE)


def kind_of_place(path: PurePosixPath) -> Kind:
    """Return the kind that ``FOLDERS`` gives to a path relative to ``tests``."""
    for place in (path, *path.parents):
        if (kind := FOLDERS.get(str(place))) is not None:
            return kind
    return Kind.UNIT


def kind_of(path: PurePosixPath, fixtures: Iterable[str]) -> Kind:
    """Return the kind of a test in the file ``path`` that uses ``fixtures``, also indirectly."""
    place = kind_of_place(path)
    if place is not Kind.UNIT:
        return place
    if not DATABASES.isdisjoint(fixtures):
        return Kind.DATABASE
    return Kind.UNIT if NETWORKS.isdisjoint(fixtures) else Kind.NETWORK


def functions_in(source: str) -> int:
    """Return the number of test functions in a file, each counted once whatever its parameters."""
    return len(_TEST.findall(source))
