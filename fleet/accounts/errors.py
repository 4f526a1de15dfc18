"""Refusals of accounts, each with its reason and what to do."""

from fleet.kit.errors import ErrorKind, Refusal

WRONG_CREDENTIALS = Refusal(
    ErrorKind.UNAUTHENTICATED,
    "wrong_credentials",
    field="password",
    ru="Неверный логин или пароль. Проверьте раскладку и Caps Lock, восстановите пароль по "
    "электронной почте или попросите администратора сбросить его.",
    en="Wrong login or password. Check the keyboard layout and Caps Lock, reset the password by "
    "e-mail, or ask your administrator to reset it.",
)
TOO_MANY_ATTEMPTS = Refusal(
    ErrorKind.TOO_MANY_REQUESTS,
    "too_many_attempts",
    ru="Слишком много попыток. Повторите через {retry_after_s:duration}.",
    en="Too many attempts. Try again in {retry_after_s:duration}.",
)
TOO_MANY_SIGN_INS = Refusal(
    ErrorKind.UNAVAILABLE,
    "sign_ins_wait",
    field="request",
    ru="Сервер занят: одновременно входит слишком много пользователей. Повторите через "
    "{retry_after_s:duration}.",
    en="The server is busy: too many people are signing in. Try again in {retry_after_s:duration}.",
)
LOGIN_TAKEN = Refusal(
    ErrorKind.CONFLICT,
    "login_taken",
    field="login",
    ru="Логин «{login}» уже занят. Выберите другой.",
    en="The login '{login}' is taken. Choose another one.",
)
LOGIN_UNFIT = Refusal(
    ErrorKind.INVALID,
    "login_unfit",
    field="login",
    ru="Логин — от 3 до 64 символов: латинские буквы, цифры и . _ @ + -",
    en="A login is 3 to 64 characters: Latin letters, digits and . _ @ + -",
)
PASSWORD_LENGTH = Refusal(
    ErrorKind.INVALID,
    "password_length",
    field="password",
    ru="Пароль — от {low} до {high} символов.",
    en="The password must have {low} to {high} characters.",
)
ROLE_NOT_GRANTED = Refusal(
    ErrorKind.FORBIDDEN,
    "role_not_granted",
    field="role",
    ru="Роль «{role}» назначает и снимает только поддержка. Обратитесь к ней или выберите другую "
    "роль.",
    en="Only support assigns and removes the role '{role}'. Ask support or choose another role.",
)
EMPLOYEE_NOT_FOUND = Refusal(
    ErrorKind.NOT_FOUND,
    "employee_not_found",
    field="id",
    ru="В вашей организации такого сотрудника нет. Проверьте номер в списке сотрудников.",
    en="Your organisation has no such employee. Check the number in the list of employees.",
)
NOT_YOURSELF = Refusal(
    ErrorKind.CONFLICT,
    "not_yourself",
    ru="Свои роль и доступ изменить нельзя, деактивировать себя — тоже. Попросите другого "
    "администратора.",
    en="You cannot change your own role or scope or deactivate yourself. Ask another "
    "administrator.",
    field="id",
)
ROLE_ABOVE_YOURS = Refusal(
    ErrorKind.FORBIDDEN,
    "employee_above_you",
    field="id",
    ru="У этого сотрудника больше прав, чем у вас. Обратитесь к нему или в поддержку.",
    en="This employee has more rights than you. Ask them or support.",
)
LAST_ADMINISTRATOR = Refusal(
    ErrorKind.CONFLICT,
    "last_administrator",
    field="role",
    ru="Это последний действующий администратор. Сначала назначьте эту роль другому сотруднику, "
    "который уже активировал учётную запись.",
    en="This is the last active administrator. First give the role to another employee whose "
    "account is activated.",
)
SCOPE_OF_ADMINISTRATOR = Refusal(
    ErrorKind.INVALID,
    "scope_of_administrator",
    field="scope",
    ru="Роль «{role}» видит все кассы. Снимите ограничение доступа или выберите другую роль.",
    en="The role '{role}' sees all registers. Remove the scope or choose another role.",
)
SCOPE_TOO_LARGE = Refusal(
    ErrorKind.INVALID,
    "scope_too_large",
    field="scope",
    ru="В ограничении доступа может быть не больше {most:клиента|клиентов|клиентов} и "
    "{most:кассы|касс|касс}. Сократите список или укажите клиентов вместо их касс.",
    en="A scope can list at most {most:client|clients} and {most:register|registers}. Shorten "
    "it, or list clients instead of their registers.",
)
NO_EMAIL = Refusal(
    ErrorKind.CONFLICT,
    "no_email",
    field="email",
    ru="У сотрудника не указан адрес электронной почты. Сначала укажите его в карточке сотрудника.",
    en="The employee has no e-mail address. First enter one on the employee's card.",
)
INACTIVE = Refusal(
    ErrorKind.CONFLICT,
    "employee_inactive",
    field="id",
    ru="Сотрудник деактивирован. Сначала активируйте его.",
    en="The employee is deactivated. Activate the employee first.",
)
LINK_UNKNOWN = Refusal(
    ErrorKind.NOT_FOUND,
    "link_unknown",
    field="token",
    ru="Ссылка неверна. Скопируйте её из письма целиком или запросите новую.",
    en="The link is wrong. Copy the whole link from the letter, or request a new one.",
)
LINK_USED = Refusal(
    ErrorKind.CONFLICT,
    "link_spent",
    field="token",
    ru="Ссылка уже использована или заменена новой. Возьмите ссылку из последнего письма или "
    "запросите новую.",
    en="The link has already been used or replaced by a newer one. Use the link from the latest "
    "letter, or request a new one.",
)
LINK_EXPIRED = Refusal(
    ErrorKind.CONFLICT,
    "link_expired",
    field="token",
    ru="Срок действия ссылки истёк. Запросите новую.",
    en="The link has expired. Request a new one.",
)
WRONG_PASSWORD = Refusal(
    ErrorKind.INVALID,
    "wrong_password",
    field="password",
    ru="Прежний пароль неверен. Проверьте раскладку и Caps Lock.",
    en="The current password is wrong. Check the keyboard layout and Caps Lock.",
)
SIGN_IN_NOT_FOUND = Refusal(
    ErrorKind.NOT_FOUND,
    "sign_in_not_found",
    field="id",
    ru="Такого входа или токена нет среди действующих. Обновите список.",
    en="This is not one of your active sign-ins and tokens. Refresh the list.",
)
TOKEN_MAKES_NO_TOKEN = Refusal(
    ErrorKind.FORBIDDEN,
    "token_makes_no_token",
    field="Authorization",
    ru="По токену API нельзя создать другой токен. Войдите с логином и паролем.",
    en="An API token cannot create another token. Sign in with your login and password.",
)
TOKEN_MANAGES_NO_PEOPLE = Refusal(
    ErrorKind.FORBIDDEN,
    "token_manages_no_people",
    field="Authorization",
    ru="По токену API нельзя управлять сотрудниками и сбрасывать их пароли. Войдите с логином и "
    "паролем.",
    en="An API token cannot manage employees or reset their passwords. Sign in with your login "
    "and password.",
)
TOKEN_LIFETIME = Refusal(
    ErrorKind.INVALID,
    "token_lifetime",
    field="expires_at",
    ru="Срок действия токена — в будущем и не больше {days:дня|дней|дней}.",
    en="A token must expire in the future, at most {days:day|days} from now.",
)
TOO_MANY_TOKENS = Refusal(
    ErrorKind.CONFLICT,
    "too_many_tokens",
    field="name",
    ru="У вас уже {most:действующий токен|действующих токена|действующих токенов} — больше "
    "нельзя. Отзовите ненужные.",
    en="You already have {most:active token|active tokens}, the maximum. Revoke those you do not "
    "need.",
)
