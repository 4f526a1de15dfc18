"""Errors of bonuses."""

from fleet.kit.errors import ErrorKind, Refusal

ONLY_YOUR_OWN = Refusal(
    ErrorKind.FORBIDDEN,
    "only_your_own",
    field="employee_id",
    ru="Бонусы других сотрудников видит только администратор. Выберите себя или снимите фильтр "
    "по сотруднику.",
    en="Only an administrator sees the bonuses of other employees. Choose yourself or remove the "
    "filter by employee.",
)
