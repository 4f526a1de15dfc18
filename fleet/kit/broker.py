"""Accounts in the MQTT broker, managed with Mosquitto's dynamic security over MQTT itself.

Each account has one role, and the role lists exactly the topics of the account; everything that
no role allows is refused.  Every method is idempotent.

    registers/<serial>/up, up/#   publish     registers/<serial>/down   subscribe
    assistants/<login>/up         publish     assistants/<login>/down   subscribe

Commands are sent as a JSON object to ``$CONTROL/dynamic-security/v1``; the responses arrive on
``…/response`` and are matched by ``correlationData``.
"""

import asyncio
import json
import logging
import re
import secrets
import ssl
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from aiomqtt import Client, MqttError, ProtocolVersion

from fleet.kit.config import FleetConfig
from protocol import broker_url
from protocol.broker_url import BrokerUrl

CONTROL: Final = "$CONTROL/dynamic-security/v1"
RESPONSES: Final = f"{CONTROL}/response"

OUR_MARK: Final = "cash-server"
"""The ``textname`` of accounts and roles that we created; we change no others."""

GATEWAY_ROLE: Final = "cash-server-gateway"
BROKER_TIMEOUT_S: Final = 10.0
"""Longest wait for the broker, including the connection."""

QOS: Final = 1

Acl = dict[str, Any]
Command = dict[str, Any]

_QUIET: Final = logging.getLogger("fleet.mqtt")
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False

_DOWN: Final = re.compile(r"registers/([0-9]{14})/down")

DEFAULTS: Final = {
    "publishClientSend": False,
    "publishClientReceive": False,
    "subscribe": False,
    "unsubscribe": True,
}


class BrokerDown(Exception):
    """Error: the broker does not respond in time, or does not let us administer it."""


class BrokerRefused(Exception):
    """Error: the broker refused a command; the message is the broker's."""


class LoginTaken(BrokerRefused):
    """Error: the login belongs to an account that we did not create and must not change."""


class BrokerAdmin:
    """Administration of the broker accounts that the fleet creates.

    Every method raises ``BrokerDown`` when the broker does not respond.
    """

    def __init__(self, url: BrokerUrl, password: str, tls: ssl.SSLContext | None = None) -> None:
        self._url, self._password, self._tls = url, password, tls
        self._lock = asyncio.Lock()

    async def create_account(self, login: str, password: str) -> None:
        """Create an account without registers, or set the password of an existing one of ours.

        Raise ``LoginTaken`` for an account that is not ours.
        """
        await self._refuse_foreign_account(login, _role(login))
        await self._ensure_role(_role(login), _acls(login, ()), replace=False)
        await self._ensure_client(login, password, _role(login))

    async def set_password(self, login: str, password: str) -> None:
        """Set the password of an account; raise ``BrokerRefused`` if it does not exist."""
        await self._send_commands([_password(login, password)])

    async def set_registers(self, login: str, serial_numbers: Iterable[str]) -> None:
        """Let the account speak for exactly these registers.

        The broker disconnects the account's clients when the set changes.
        """
        await self._ensure_role(_role(login), _acls(login, sorted(serial_numbers)))

    async def delete_account(self, login: str) -> None:
        """Delete the account and its role; ignore a missing account and one that is not ours."""
        commands = [{"command": "deleteRole", "rolename": _role(login)}]
        if not await self._is_foreign_account(login, _role(login)):
            commands.insert(0, {"command": "deleteClient", "username": login})
        await self._send_commands(commands, ignored_errors=("not found",))

    async def accounts(self) -> Mapping[str, frozenset[str]]:
        """Return the logins of the accounts that the fleet created, each with its registers."""
        listing = {"verbose": True, "count": -1, "offset": 0}
        clients, roles = await self._send_commands(
            [{"command": "listClients", **listing}, {"command": "listRoles", **listing}]
        )
        held = {
            role["rolename"]: _registers(role.get("acls", ())) for role in roles["data"]["roles"]
        }
        return {
            client["username"]: held.get(_role(client["username"]), frozenset())
            for client in clients["data"]["clients"]
            if _is_our_account(client, _role(client["username"]))
        }

    async def ensure_gateway_account(self, login: str, password: str) -> None:
        """Create the gateways' account and make the broker refuse what no role allows.

        Raise ``LoginTaken`` for an account that is not ours.
        """
        await self._refuse_foreign_account(login, GATEWAY_ROLE)
        access = [{"acltype": kind, "allow": allow} for kind, allow in DEFAULTS.items()]
        await self._send_commands([{"command": "setDefaultACLAccess", "acls": access}])
        await self._ensure_role(GATEWAY_ROLE, _gateway_acls())
        await self._ensure_client(login, password, GATEWAY_ROLE)

    async def _refuse_foreign_account(self, login: str, role: str) -> None:
        if await self._is_foreign_account(login, role):
            raise LoginTaken(login)

    async def _is_foreign_account(self, login: str, role: str) -> bool:
        """Tell whether the broker has an account of this login that we did not create so."""
        asked = {"command": "getClient", "username": login}
        (answer,) = await self._send_commands([asked], ignored_errors=("not found",))
        return "error" not in answer and not _is_our_account(answer["data"]["client"], role)

    async def _ensure_role(self, name: str, acls: list[Acl], *, replace: bool = True) -> None:
        made = {"command": "createRole", "rolename": name, "textname": OUR_MARK, "acls": acls}
        (answer,) = await self._send_commands([made], ignored_errors=("already exists",))
        if replace and "error" in answer:
            await self._replace_role(name, acls)

    async def _replace_role(self, name: str, acls: list[Acl]) -> None:
        """Replace the role's topics if they differ: a change disconnects the role's clients."""
        (found,) = await self._send_commands([{"command": "getRole", "rolename": name}])
        if _comparable(found["data"]["role"]["acls"]) != _comparable(acls):
            await self._send_commands([{"command": "modifyRole", "rolename": name, "acls": acls}])

    async def _ensure_client(self, login: str, password: str, role: str) -> None:
        made = {
            "command": "createClient",
            "username": login,
            "password": password,
            "textname": OUR_MARK,
            "roles": [{"rolename": role, "priority": 0}],
        }
        (answer,) = await self._send_commands([made], ignored_errors=("already exists",))
        if "error" in answer:
            await self._send_commands([_password(login, password)])

    async def _send_commands(
        self, commands: Sequence[Command], ignored_errors: tuple[str, ...] = ()
    ) -> list[dict[str, Any]]:
        """Send the commands; return one response for each.

        Raise ``BrokerRefused`` for a response with an error, unless the error contains one of
        ``ignored_errors``.
        """
        try:
            async with asyncio.timeout(BROKER_TIMEOUT_S), self._lock, self._client() as client:
                answers = await _exchange(client, commands)
        except (MqttError, OSError, TimeoutError) as error:
            raise BrokerDown(str(error) or "the broker does not answer") from error
        for answer in answers:
            words = str(answer.get("error", ""))
            if words and not any(one in words for one in ignored_errors):
                raise BrokerRefused(f"{answer['command']}: {words}")
        return answers

    def _client(self) -> Client:
        return Client(
            self._url.host,
            self._url.port,
            username=self._url.login,
            password=self._password,
            protocol=ProtocolVersion.V5,
            tls_context=self._tls,
            timeout=BROKER_TIMEOUT_S,
            logger=_QUIET,
        )


def broker_admin(config: FleetConfig) -> BrokerAdmin | None:
    """Return the administration of the configured broker, or None if none is configured.

    The embedded broker needs none: it looks accounts up in the database.  Raise ``OSError`` for a
    password or CA file that cannot be read.
    """
    if not config.broker_admin:
        return None
    url, password = broker_url.parse(config.broker_admin), ""
    if config.broker_admin_password_file is not None:
        password = read_password(config.broker_admin_password_file)
    tls = ssl.create_default_context(cafile=config.broker_ca_file) if url.tls else None
    return BrokerAdmin(url, password, tls)


def read_password(path: Path) -> str:
    """Return the password that a file holds; raise ``ValueError`` for an empty file."""
    password = path.read_text("utf-8").strip()
    if not password:
        raise ValueError(f"there is no password in {path}")
    return password


async def ensure_gateway_account(config: FleetConfig, login: str, password_file: Path) -> None:
    """Create the gateways' account with the password of a file; an operator does this once.

    Raise ``ValueError`` if no broker to administer is configured.
    """
    admin = broker_admin(config)
    if admin is None:
        raise ValueError("CASH_SERVER_BROKER_ADMIN does not name a broker")
    await admin.ensure_gateway_account(login, read_password(password_file))


async def _exchange(client: Client, commands: Sequence[Command]) -> list[dict[str, Any]]:
    await client.subscribe(RESPONSES, QOS)
    marks = [secrets.token_hex(8) for _ in commands]
    asked = [
        {**command, "correlationData": mark} for command, mark in zip(commands, marks, strict=True)
    ]
    await client.publish(CONTROL, json.dumps({"commands": asked}), QOS)
    found: dict[str, dict[str, Any]] = {}
    async for message in client.messages:
        for answer in json.loads(bytes(message.payload)).get("responses", ()):
            found[answer.get("correlationData", "")] = answer
        if found.keys() >= set(marks):
            break
    return [found[mark] for mark in marks]


def _is_our_account(client: Mapping[str, Any], role: str) -> bool:
    roles = [each["rolename"] for each in client.get("roles", ())]
    return client.get("textname") == OUR_MARK and roles == [role]


def _password(login: str, password: str) -> Command:
    return {"command": "setClientPassword", "username": login, "password": password}


def _role(login: str) -> str:
    return f"{OUR_MARK}-account-{login}"


def _acls(login: str, serial_numbers: Sequence[str]) -> list[Acl]:
    says, hears = [f"assistants/{login}/up"], [f"assistants/{login}/down"]
    for serial_number in serial_numbers:
        says += [f"registers/{serial_number}/up", f"registers/{serial_number}/up/#"]
        hears.append(f"registers/{serial_number}/down")
    return [
        *_allow("publishClientSend", says),
        *_allow("subscribeLiteral", hears),
        *_allow("publishClientReceive", hears),
    ]


def _gateway_acls() -> list[Acl]:
    """Return the topics of the gateways' role.

    Mosquitto 2.0 compares a shared subscription including its ``$share/group/`` prefix, so those
    subscriptions are listed literally.
    """
    hears = ["registers/+/up", "registers/+/up/#", "assistants/+/up"]
    shared = [f"$share/gateways/{topic}" for topic in ("registers/+/up", "assistants/+/up")]
    return [
        *_allow("publishClientSend", ["registers/+/down", "assistants/+/down"]),
        *_allow("subscribePattern", hears),
        *_allow("subscribeLiteral", shared),
        *_allow("publishClientReceive", hears),
    ]


def _allow(kind: str, topics: Iterable[str]) -> list[Acl]:
    return [{"acltype": kind, "topic": topic, "priority": 0, "allow": True} for topic in topics]


def _comparable(acls: Iterable[Acl]) -> set[tuple[str, str, bool]]:
    return {(acl["acltype"], acl["topic"], acl["allow"]) for acl in acls}


def _registers(acls: Iterable[Acl]) -> frozenset[str]:
    found = (_DOWN.fullmatch(acl["topic"]) for acl in acls if acl["acltype"] == "subscribeLiteral")
    return frozenset(one[1] for one in found if one)
