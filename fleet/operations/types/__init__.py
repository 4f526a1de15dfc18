"""Table of the operation types.  To add one: a file beside this one, and its name in the tuple."""

from typing import Any, Final

from fleet.operations.types.archive_closing import ArchiveClosing
from fleet.operations.types.cancel_pending import CancelPending
from fleet.operations.types.command_sequence import CommandSequence
from fleet.operations.types.contract import OperationType
from fleet.operations.types.control_unit_replacement import ControlUnitReplacement
from fleet.operations.types.firmware_update import FirmwareUpdate
from fleet.operations.types.info_receipt import InfoReceiptUpload
from fleet.operations.types.key_rotation import KeyRotation
from fleet.operations.types.licence_upload import LicenceUpload
from fleet.operations.types.paper_receipt import PaperReceipt
from fleet.operations.types.platform_move import PlatformMove
from fleet.operations.types.quick_registration import QuickRegistration
from fleet.operations.types.receipt_template import ReceiptTemplateUpload
from fleet.operations.types.settings_download import SettingsDownload
from fleet.operations.types.settings_upload import SettingsUpload
from fleet.operations.types.tax_system_change import TaxSystemChange
from fleet.operations.types.tips_template import TipsTemplateUpload

TYPES: Final[tuple[OperationType[Any], ...]] = (
    SettingsUpload(),
    SettingsDownload(),
    ReceiptTemplateUpload(),
    InfoReceiptUpload(),
    TipsTemplateUpload(),
    FirmwareUpdate(),
    PlatformMove(),
    LicenceUpload(),
    QuickRegistration(),
    TaxSystemChange(),
    ArchiveClosing(),
    KeyRotation(),
    PaperReceipt(),
    ControlUnitReplacement(),
    CommandSequence(),
    CancelPending(),
)

BY_KIND: Final = {operation_type.kind: operation_type for operation_type in TYPES}
