"""The configuration read from the environment."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from fleet.kit.config import FleetConfig, split_address


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in FleetConfig.model_fields:
        monkeypatch.delenv(f"CASH_SERVER_{name.upper()}", raising=False)


def test_the_default_database_is_in_the_data_directory() -> None:
    config = FleetConfig(data=Path("/srv/cash"))
    assert config.database_url == "sqlite+aiosqlite:////srv/cash/fleet.db"
    assert config.http_address == ("127.0.0.1", 8080)
    assert all(field.description for field in FleetConfig.model_fields.values())


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgresql://u:p@db/fleet", "postgresql+asyncpg://u:p@db/fleet"),
        ("postgres://db/fleet", "postgresql+asyncpg://db/fleet"),
        ("postgresql+asyncpg://db/fleet", "postgresql+asyncpg://db/fleet"),
        ("sqlite:///fleet.db", "sqlite+aiosqlite:///fleet.db"),
    ],
)
def test_plain_urls_get_their_driver(
    monkeypatch: pytest.MonkeyPatch, given: str, used: str
) -> None:
    monkeypatch.setenv("CASH_SERVER_DATABASE", given)
    assert FleetConfig().database_url == used


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE", "mysql://db/fleet"),
        ("DATABASE", "fleet.db"),
        ("HTTP", "8080"),
        ("HTTP", "host:65536"),
        ("HTTP", "host:http"),
        ("READINGS_DAYS", "0"),
        ("LANGUAGE", "de"),
        ("ADMIN_PASSWORD", ""),
        ("ADMIN_PASSWORD", "x"),
        ("ADMIN_PASSWORD", "x" * 129),
    ],
)
def test_an_invalid_variable_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"CASH_SERVER_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        FleetConfig()


@pytest.mark.parametrize("content", [None, b" \n", b"\xff"])
def test_an_unreadable_mail_password_file_stops_the_start(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValidationError, match="smtp_password_file"):
        FleetConfig(smtp_password_file=path)


def test_the_password_is_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASH_SERVER_ADMIN_PASSWORD", "top secret")
    config = FleetConfig()
    assert config.admin_password and config.admin_password.get_secret_value() == "top secret"
    assert "top secret" not in repr(config)


def test_an_address_may_be_ipv6() -> None:
    assert split_address("[::1]:8080") == ("::1", 8080)
