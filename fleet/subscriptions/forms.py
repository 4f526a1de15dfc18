"""What endpoints of subscriptions take and answer, besides what is read."""

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
    """What to choose from."""

    items: list[SuitablePlan]


class NewOrder(Input):
    """What to buy."""

    plan: PlanCode = Field(description="One of `GET /subscriptions/plans`.")
    quantity: int = Field(ge=1, le=MAX_QUANTITY)
    agreed: bool = Field(description="«Соглашаюсь с правилами»: must be true.")


class PlacedOrder(BaseModel):
    """The order, and where it is paid."""

    order: OrderRow
    redirect_url: str = Field(
        description="The payment page. Empty when nothing is left to pay, or the provider did not "
        "answer: then ask for it by `POST /payments/{payment_id}/checkout`."
    )


class NewAssignment(Input):
    """One of each plan for each register; a register gets all of them or none."""

    plans: list[PlanCode] = Field(min_length=1, max_length=MAX_PLANS)
    serial_numbers: list[Annotated[str, Field(max_length=64)]] = Field(
        min_length=1, max_length=MAX_REGISTERS
    )


class AcceptedAssignment(BaseModel):
    """A register that got a plan."""

    serial_number: str
    plan: str
    ends_at: datetime | None = Field(description="Null: without end.")


class RefusedAssignment(BaseModel):
    """A register that got nothing, and why."""

    serial_number: str
    reason: str = Field(description="Stable code.")
    message: str


class AssignmentReply(BaseModel):
    """A verdict for every serial number, and what is left of the plans."""

    accepted: list[AcceptedAssignment]
    refused: list[RefusedAssignment]
    available: dict[str, int]


class NewTransfer(Input):
    """How many subscriptions go to whom."""

    plan: PlanCode
    to: str = Field(
        min_length=3, max_length=64, description="UUID of the partner, or a login of its employee."
    )
    quantity: int | None = Field(default=None, ge=1, le=MAX_TRANSFER)
    all: bool = Field(default=False, description="Instead of `quantity`: whatever there is.")


class TransferPreview(BaseModel):
    """What the transfer would do: to be looked at before it is made."""

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
