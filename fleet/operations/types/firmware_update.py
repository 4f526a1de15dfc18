"""Update of a register's firmware within its own platform (KKT-PC 3.2)."""

from typing import ClassVar

from fleet.operations.types.firmware_transfer import FirmwareTransfer
from protocol.platforms import Platform


class FirmwareUpdate(FirmwareTransfer):
    """Operation that installs an image of the platform that the register runs."""

    kind: ClassVar = "firmware_update"
    label_ru: ClassVar = "Обновление ПО"
    label_en: ClassVar = "Firmware update"

    def source(self, image: Platform) -> Platform | None:
        return image
