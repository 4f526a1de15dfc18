"""Accounts of the message broker: Assistants, and registers that speak MQTT themselves."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from fleet.accounts.models import Partner
from fleet.kit.database import Base, BigId, SerialNumber

TITLE_LENGTH = 128


class AccountKind(StrEnum):
    """Kind of client that signs in at the broker."""

    ASSISTANT = "assistant"
    TERMINAL = "terminal"
    """A register that speaks MQTT itself; its account has that one register."""


class BrokerAccount(Base):
    """An account of the broker; ``report`` is an Assistant's last report, as JSON."""

    __tablename__ = "broker_accounts"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id), index=True)
    kind: Mapped[AccountKind]
    login: Mapped[str] = mapped_column(String(64), unique=True)
    password_hash: Mapped[str] = mapped_column(String(256))
    title: Mapped[str] = mapped_column(String(TITLE_LENGTH))
    created_at: Mapped[datetime]
    reported_at: Mapped[datetime | None]
    version: Mapped[str] = mapped_column(String(128), default="")
    computer: Mapped[str] = mapped_column(String(128), default="")
    report: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class AccountRegister(Base):
    """A register that an account speaks for; the key lets it have one account only."""

    __tablename__ = "broker_account_registers"

    serial_number: Mapped[str] = mapped_column(SerialNumber, primary_key=True, autoincrement=False)
    account_id: Mapped[int] = mapped_column(
        ForeignKey(BrokerAccount.id, ondelete="CASCADE"), index=True
    )
    added_at: Mapped[datetime]
