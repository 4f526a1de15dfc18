"""Request and response bodies of the endpoints that change subscriptions."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from fleet.kit.input import Input
from fleet.registers.rules import MAX_REGISTERS
from fleet.subscriptions.catalogue import MAX_PLANS
from fleet.subscriptions.queries import OrderRow, PlanView
from fleet.subscriptions.rules import MAX_QUANTITY

PlanCode = Annotated[str, Field(max_length=32)]
MAX_TRANSFER = 10_000_000


class SuitablePlan(PlanView):
    """A subscription that some of the chosen registers could get."""

    registers: int = Field(description="How many of them.")


class SuitablePlans(BaseModel):
    """Subscriptions that suit the chosen registers."""

    items: list[SuitablePlan]


class NewOrder(Input):
    """An order of subscriptions."""

    plan: PlanCode = Field(description="One of `GET /subscriptions/plans`.")
    quantity: int = Field(ge=1, le=MAX_QUANTITY)
    agreed: bool = Field(description="«Соглашаюсь с правилами»: must be true.")


class PlacedOrder(BaseModel):
    """The order, and the page to pay it on."""

    order: OrderRow
    redirect_url: str = Field(
        description="The payment page. Empty when nothing is left to pay, or the provider did not "
        "answer: then ask for it by `POST /payments/{payment_id}/checkout`."
    )


class NewAssignment(Input):
    """Plans to assign to registers: each register gets one of each plan, or none of them."""

    plans: list[PlanCode] = Field(min_length=1, max_length=MAX_PLANS)
    serial_numbers: list[Annotated[str, Field(max_length=64)]] = Field(
        min_length=1, max_length=MAX_REGISTERS
    )


class AcceptedAssignment(BaseModel):
    """A plan that was assigned to a register."""

    serial_number: str
    plan: str
    ends_at: datetime | None = Field(description="Null: without end.")


class RefusedAssignment(BaseModel):
    """A register that got no plan, and the reason."""

    serial_number: str
    reason: str = Field(description="Stable code.")
    message: str


class AssignmentReply(BaseModel):
    """A verdict for each serial number, and the remaining stock of the plans."""

    accepted: list[AcceptedAssignment]
    refused: list[RefusedAssignment]
    available: dict[str, int]


class NewTransfer(Input):
    """A transfer of subscriptions: the plan, the recipient and the quantity."""

    plan: PlanCode
    to: str = Field(
        min_length=3, max_length=64, description="UUID of the partner, or a login of its employee."
    )
    quantity: int | None = Field(default=None, ge=1, le=MAX_TRANSFER)
    all: bool = Field(default=False, description="Instead of `quantity`: whatever there is.")


class TransferPreview(BaseModel):
    """Result that a transfer would have, to confirm before it is made."""

    partner_name: str
    partner_uuid: str
    plan: str
    plan_name: str
    quantity: int
    left: int = Field(description="In the own stock afterwards.")


class TransferReply(BaseModel):
    """A transfer that was made."""

    id: int
    quantity: int
