"""Every endpoint of the admin API, feature by feature."""

from fleet.accounts.routes import ENDPOINTS as ACCOUNTS
from fleet.assistants.routes import ENDPOINTS as ASSISTANTS
from fleet.diagnostics.routes import ENDPOINTS as DIAGNOSTICS
from fleet.firmware.routes import ENDPOINTS as FIRMWARE
from fleet.operations.routes import ENDPOINTS as OPERATIONS
from fleet.registers.routes import ENDPOINTS as REGISTERS
from fleet.rollouts.routes import ENDPOINTS as ROLLOUTS
from fleet.templates.routes import ENDPOINTS as TEMPLATES

ENDPOINTS = (
    *ACCOUNTS,
    *REGISTERS,
    *DIAGNOSTICS,
    *ASSISTANTS,
    *FIRMWARE,
    *TEMPLATES,
    *OPERATIONS,
    *ROLLOUTS,
)
