"""Accounts in the MQTT broker: Mosquitto's dynamic security, spoken to over MQTT itself.

Each account has one role, and the role names exactly its topics; everything that no role
allows is refused.  Whatever is asked twice is done once.

    registers/<serial>/up, up/#   says        registers/<serial>/down   hears
    assistants/<login>/up         says        assistants/<login>/down   hears

Commands are a JSON object on ``$CONTROL/dynamic-security/v1``, their answers come on
``…/response``, matched by ``correlationData``.
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
"""The text beside the name of what we made; other accounts are not ours to touch."""

GATEWAY_ROLE: Final = "cash-server-gateway"
BROKER_TIMEOUT_S: Final = 10.0
"""Longest wait for the broker, connection and all."""

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
    """The broker cannot be reached within its time-out, or does not let us administer it."""


class BrokerRefused(Exception):
    """The broker would not do a command; the message is its own."""


class LoginTaken(BrokerRefused):
    """The broker has this login, and we did not make it: it is not ours to touch."""


class BrokerAdmin:
    """Administers the accounts that the fleet makes.  Raises ``BrokerDown``."""

    def __init__(self, url: BrokerUrl, password: str, tls: ssl.SSLContext | None = None) -> None:
        self._url, self._password, self._tls = url, password, tls
        self._lock = asyncio.Lock()

    async def create_account(self, login: str, password: str) -> None:
        """An account without registers; of one of ours the password is set.  ``LoginTaken``."""
        await self._refuse_foreign_account(login, _role(login))
        await self._ensure_role(_role(login), _acls(login, ()), replace=False)
        await self._ensure_client(login, password, _role(login))

    async def set_password(self, login: str, password: str) -> None:
        """``BrokerRefused`` if there is no such account."""
        await self._send_commands([_password(login, password)])

    async def set_registers(self, login: str, serial_numbers: Iterable[str]) -> None:
        """Exactly these; who is connected and loses one is disconnected by the broker."""
        await self._ensure_role(_role(login), _acls(login, sorted(serial_numbers)))

    async def delete_account(self, login: str) -> None:
        """With its role; one that does not exist is no fault, and one that is not ours stays."""
        commands = [{"command": "deleteRole", "rolename": _role(login)}]
        if not await self._is_foreign_account(login, _role(login)):
            commands.insert(0, {"command": "deleteClient", "username": login})
        await self._send_commands(commands, ignored_errors=("not found",))

    async def accounts(self) -> Mapping[str, frozenset[str]]:
        """Logins that the fleet made, with their registers."""
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
        """The gateways' account, and the broker's defaults: what is not allowed is refused.

        ``LoginTaken``.
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
        """Whether the broker has the login, and it is not what we make with that role."""
        asked = {"command": "getClient", "username": login}
        (answer,) = await self._send_commands([asked], ignored_errors=("not found",))
        return "error" not in answer and not _is_our_account(answer["data"]["client"], role)

    async def _ensure_role(self, name: str, acls: list[Acl], *, replace: bool = True) -> None:
        made = {"command": "createRole", "rolename": name, "textname": OUR_MARK, "acls": acls}
        (answer,) = await self._send_commands([made], ignored_errors=("already exists",))
        if replace and "error" in answer:
            await self._replace_role(name, acls)

    async def _replace_role(self, name: str, acls: list[Acl]) -> None:
        """A change disconnects whoever has the role, so nothing is changed for nothing."""
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
        """One answer for each command; ``ignored_errors``: words of refusals that do not matter."""
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
    """As configured; ``None`` if there is no broker to administer (the embedded one asks the
    database).  ``OSError`` for a file that cannot be read."""
    if not config.broker_admin:
        return None
    url, password = broker_url.parse(config.broker_admin), ""
    if config.broker_admin_password_file is not None:
        password = read_password(config.broker_admin_password_file)
    tls = ssl.create_default_context(cafile=config.broker_ca_file) if url.tls else None
    return BrokerAdmin(url, password, tls)


def read_password(path: Path) -> str:
    """The password in a file; ``ValueError`` for an empty one."""
    password = path.read_text("utf-8").strip()
    if not password:
        raise ValueError(f"there is no password in {path}")
    return password


async def ensure_gateway_account(config: FleetConfig, login: str, password_file: Path) -> None:
    """What an operator runs once: the gateways' account, with the password of a file.

    ``ValueError`` if no broker to administer is configured.
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
    """Mosquitto 2.0 compares a shared subscription with its ``$share/group/`` before it."""
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
