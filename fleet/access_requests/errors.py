"""Errors of requesting and granting access."""

from fleet.kit.errors import ErrorKind, Refusal

_INVALID, _CONFLICT = ErrorKind.INVALID, ErrorKind.CONFLICT

REQUEST_NOT_FOUND = Refusal(
    ErrorKind.NOT_FOUND,
    "access_request_not_found",
    field="id",
    ru="Запрос на доступ {id} не найден. Проверьте номер в списке запросов.",
    en="Access request {id} is not found. Check the number in the list of requests.",
)
FILE_NOT_FOUND = Refusal(
    ErrorKind.NOT_FOUND,
    "consent_file_not_found",
    field="id",
    ru="Файл согласия {id} не найден. Неотправленные файлы хранятся 24 часа: приложите его заново.",
    en="Consent file {id} is not found. Files that were not sent are kept for 24 hours: attach it "
    "again.",
)
FILE_UNAVAILABLE = Refusal(
    _INVALID,
    "consent_file_unavailable",
    field="files",
    ru="Файла согласия {id} нет среди приложенных и ещё не отправленных. Приложите файл и "
    "отправьте запрос снова.",
    en="Consent file {id} is not among those attached and not yet sent. Attach the file and send "
    "the request again.",
)
FILE_SENT = Refusal(
    _CONFLICT,
    "consent_file_sent",
    field="id",
    ru="Файл {id} уже отправлен с запросом, удалить его нельзя. Если он лишний, отзовите запрос "
    "и отправьте новый.",
    en="File {id} has already been sent with a request and cannot be deleted. If it is wrong, "
    "withdraw the request and send a new one.",
)
TOO_MANY_FILES_WAITING = Refusal(
    _CONFLICT,
    "too_many_files_waiting",
    field="body",
    ru="Без запроса приложено уже {limit:файл|файла|файлов}. Отправьте запрос, удалите лишние "
    "файлы или подождите: неотправленные хранятся 24 часа.",
    en="{limit:file is|files are} already attached to no request. Send the request, delete some "
    "files or wait: unsent files are kept for 24 hours.",
)
CLIENT_INN_WRONG = Refusal(
    _INVALID,
    "wrong_inn",
    field="client_inn",
    ru="Ошибка в ИНН клиента: контрольная цифра не сходится, и ни одна из касс не "
    "зарегистрирована на этот ИНН. Сверьте его с документами клиента.",
    en="The client's INN is wrong: its check digit does not match, and none of the registers is "
    "registered to it. Compare it with the client's documents.",
)
OWNER_DIFFERS = Refusal(
    _CONFLICT,
    "owner_differs",
    field="client_inn",
    ru="Касса зарегистрирована на владельца с другим ИНН. Проверьте ИНН и номер кассы.",
    en="The register belongs to an owner with another INN. Check the INN and the serial number.",
)
NOTHING_TO_REQUEST = Refusal(
    _CONFLICT,
    "nothing_to_request",
    field="serial_numbers",
    ru="Ни для одной из этих касс запрос не нужен: они уже ваши, добавляются без запроса или "
    "принадлежат другой организации. Добавьте их без запроса — по каждой кассе придёт ответ.",
    en="None of these registers needs a request: they are already yours, can be added without "
    "one, or belong to another organisation. Add them without a request: each will get an answer.",
)
REQUEST_OPEN = Refusal(
    _CONFLICT,
    "access_request_open",
    field="client_inn",
    ru="Запрос на кассы этого клиента уже в обработке. Дождитесь решения или отзовите его.",
    en="A request for this client's registers is already being processed. Wait for the decision "
    "or withdraw it.",
)
NOT_PROCESSING = Refusal(
    _CONFLICT,
    "access_request_decided",
    field="id",
    ru="Запрос {id} уже рассмотрен или отозван. Обновите список.",
    en="Request {id} has already been decided or withdrawn. Refresh the list.",
)
NOT_OF_REQUEST = Refusal(
    _INVALID,
    "not_of_request",
    field="serial_numbers",
    ru="Кассы {serial_number} нет в запросе. Выберите кассы из запроса.",
    en="Register {serial_number} is not in the request. Choose registers from the request.",
)
WRONG_OWNER_NOW = Refusal(
    _CONFLICT,
    "owner_differs_now",
    field="serial_numbers",
    ru="По данным кассы {serial_number} её владелец — другая организация. Исключите эту кассу "
    "или откажите в доступе.",
    en="According to register {serial_number}, its owner is another organisation. Leave it out "
    "or refuse the request.",
)
CONSENT_TOO_OLD = Refusal(
    _INVALID,
    "consent_too_old",
    field="consent_date",
    ru="С даты согласия прошло больше {days:дня|дней|дней}. Получите у клиента новое согласие.",
    en="The consent is more than {days:day|days} old. Get a new one from the client.",
)
CONSENT_IN_THE_FUTURE = Refusal(
    _INVALID,
    "consent_in_the_future",
    field="consent_date",
    ru="Дата согласия ещё не наступила. Проверьте дату.",
    en="The date of the consent is in the future. Check the date.",
)

FILE_EMPTY = Refusal(
    _INVALID,
    "file_empty",
    field="body",
    ru="Файл пуст. Выберите файл с подписанным согласием.",
    en="The file is empty. Choose the file with the signed consent.",
)
FILE_TYPE_UNFIT = Refusal(
    _INVALID,
    "file_type_unfit",
    field="name",
    ru="Файл такого типа не принимается. Допустимые типы: {extensions}.",
    en="Files of this type are not accepted. Allowed types: {extensions}.",
)
FILE_CONTENT_UNFIT = Refusal(
    _INVALID,
    "file_content_unfit",
    field="body",
    ru="Файл повреждён, или его формат не {kind}. Сохраните согласие в формате {kind} и "
    "приложите снова.",
    en="The file is damaged or is not {kind}. Save the consent as {kind} and attach it again.",
)
FILE_ACTIVE = Refusal(
    _INVALID,
    "file_active",
    field="body",
    ru="В файле есть макросы, сценарии, вложенные объекты или ссылки на внешние шаблоны и "
    "картинки. Сохраните согласие без них, лучше всего в PDF.",
    en="The file has macros, scripts, embedded objects or links to external templates and "
    "pictures. Save the consent without them, preferably as a PDF.",
)
