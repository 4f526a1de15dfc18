"""Table of the services that partners may use."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from fleet.accounts.models import Partner
from fleet.kit.database import Base
from fleet.subscriptions.entitlements import Entitlement


class Grant(Base):
    """A partner may use a service."""

    __tablename__ = "entitlements"

    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id), primary_key=True)
    entitlement: Mapped[Entitlement] = mapped_column(primary_key=True)
    granted_at: Mapped[datetime]
