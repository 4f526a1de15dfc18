"""Every endpoint of the admin API, feature by feature."""

from fleet.accounts.routes import ENDPOINTS as ACCOUNTS
from fleet.operations.routes import ENDPOINTS as OPERATIONS
from fleet.registers.routes import ENDPOINTS as REGISTERS

ENDPOINTS = (*ACCOUNTS, *REGISTERS, *OPERATIONS)
