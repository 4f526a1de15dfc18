"""What the admin API refuses by itself, before or around any feature."""

from fleet.kit.errors import ErrorKind, Refusal

NO_SUCH_PATH = Refusal(
    ErrorKind.NOT_FOUND,
    "no_such_path",
    field="path",
    ru="Такого адреса нет. Список адресов — в /api/docs.",
    en="There is no such path. See /api/docs for the list.",
)
METHOD_NOT_ALLOWED = Refusal(
    ErrorKind.METHOD_NOT_ALLOWED,
    "method_not_allowed",
    field="method",
    ru="Этот адрес не принимает такой метод. Допустимы: {allowed}.",
    en="This path does not take this method. Allowed: {allowed}.",
)
TOO_LARGE = Refusal(
    ErrorKind.TOO_LARGE,
    "too_large",
    field="body",
    ru="Тело запроса больше {max_bytes} байт. Разделите запрос на части.",
    en="The body is over {max_bytes} bytes. Split the request.",
)
FILE_TOO_LARGE = Refusal(
    ErrorKind.TOO_LARGE,
    "file_too_large",
    field="body",
    ru="Файл больше {max_bytes} байт. Пришлите файл меньше.",
    en="The file is over {max_bytes} bytes. Send a smaller one.",
)
NOT_JSON = Refusal(
    ErrorKind.UNSUPPORTED_TYPE,
    "not_json",
    field="Content-Type",
    ru="Тело должно быть JSON: пришлите заголовок Content-Type: application/json.",
    en="The body must be JSON: send the header Content-Type: application/json.",
)
NOT_A_FILE = Refusal(
    ErrorKind.UNSUPPORTED_TYPE,
    "not_a_file",
    field="Content-Type",
    ru="Тело должно быть самим файлом: пришлите заголовок Content-Type: application/octet-stream.",
    en="The body must be the file itself: send the header Content-Type: application/octet-stream.",
)
BAD_HTTP = Refusal(
    ErrorKind.BAD_REQUEST,
    "bad_http",
    field="request",
    ru="Запрос не читается как HTTP (код {status}). Проверьте его заголовки и тело.",
    en="The request cannot be read as HTTP (code {status}). Check its headers and its body.",
)
BROKEN_BODY = Refusal(
    ErrorKind.BAD_REQUEST,
    "broken_body",
    field="body",
    ru="Тело запроса не читается: оно не такое, как обещают заголовки Content-Encoding и "
    "Transfer-Encoding. Исправьте их или пришлите тело без сжатия.",
    en="The body cannot be read: it is not what the headers Content-Encoding and "
    "Transfer-Encoding promise. Correct them or send the body without compression.",
)
REPEATED = Refusal(
    ErrorKind.INVALID,
    "repeated",
    ru="параметр задан больше одного раза.",
    en="the parameter is given more than once.",
)
BAD_KEY = Refusal(
    ErrorKind.INVALID,
    "bad_idempotency_key",
    field="Idempotency-Key",
    ru="Заголовок Idempotency-Key: один, от 1 до 64 печатных знаков ASCII без пробелов.",
    en="The header Idempotency-Key: one, of 1 to 64 visible ASCII characters without spaces.",
)
NO_RIGHT = Refusal(
    ErrorKind.FORBIDDEN,
    "no_right",
    field="Authorization",
    ru="У вашей роли «{role}» нет права «{right}». Попросите администратора изменить роль.",
    en="Your role '{role}' has no right '{right}'. Ask an administrator to change the role.",
)
BUSY = Refusal(
    ErrorKind.UNAVAILABLE,
    "busy",
    field="request",
    ru="Сервер сейчас не справляется. Повторите через {retry_after_s} с; если запрос менял "
    "данные, сначала проверьте, не выполнен ли он.",
    en="The server is too busy now. Repeat in {retry_after_s} s; if the request changed "
    "something, first check whether it was done.",
)
TOO_MANY_FILES = Refusal(
    ErrorKind.TOO_MANY_REQUESTS,
    "too_many_files",
    field="request",
    ru="Ваша организация уже передаёт столько файлов, сколько можно сразу: {most}. Дождитесь "
    "окончания и повторите.",
    en="Your organisation is transferring as many files as it may at once: {most}. Wait for "
    "their end and repeat.",
)
INTERNAL_ERROR = Refusal(
    ErrorKind.INTERNAL,
    "our_mistake",
    field="request",
    ru="Ошибка на сервере, ничего не изменено. Сообщите поддержке номер запроса {request_id}.",
    en="A mistake of the server, nothing was changed. Tell support the request number "
    "{request_id}.",
)
