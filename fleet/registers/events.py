"""What registers tell the features above them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BlockingChanged:
    """Registers were blocked or unblocked: the gateway must refuse or take their conversations."""

    serial_numbers: tuple[str, ...]
    blocked: bool
