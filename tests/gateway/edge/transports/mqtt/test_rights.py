"""An account can neither read nor write what is another's: every combination, both brokers."""

import asyncio

import pytest
from aiomqtt import Client, MqttError, ProtocolVersion, Will

from simulator.calls.mqtt import MqttAccount
from tests.gateway.edge import running_brokers as brokers
from tests.gateway.edge.running_brokers import PASSWORD, RunningBroker, login
from tests.gateway.edge.running_gateway import HOST, WAIT_S

place = brokers.running_broker

MINE, THEIRS = "00106100000001", "00106100000002"
QUIET_S = 0.3


def client(server: MqttAccount, will: Will | None = None) -> Client:
    version = ProtocolVersion.V5 if server.version_5 else ProtocolVersion.V311
    return Client(
        HOST,
        server.port,
        username=server.login,
        password=server.password,
        protocol=version,
        timeout=WAIT_S,
        will=will,
    )


def gateway(place: RunningBroker) -> Client:
    address = place.address
    return client(MqttAccount(HOST, address.port, address.login, address.password, address.shared))


async def heard(listener: Client, last: str = "") -> list[str]:
    """Topics of what came until ``last``, which is waited for, and then until nothing more does."""
    topics: list[str] = []
    while True:
        awaited = last and last not in topics
        try:
            async with asyncio.timeout(WAIT_S if awaited else QUIET_S):
                topics.append((await anext(aiter(listener.messages))).topic.value)
        except TimeoutError:
            return topics


async def test_an_account_publishes_only_to_its_topics(place: RunningBroker) -> None:
    me, they = login(), login()
    await place.permit(me, [MINE])
    await place.permit(they, [THEIRS])
    allowed = {f"registers/{MINE}/up", f"assistants/{me}/up"}
    refused = {
        f"registers/{THEIRS}/up",
        f"registers/{THEIRS}/up/gw",
        f"registers/{THEIRS}/down",
        f"registers/{MINE}/down",
        f"assistants/{they}/up",
        f"assistants/{they}/down",
        f"assistants/{me}/down",
        f"registers/{MINE}",
        "registers/up",
        "anything",
    }
    async with gateway(place) as listener, client(place.server(me)) as speaker:
        await listener.subscribe([("registers/+/up", 1), ("assistants/+/up", 1)])
        async with client(place.server(they)) as theirs:
            await theirs.subscribe(
                [(f"registers/{THEIRS}/down", 1), (f"assistants/{they}/down", 1)]
            )
            for topic in [*sorted(refused), *sorted(allowed)]:
                await speaker.publish(topic, b"mine", 1)
            assert set(await heard(listener, max(allowed))) == allowed
            assert await heard(theirs) == []


async def test_an_account_subscribes_only_to_its_topics(place: RunningBroker) -> None:
    me, they = login(), login()
    await place.permit(me, [MINE])
    await place.permit(they, [THEIRS])
    mine = [f"registers/{MINE}/down", f"assistants/{me}/down"]
    others = [
        f"registers/{THEIRS}/down",
        f"registers/{THEIRS}/up",
        f"registers/{MINE}/up",
        f"assistants/{they}/down",
        "registers/+/down",
        f"registers/{MINE}/+",
        f"registers/{MINE}/#",
        "assistants/+/down",
        "registers/#",
        "+/+/down",
        "#",
        "$SYS/#",
        "$CONTROL/#",
        "$share/gateways/registers/+/up",
        f"$share/x/registers/{THEIRS}/down",
    ]
    async with gateway(place) as speaker, client(place.server(me)) as listener:
        for topic in mine + others:
            (code,) = await listener.subscribe(topic, 1)
            granted = (code if isinstance(code, int) else code.value) < 0x80
            assert granted == (topic in mine), topic
        for topic in [f"registers/{THEIRS}/down", f"assistants/{they}/down", *mine]:
            await speaker.publish(topic, b"from the gateway", 1)
        assert sorted(await heard(listener, mine[-1])) == sorted(mine)


async def test_a_last_will_has_the_accounts_rights_only(place: RunningBroker) -> None:
    me, they = login(), login()
    await place.permit(me, [MINE])
    await place.permit(they, [THEIRS])
    async with gateway(place) as listener:
        await listener.subscribe("registers/+/up", 1)
        will = Will(f"registers/{THEIRS}/up", b"forged", 1)
        try:
            async with client(place.server(me), will) as dying:
                dying._client.socket().shutdown(2)  # type: ignore[union-attr]
                await asyncio.sleep(QUIET_S)
        except MqttError:
            pass
        assert await heard(listener) == []


@pytest.mark.parametrize("way", ["nobody", "unknown", "wrong_password"])
async def test_strangers_cannot_connect(place: RunningBroker, way: str) -> None:
    me = login()
    await place.permit(me, [MINE])
    names: dict[str, tuple[str | None, str | None]] = {
        "nobody": (None, None),
        "unknown": (login(), PASSWORD),
        "wrong_password": (me, "wrong"),
    }
    name, password = names[way]
    with pytest.raises(MqttError):
        async with Client(
            HOST, place.address.port, username=name, password=password, timeout=WAIT_S
        ):
            pytest.fail("a stranger was let in")


async def test_another_accounts_client_identifier_gives_no_rights(place: RunningBroker) -> None:
    """Who takes the name of another's connection gets none of what is meant for the other."""
    me, they = login(), login()
    await place.permit(me, [MINE])
    await place.permit(they, [THEIRS])
    server, topic = place.server(they), f"registers/{THEIRS}/down"
    mine = Client(
        HOST,
        server.port,
        username=me,
        password=PASSWORD,
        identifier=they,
        clean_session=False,
        timeout=WAIT_S,
    )
    theirs = Client(
        HOST,
        server.port,
        username=they,
        password=PASSWORD,
        identifier=they,
        clean_session=False,
        timeout=WAIT_S,
    )
    async with gateway(place) as speaker:
        async with theirs:
            await theirs.subscribe(topic, 1)
        await speaker.publish(topic, b"for them", 1)
        try:
            async with mine:
                await speaker.publish(topic, b"for them too", 1)
                assert await heard(mine) == []
        except MqttError:
            return
