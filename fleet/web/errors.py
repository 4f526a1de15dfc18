"""Refusals of the HTTP edge itself, before a feature is called or around it."""

from fleet.kit.errors import ErrorKind, Refusal

NO_SUCH_PATH = Refusal(
    ErrorKind.NOT_FOUND,
    "no_such_path",
    field="path",
    ru="Такого адреса нет. Список адресов — в /api/docs.",
    en="There is no such path. The list is at /api/docs.",
)
METHOD_NOT_ALLOWED = Refusal(
    ErrorKind.METHOD_NOT_ALLOWED,
    "method_not_allowed",
    field="method",
    ru="Этот адрес не принимает такой метод. Допустимо: {allowed}.",
    en="This path does not accept this method. Allowed: {allowed}.",
)
TOO_LARGE = Refusal(
    ErrorKind.TOO_LARGE,
    "too_large",
    field="body",
    ru="Запрос больше {max_bytes:байта|байт|байт}. Разделите его на части.",
    en="The request is larger than {max_bytes:byte|bytes}. Split it.",
)
FILE_TOO_LARGE = Refusal(
    ErrorKind.TOO_LARGE,
    "file_too_large",
    field="body",
    ru="Файл больше {max_bytes:байта|байт|байт}. Выберите файл меньше.",
    en="The file is larger than {max_bytes:byte|bytes}. Choose a smaller one.",
)
NOT_JSON = Refusal(
    ErrorKind.UNSUPPORTED_TYPE,
    "not_json",
    field="Content-Type",
    ru="Тело запроса должно быть JSON. Добавьте заголовок Content-Type: application/json.",
    en="The body must be JSON. Add the header Content-Type: application/json.",
)
NOT_A_FILE = Refusal(
    ErrorKind.UNSUPPORTED_TYPE,
    "not_a_file",
    field="Content-Type",
    ru="Тело запроса должно быть самим файлом. Добавьте заголовок Content-Type: "
    "application/octet-stream.",
    en="The body must be the file itself. Add the header Content-Type: application/octet-stream.",
)
BAD_HTTP = Refusal(
    ErrorKind.BAD_REQUEST,
    "bad_http",
    field="request",
    ru="Запрос не читается как HTTP (код {status}). Проверьте его заголовки и тело.",
    en="The request cannot be read as HTTP (code {status}). Check its headers and body.",
)
BROKEN_BODY = Refusal(
    ErrorKind.BAD_REQUEST,
    "broken_body",
    field="body",
    ru="Тело запроса не читается: оно не соответствует заголовкам Content-Encoding и "
    "Transfer-Encoding. Исправьте их или отправьте тело без сжатия.",
    en="The body cannot be read: it does not match the headers Content-Encoding and "
    "Transfer-Encoding. Correct them or send the body uncompressed.",
)
REPEATED = Refusal(
    ErrorKind.INVALID,
    "repeated",
    ru="параметр указан несколько раз.",
    en="the parameter is given more than once.",
)
BAD_KEY = Refusal(
    ErrorKind.INVALID,
    "bad_idempotency_key",
    field="Idempotency-Key",
    ru="Заголовок Idempotency-Key — один, от 1 до 64 печатных символов ASCII без пробелов.",
    en="Send one Idempotency-Key header of 1 to 64 visible ASCII characters without spaces.",
)
NO_RIGHT = Refusal(
    ErrorKind.FORBIDDEN,
    "no_right",
    field="Authorization",
    ru="У роли «{role}» нет права «{right}». Попросите администратора изменить вашу роль.",
    en="The role '{role}' does not have the right '{right}'. Ask an administrator to change your "
    "role.",
)
RIGHT_OF_SUPPORT = Refusal(
    ErrorKind.FORBIDDEN,
    "no_right",
    field="Authorization",
    ru="У роли «{role}» нет права «{right}». Роль «{needed}» назначает поддержка — обратитесь к "
    "ней.",
    en="The role '{role}' does not have the right '{right}'. Support assigns the role "
    "'{needed}': ask support.",
)
BUSY = Refusal(
    ErrorKind.UNAVAILABLE,
    "busy",
    field="request",
    ru="Сервер перегружен. Повторите через {retry_after_s:duration}; если запрос менял данные, "
    "сначала проверьте, не выполнен ли он.",
    en="The server is overloaded. Try again in {retry_after_s:duration}; if the request changed "
    "data, first check whether it was done.",
)
TOO_MANY_FILES = Refusal(
    ErrorKind.TOO_MANY_REQUESTS,
    "too_many_files",
    field="request",
    ru="Ваша организация уже передаёт предельное число файлов: {most}. Дождитесь окончания "
    "передачи и повторите.",
    en="Your organisation is already transferring the maximum number of files: {most}. Wait "
    "until they are done and try again.",
)
INTERNAL_ERROR = Refusal(
    ErrorKind.INTERNAL,
    "our_mistake",
    field="request",
    ru="Ошибка сервера, ничего не изменено. Сообщите поддержке номер запроса {request_id}.",
    en="Server error, nothing was changed. Tell support the request number {request_id}.",
)
