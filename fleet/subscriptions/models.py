"""Tables of subscriptions: contracts, orders, stock, and the subscriptions of registers."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from fleet.accounts.models import Partner
from fleet.kit.database import Base, BigId, SerialNumber
from fleet.subscriptions.entitlements import Entitlement

PlanCode = String(32)


class Grant(Base):
    """Permission by contract to use a service with all registers without subscriptions."""

    __tablename__ = "entitlements"

    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id), primary_key=True)
    entitlement: Mapped[Entitlement] = mapped_column(primary_key=True)
    granted_at: Mapped[datetime]


class SubscriptionOrder(Base):
    """A purchase, with the price and bonus points of one unit at the moment of the order.

    Until ``paid_at`` is set, the state of the order is the state of its payment.
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
    """Number of units removed from the stock because their money was refunded."""


class Stock(Base):
    """Number of subscriptions that a partner has and has not assigned.

    There is one row for each number of bonus points that a unit brings when it is assigned, so a
    unit keeps the points promised by its order, even after a transfer.  A constraint of the
    database keeps the quantity from falling below zero.
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
    """Given by support, without money and bonus points."""
    ASSIGNMENT = "assignment"
    TRANSFER_OUT = "transfer_out"
    TRANSFER_IN = "transfer_in"
    REFUND = "refund"
    """Removed, because the provider has refunded the money."""


class StockMovement(Base):
    """A change of a row of the stock, which is the sum of its movements; rows are only added."""

    __tablename__ = "subscription_movements"
    __table_args__ = (Index(None, "partner_id", "plan", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id))
    plan: Mapped[str] = mapped_column(PlanCode)
    bonus_points: Mapped[int]
    change: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[MovementReason]
    reference: Mapped[int | None] = mapped_column(BigId)
    """Number of the order or the transfer that caused the movement."""
    employee_id: Mapped[int | None]
    at: Mapped[datetime]


class Subscription(Base):
    """A plan of a register: one row for each plan, prolonged in place.

    It is bound to the serial number, not to a partner, so it stays with the register.  ``ends_at``
    None = without end; ``expired_at`` = when its end was announced.
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
    """Moment since which the register has had the plan without a break."""
    ends_at: Mapped[datetime | None]
    expired_at: Mapped[datetime | None]


class Assignment(Base):
    """One unit of the stock assigned to a register: a history that is never changed."""

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
    """Beginning of the unit's own term: at once, or at the end of the former term."""
    ends_at: Mapped[datetime | None]
    at: Mapped[datetime]


class Transfer(Base):
    """Subscriptions transferred from one partner to another; both see the row."""

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
