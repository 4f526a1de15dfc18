"""What bonuses refuse, and the way out."""

from fleet.kit.errors import ErrorKind, Refusal

ONLY_YOUR_OWN = Refusal(
    ErrorKind.FORBIDDEN,
    "only_your_own",
    field="employee_id",
    ru="Бонусы других сотрудников видит администратор. Уберите поле «employee_id» или укажите "
    "себя.",
    en="An administrator sees the bonuses of other employees. Remove the field 'employee_id' or "
    "give your own number.",
)
