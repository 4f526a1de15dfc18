"""Every operation type.  To add one: a file beside this one, and its name in the tuple."""

from typing import Any, Final

from fleet.operations.types.cancel_pending import CancelPending
from fleet.operations.types.contract import OperationType
from fleet.operations.types.settings_download import SettingsDownload
from fleet.operations.types.settings_upload import SettingsUpload

TYPES: Final[tuple[OperationType[Any], ...]] = (
    SettingsUpload(),
    SettingsDownload(),
    CancelPending(),
)

BY_KIND: Final = {operation_type.kind: operation_type for operation_type in TYPES}
