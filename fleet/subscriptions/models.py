"""Tables of subscriptions: contracts, orders, the stock, and what registers have of it."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from fleet.accounts.models import Partner
from fleet.kit.database import Base, BigId, SerialNumber
from fleet.subscriptions.entitlements import Entitlement

PlanCode = String(32)


class Grant(Base):
    """A partner may use a service with all registers: by contract, without subscriptions."""

    __tablename__ = "entitlements"

    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id), primary_key=True)
    entitlement: Mapped[Entitlement] = mapped_column(primary_key=True)
    granted_at: Mapped[datetime]


class SubscriptionOrder(Base):
    """A purchase.  Price and points are those of the moment of the order, each for one.

    Until ``paid_at`` is set, what became of it is what became of its payment.
    """

    __tablename__ = "subscription_orders"
    __table_args__ = (Index(None, "partner_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id))
    employee_id: Mapped[int]
    plan: Mapped[str] = mapped_column(PlanCode)
    quantity: Mapped[int]
    price_kopecks: Mapped[int] = mapped_column(BigInteger)
    bonus_points: Mapped[int]
    payment_id: Mapped[str] = mapped_column(String(36), server_default="", index=True)
    created_at: Mapped[datetime]
    paid_at: Mapped[datetime | None]
    taken_back: Mapped[int] = mapped_column(server_default="0", default=0)
    """How many left the stock again because their money was given back."""


class Stock(Base):
    """How many subscriptions a partner holds and has not assigned.

    One row for each number of bonus points that a single one brings when it is assigned, so the
    promise of an order stays with what it bought, also when that is transferred.  The database
    itself refuses to go below nothing.
    """

    __tablename__ = "subscription_stock"
    __table_args__ = (CheckConstraint("quantity >= 0", name="not_below_nothing"),)

    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id), primary_key=True)
    plan: Mapped[str] = mapped_column(PlanCode, primary_key=True)
    bonus_points: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    quantity: Mapped[int] = mapped_column(BigInteger)


class MovementReason(StrEnum):
    PURCHASE = "purchase"
    GRANT = "grant"
    """Given by support, without money and bonuses."""
    ASSIGNMENT = "assignment"
    TRANSFER_OUT = "transfer_out"
    TRANSFER_IN = "transfer_in"
    REFUND = "refund"
    """Taken back, since the provider has given their money back."""


class StockMovement(Base):
    """One change of a row of the stock, which is the sum of them.  Rows are only added."""

    __tablename__ = "subscription_movements"
    __table_args__ = (Index(None, "partner_id", "plan", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id))
    plan: Mapped[str] = mapped_column(PlanCode)
    bonus_points: Mapped[int]
    change: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[MovementReason]
    reference: Mapped[int | None] = mapped_column(BigId)
    """The order or the transfer behind it."""
    employee_id: Mapped[int | None]
    at: Mapped[datetime]


class Subscription(Base):
    """What a register has: one row for each plan, prolonged in place.

    It is bound to the serial number, not to a partner, and so goes with the register.
    ``ends_at`` None = without end.  ``expired_at``: its end was announced.
    """

    __tablename__ = "subscriptions"
    __table_args__ = (
        Index(
            "ix_subscriptions_due",
            "ends_at",
            postgresql_where=text("expired_at IS NULL"),
            sqlite_where=text("expired_at IS NULL"),
        ),
    )

    serial_number: Mapped[str] = mapped_column(SerialNumber, primary_key=True, autoincrement=False)
    plan: Mapped[str] = mapped_column(PlanCode, primary_key=True)
    started_at: Mapped[datetime]
    """Since when it has had the plan without a break."""
    ends_at: Mapped[datetime | None]
    expired_at: Mapped[datetime | None]


class Assignment(Base):
    """One subscription of the stock given to a register: history, never changed."""

    __tablename__ = "subscription_assignments"
    __table_args__ = (
        Index(None, "partner_id", "id"),
        Index(None, "serial_number", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id))
    employee_id: Mapped[int]
    serial_number: Mapped[str] = mapped_column(SerialNumber)
    plan: Mapped[str] = mapped_column(PlanCode)
    bonus_points: Mapped[int]
    starts_at: Mapped[datetime]
    """When its own term begins: at once, or where the former one ends."""
    ends_at: Mapped[datetime | None]
    at: Mapped[datetime]


class Transfer(Base):
    """Subscriptions given by one partner to another: seen by both."""

    __tablename__ = "subscription_transfers"
    __table_args__ = (
        Index(None, "from_partner_id", "id"),
        Index(None, "to_partner_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    from_partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id))
    to_partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id))
    employee_id: Mapped[int]
    plan: Mapped[str] = mapped_column(PlanCode)
    quantity: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime]
