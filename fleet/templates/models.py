"""Templates of a partner: settings, receipts, info-receipts, tips; and the outlets of tips."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, ForeignKey, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from fleet.accounts.models import Partner
from fleet.kit.database import Base, BigId
from protocol.platforms import Platform

NAME_LENGTH = 128


class PartnerRecord(Base):
    """Common part of the templates: a partner's record with a name unique among the partner's.

    ``kind`` is its name in the audit log, ``audited`` are the columns that the log keeps.
    """

    __abstract__ = True
    kind: ClassVar[str]
    audited: ClassVar[tuple[str, ...]] = ("name",)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    @declared_attr
    def partner_id(cls) -> Mapped[int]:
        return mapped_column(ForeignKey(Partner.id))

    @declared_attr.directive
    def __table_args__(cls) -> tuple[Any, ...]:
        return (UniqueConstraint("partner_id", "name"),)


class SettingsTemplate(PartnerRecord):
    """A settings template; ``values`` maps a field of ``settings_table`` to its shown value."""

    __tablename__ = "settings_templates"
    kind = "settings_template"
    audited = ("name", "platform", "values")

    platform: Mapped[Platform]
    values: Mapped[dict[str, Any]] = mapped_column(JSON(none_as_null=True))


class ReceiptTemplate(PartnerRecord):
    """A partner's own receipt template for platform 2.5; ``content`` is the unchanged file."""

    __tablename__ = "receipt_templates"
    kind = "receipt_template"
    audited = ("name", "tape_width_mm", "size", "sha256")

    tape_width_mm: Mapped[int]
    content: Mapped[bytes] = mapped_column(LargeBinary)
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))


class InfoReceipt(PartnerRecord):
    """A text that a register prints on a receipt of its own."""

    __tablename__ = "info_receipts"
    kind = "info_receipt"
    audited = ("name", "text")

    text: Mapped[str] = mapped_column(Text)


class Outlet(PartnerRecord):
    """A sales point (торговая точка) that accepts tips."""

    __tablename__ = "outlets"
    kind = "outlet"


class TipsTemplate(PartnerRecord):
    """Cashless tips at one outlet, for platform 5.0."""

    __tablename__ = "tips_templates"
    kind = "tips_template"
    audited = ("name", "description", "outlet_id")

    description: Mapped[str] = mapped_column(Text)
    outlet_id: Mapped[int] = mapped_column(ForeignKey(Outlet.id), index=True)
