"""The table of all endpoints of the admin API, feature by feature."""

from fleet.access_requests.routes import ENDPOINTS as ACCESS_REQUESTS
from fleet.accounts.routes import ENDPOINTS as ACCOUNTS
from fleet.addresses.routes import ENDPOINTS as ADDRESSES
from fleet.assistants.routes import ENDPOINTS as ASSISTANTS
from fleet.billing.routes import ENDPOINTS as BILLING
from fleet.bonuses.routes import ENDPOINTS as BONUSES
from fleet.clients.routes import ENDPOINTS as CLIENTS
from fleet.diagnostics.routes import ENDPOINTS as DIAGNOSTICS
from fleet.firmware.routes import ENDPOINTS as FIRMWARE
from fleet.groups.routes import ENDPOINTS as GROUPS
from fleet.licences.routes import ENDPOINTS as LICENCES
from fleet.operations.routes import ENDPOINTS as OPERATIONS
from fleet.registers.routes import ENDPOINTS as REGISTERS
from fleet.rollouts.routes import ENDPOINTS as ROLLOUTS
from fleet.subscriptions.routes import ENDPOINTS as SUBSCRIPTIONS
from fleet.templates.routes import ENDPOINTS as TEMPLATES

ENDPOINTS = (
    *ACCOUNTS,
    *BILLING,
    *REGISTERS,
    *ACCESS_REQUESTS,
    *GROUPS,
    *CLIENTS,
    *ADDRESSES,
    *DIAGNOSTICS,
    *ASSISTANTS,
    *FIRMWARE,
    *TEMPLATES,
    *SUBSCRIPTIONS,
    *BONUSES,
    *LICENCES,
    *OPERATIONS,
    *ROLLOUTS,
)
