"""Where a broker is, as configuration says it."""

import pytest

from protocol.broker_url import BrokerUrl, parse


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("mqtt://gateway@broker:1884", BrokerUrl("gateway", "broker", 1884, False)),
        ("mqtt://gateway@broker", BrokerUrl("gateway", "broker", 1883, False)),
        ("mqtts://gateway@broker", BrokerUrl("gateway", "broker", 8883, True)),
        ("mqtts://g%40x@[::1]:1", BrokerUrl("g@x", "::1", 1, True)),
    ],
)
def test_an_address_is_parsed(text: str, url: BrokerUrl) -> None:
    assert parse(text) == url


@pytest.mark.parametrize(
    "text", ["", "broker:1883", "http://a@b", "mqtt://broker", "mqtt://a@", "mqtt://a@b:x"]
)
def test_an_invalid_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse(text)


def test_a_password_in_the_address_is_refused() -> None:
    with pytest.raises(ValueError, match="into a file") as refused:
        parse("mqtt://gateway:secret@broker")
    assert "secret" not in str(refused.value)
