"""What accounts refuse, and the way out."""

from fleet.kit.errors import ErrorKind, Refusal

WRONG_CREDENTIALS = Refusal(
    ErrorKind.UNAUTHENTICATED,
    "wrong_credentials",
    field="password",
    ru="Логин или пароль не подходят. Проверьте раскладку и Caps Lock или попросите "
    "администратора сбросить пароль.",
    en="The login or the password does not fit. Check the keyboard layout and Caps Lock, or ask "
    "your administrator to reset the password.",
)
TOO_MANY_ATTEMPTS = Refusal(
    ErrorKind.TOO_MANY_REQUESTS,
    "too_many_attempts",
    field="login",
    ru="Слишком много попыток входа. Повторите через {retry_after_s} с.",
    en="Too many attempts to sign in. Try again in {retry_after_s} s.",
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
    ru="Роль «Администратор+» выдаёт только поддержка. Выберите другую роль.",
    en="Only support grants the role 'Administrator+'. Choose another role.",
)
