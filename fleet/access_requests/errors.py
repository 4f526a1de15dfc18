"""Why access is not given or not asked for, and the way out."""

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
    ru="Файл {id} уже отправлен с запросом, удалить его нельзя. Если он лишний, отзовите запрос и "
    "отправьте новый с другим файлом.",
    en="File {id} has been sent with a request and cannot be removed. If it is wrong, withdraw the "
    "request and send another one with another file.",
)
TOO_MANY_FILES_WAITING = Refusal(
    _CONFLICT,
    "too_many_files_waiting",
    field="body",
    ru="Приложено уже {limit} файлов без запроса. Отправьте запрос, удалите лишние или подождите: "
    "неотправленные хранятся 24 часа.",
    en="{limit} files are attached to no request already. Send the request, remove some or wait: "
    "files that were not sent are kept for 24 hours.",
)
CLIENT_INN_WRONG = Refusal(
    _INVALID,
    "wrong_inn",
    field="client_inn",
    ru="В ИНН клиента опечатка: контрольная цифра не сходится, и ни одна из касс такого ИНН не "
    "называет. Сверьте его с документами клиента.",
    en="The client's INN has a mistake: a check digit is wrong, and none of the registers names "
    "such an INN. Compare it with the client's papers.",
)
OWNER_DIFFERS = Refusal(
    _CONFLICT,
    "owner_differs",
    field="client_inn",
    ru="Касса зарегистрирована на владельца с другим ИНН. Проверьте ИНН и номер кассы.",
    en="The register is registered to an owner with another INN. Check the INN and the number.",
)
NOTHING_TO_REQUEST = Refusal(
    _CONFLICT,
    "nothing_to_request",
    field="serial_numbers",
    ru="Запрос не нужен ни одной из этих касс: они уже ваши, добавляются без запроса или называют "
    "другого владельца. Добавьте их без запроса — ответ придёт по каждой кассе.",
    en="None of these registers needs a request: they are yours already, can be added without one, "
    "or name another owner. Add them without a request: each gets its answer.",
)
REQUEST_OPEN = Refusal(
    _CONFLICT,
    "access_request_open",
    field="client_inn",
    ru="Запрос на кассы этого клиента уже в обработке. Дождитесь решения или отзовите его.",
    en="A request for this client's registers is being processed. Wait for the decision or "
    "withdraw it.",
)
NOT_PROCESSING = Refusal(
    _CONFLICT,
    "access_request_decided",
    field="id",
    ru="Запрос {id} уже решён или отозван. Обновите список.",
    en="Request {id} is decided or withdrawn already. Refresh the list.",
)
NOT_OF_REQUEST = Refusal(
    _INVALID,
    "not_of_request",
    field="serial_numbers",
    ru="Кассы {serial_number} нет в запросе. Выберите из касс запроса.",
    en="Register {serial_number} is not in the request. Choose among those of the request.",
)
WRONG_OWNER_NOW = Refusal(
    _CONFLICT,
    "owner_differs_now",
    field="serial_numbers",
    ru="Касса {serial_number} называет другого владельца. Снимите с неё отметку или откажите.",
    en="Register {serial_number} names another owner. Leave it out or refuse the request.",
)
CONSENT_TOO_OLD = Refusal(
    _INVALID,
    "consent_too_old",
    field="consent_date",
    ru="Согласию больше {days} дней. Получите у клиента новое.",
    en="The consent is over {days} days old. Get a new one from the client.",
)
CONSENT_IN_THE_FUTURE = Refusal(
    _INVALID,
    "consent_in_the_future",
    field="consent_date",
    ru="Дата согласия ещё не наступила. Проверьте дату.",
    en="The date of the consent has not come yet. Check the date.",
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
    ru="Имя файла должно оканчиваться на {extensions}.",
    en="The file's name must end with {extensions}.",
)
FILE_CONTENT_UNFIT = Refusal(
    _INVALID,
    "file_content_unfit",
    field="body",
    ru="Содержимое файла — не {kind}. Сохраните согласие как {kind} и приложите снова.",
    en="The file's content is not {kind}. Save the consent as {kind} and attach it again.",
)
FILE_ACTIVE = Refusal(
    _INVALID,
    "file_active",
    field="body",
    ru="В файле есть макросы, сценарии, вложенные объекты или ссылки на внешние шаблоны и "
    "картинки. Сохраните согласие без них, лучше всего как PDF.",
    en="The file holds macros, scripts, embedded objects or references to outside templates and "
    "pictures. Save the consent without them, best as a PDF.",
)
