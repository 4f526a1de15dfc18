"""Why a licence is not issued, and the way out."""

from fleet.kit.errors import ErrorKind, Refusal

NOT_BROUGHT = Refusal(
    ErrorKind.FORBIDDEN,
    "licence_not_brought",
    ru="У ККТ нет подписки с услугой, которая даёт эту лицензию. Назначьте ей подписку.",
    en="The register has no subscription with the service that brings this licence. Assign one.",
    field="serial_numbers",
)
