"""What accounts refuse, and the way out."""

from fleet.kit.errors import ErrorKind, Refusal

WRONG_CREDENTIALS = Refusal(
    ErrorKind.UNAUTHENTICATED,
    "wrong_credentials",
    field="password",
    ru="Логин или пароль не подходят. Проверьте раскладку и Caps Lock, восстановите пароль по "
    "электронной почте или попросите администратора сбросить его.",
    en="The login or the password does not fit. Check the keyboard layout and Caps Lock, recover "
    "the password by e-mail, or ask your administrator to reset it.",
)
TOO_MANY_ATTEMPTS = Refusal(
    ErrorKind.TOO_MANY_REQUESTS,
    "too_many_attempts",
    ru="Слишком много попыток. Повторите через {retry_after_s} с.",
    en="Too many attempts. Try again in {retry_after_s} s.",
)
TOO_MANY_SIGN_INS = Refusal(
    ErrorKind.UNAVAILABLE,
    "sign_ins_wait",
    field="request",
    ru="Сейчас входит слишком много людей. Повторите через {retry_after_s} с.",
    en="Too many people are signing in just now. Try again in {retry_after_s} s.",
)
LOGIN_TAKEN = Refusal(
    ErrorKind.CONFLICT,
    "login_taken",
    field="login",
    ru="Логин {login} уже занят. Выберите другой.",
    en="The login {login} is taken. Choose another one.",
)
LOGIN_UNFIT = Refusal(
    ErrorKind.INVALID,
    "login_unfit",
    field="login",
    ru="Логин — от 3 до 64 знаков: латинские буквы, цифры и . _ @ + -",
    en="A login is 3 to 64 characters: Latin letters, digits and . _ @ + -",
)
PASSWORD_LENGTH = Refusal(
    ErrorKind.INVALID,
    "password_length",
    field="password",
    ru="Пароль должен быть от {low} до {high} знаков.",
    en="The password must have {low} to {high} characters.",
)
ROLE_NOT_GRANTED = Refusal(
    ErrorKind.FORBIDDEN,
    "role_not_granted",
    field="role",
    ru="Роль «{role}» выдаёт и снимает только поддержка. Выберите другую роль.",
    en="Only support grants the role '{role}' and takes it away. Choose another role.",
)
EMPLOYEE_NOT_FOUND = Refusal(
    ErrorKind.NOT_FOUND,
    "employee_not_found",
    field="id",
    ru="Такого сотрудника в вашей организации нет. Проверьте номер в списке сотрудников.",
    en="Your organisation has no such employee. Look for the number in the list of employees.",
)
NOT_YOURSELF = Refusal(
    ErrorKind.CONFLICT,
    "not_yourself",
    ru="Свою роль и доступ нельзя изменить, а себя — деактивировать. Попросите другого "
    "администратора.",
    en="You cannot change your own role or scope, nor deactivate yourself. Ask another "
    "administrator.",
    field="id",
)
ROLE_ABOVE_YOURS = Refusal(
    ErrorKind.FORBIDDEN,
    "employee_above_you",
    field="id",
    ru="У этого сотрудника больше прав, чем у вас. Обратитесь к нему или в поддержку.",
    en="This employee has more rights than you. Ask them, or support.",
)
LAST_ADMINISTRATOR = Refusal(
    ErrorKind.CONFLICT,
    "last_administrator",
    field="role",
    ru="Это последний действующий администратор. Сначала дайте эту роль другому сотруднику, "
    "который уже активировал учётную запись.",
    en="This is the last active administrator. First give the role to another employee who has "
    "activated the account.",
)
SCOPE_OF_ADMINISTRATOR = Refusal(
    ErrorKind.INVALID,
    "scope_of_administrator",
    field="scope",
    ru="Роль «{role}» видит все ККТ. Уберите ограничение доступа или выберите другую роль.",
    en="The role '{role}' sees all registers. Remove the scope or choose another role.",
)
SCOPE_TOO_LARGE = Refusal(
    ErrorKind.INVALID,
    "scope_too_large",
    field="scope",
    ru="Доступ можно ограничить списком не длиннее {most} клиентов и {most} ККТ. Сократите список "
    "или перечислите клиентов вместо их ККТ.",
    en="A scope lists at most {most} clients and {most} registers. Shorten it, or name clients "
    "instead of their registers.",
)
NO_EMAIL = Refusal(
    ErrorKind.CONFLICT,
    "no_email",
    field="email",
    ru="У сотрудника не указан адрес электронной почты. Сначала укажите его в карточке.",
    en="The employee has no e-mail address. First give one in the card.",
)
INACTIVE = Refusal(
    ErrorKind.CONFLICT,
    "employee_inactive",
    field="id",
    ru="Сотрудник деактивирован. Сначала активируйте его.",
    en="The employee is deactivated. Activate them first.",
)
LINK_UNKNOWN = Refusal(
    ErrorKind.NOT_FOUND,
    "link_unknown",
    field="token",
    ru="Такой ссылки нет. Скопируйте её из письма целиком или запросите новую.",
    en="There is no such link. Copy all of it from the letter, or ask for a new one.",
)
LINK_USED = Refusal(
    ErrorKind.CONFLICT,
    "link_spent",
    field="token",
    ru="Ссылка уже использована или заменена более новой. Возьмите её из последнего письма или "
    "запросите новую.",
    en="The link has been used already or replaced by a newer one. Take the one of the latest "
    "letter, or ask for a new one.",
)
LINK_EXPIRED = Refusal(
    ErrorKind.CONFLICT,
    "link_expired",
    field="token",
    ru="Срок действия ссылки истёк. Запросите новую.",
    en="The link has expired. Ask for a new one.",
)
WRONG_PASSWORD = Refusal(
    ErrorKind.INVALID,
    "wrong_password",
    field="password",
    ru="Прежний пароль не подходит. Проверьте раскладку и Caps Lock.",
    en="The present password does not fit. Check the keyboard layout and Caps Lock.",
)
SIGN_IN_NOT_FOUND = Refusal(
    ErrorKind.NOT_FOUND,
    "sign_in_not_found",
    field="id",
    ru="Среди ваших действующих входов и токенов такого нет. Обновите список.",
    en="None of your valid sign-ins and tokens is this one. Load the list again.",
)
TOKEN_MAKES_NO_TOKEN = Refusal(
    ErrorKind.FORBIDDEN,
    "token_makes_no_token",
    field="Authorization",
    ru="Токен API не может создать другой токен. Войдите с логином и паролем.",
    en="An API token cannot make another one. Sign in with login and password.",
)
TOKEN_MANAGES_NO_PEOPLE = Refusal(
    ErrorKind.FORBIDDEN,
    "token_manages_no_people",
    field="Authorization",
    ru="По токену API нельзя добавлять, изменять, деактивировать и активировать сотрудников и "
    "сбрасывать их пароли. Войдите с логином и паролем.",
    en="An API token cannot add, change, deactivate or activate employees nor reset their "
    "passwords. Sign in with login and password.",
)
TOKEN_LIFETIME = Refusal(
    ErrorKind.INVALID,
    "token_lifetime",
    field="expires_at",
    ru="Срок токена — в будущем и не дальше {days} дней.",
    en="A token expires in the future, at most {days} days from now.",
)
TOO_MANY_TOKENS = Refusal(
    ErrorKind.CONFLICT,
    "too_many_tokens",
    field="name",
    ru="У вас уже {most} действующих токенов. Отзовите ненужные.",
    en="You have {most} valid tokens already. Revoke those you do not need.",
)
