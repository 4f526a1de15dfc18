"""Refusals of firmware images."""

from fleet.kit.errors import ErrorKind, Refusal

_INVALID = ErrorKind.INVALID

MANIFEST_NOT_FOUND = Refusal(
    ErrorKind.NOT_FOUND,
    "manifest_not_found",
    ru="В папке прошивок нет описания {model}/{version}.toml. Положите туда описание и файл "
    "прошивки.",
    en="The firmware folder has no manifest {model}/{version}.toml. Put the manifest and the "
    "firmware file there.",
    field="version",
)
MANIFEST_BROKEN = Refusal(
    _INVALID,
    "manifest_broken",
    ru="Ошибка в описании прошивки: {where}. Исправьте его по образцу из "
    "firmware_images/README.md.",
    en="There is a mistake in the manifest: {where}. Correct it as shown in "
    "firmware_images/README.md.",
    field="version",
)
FORMAT_NEWER = Refusal(
    _INVALID,
    "format_newer",
    ru="Описание прошивки имеет формат {format}, а сервер поддерживает формат {known}. Обновите "
    "сервер.",
    en="The manifest has format {format}, but the server supports format {known}. Update the "
    "server.",
    field="version",
)
MANIFEST_MISMATCH = Refusal(
    _INVALID,
    "manifest_of_another",
    ru="В папке {model}/{version} лежит описание прошивки {image}. Переложите его.",
    en="The manifest in {model}/{version} describes {image}. Move it to the right folder.",
    field="version",
)
MODEL_UNKNOWN = Refusal(
    _INVALID,
    "model_unknown",
    ru="Модель с кодом {model} неизвестна. Проверьте код модели.",
    en="The model code {model} is unknown. Check the code.",
    field="model",
)
FILE_NOT_FOUND = Refusal(
    _INVALID,
    "image_file_not_found",
    ru="Рядом с описанием нет файла прошивки «{file}». Положите его в ту же папку.",
    en="The firmware file '{file}' is not beside its manifest. Put it into the same folder.",
    field="version",
)
SIZE_WRONG = Refusal(
    _INVALID,
    "image_size_wrong",
    ru="Размер файла прошивки — {found:байт|байта|байт}, а в описании указано {size}. Скопируйте "
    "файл заново.",
    en="The firmware file has {found:byte|bytes}, but its manifest says {size}. Copy the file "
    "again.",
    field="version",
)
HASH_WRONG = Refusal(
    _INVALID,
    "image_hash_wrong",
    ru="Контрольная сумма SHA-256 файла прошивки не совпадает с указанной в описании. Скопируйте "
    "файл заново.",
    en="The SHA-256 of the firmware file does not match its manifest. Copy the file again.",
    field="version",
)
SIGNATURE_WRONG = Refusal(
    _INVALID,
    "image_signature_wrong",
    ru="Прошивка не подписана ни одним из доверенных издателей. Проверьте описание и "
    "CASH_SERVER_FIRMWARE_KEYS.",
    en="The firmware is not signed by a trusted publisher. Check the manifest and "
    "CASH_SERVER_FIRMWARE_KEYS.",
    field="version",
)
ALREADY_ADDED = Refusal(
    ErrorKind.CONFLICT,
    "image_already_added",
    ru="Прошивка {image} уже добавлена с другим файлом, подписью или размером блока. Верните "
    "прежнее описание или выпустите новую версию.",
    en="Firmware {image} has already been added with another file, signature or block size. "
    "Restore its manifest or publish a new version.",
    field="version",
)
