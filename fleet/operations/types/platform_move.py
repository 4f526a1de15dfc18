"""Move of a register from platform 2.5 to platform 5.0.

The register keeps its serial number, fiscal drive, registration, counters, licences and the
settings that both platforms have under the same numbers.
"""

from typing import ClassVar

from fleet.operations.types.firmware_transfer import FirmwareTransfer
from protocol.platforms import Platform


class PlatformMove(FirmwareTransfer):
    """Operation that installs an image of platform 5.0 on a register that runs 2.5."""

    kind: ClassVar = "platform_move"
    label_ru: ClassVar = "Переход на платформу 5.0"
    label_en: ClassVar = "Move to platform 5.0"

    def source(self, image: Platform) -> Platform | None:
        return Platform.V2_5 if image is Platform.V5_0 else None
