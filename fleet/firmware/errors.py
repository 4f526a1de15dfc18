"""Why an image of firmware is not taken, and the way out."""

from fleet.kit.errors import ErrorKind, Refusal

_INVALID = ErrorKind.INVALID

MANIFEST_NOT_FOUND = Refusal(
    ErrorKind.NOT_FOUND,
    "manifest_not_found",
    ru="В папке прошивок нет манифеста {model}/{version}.toml. Положите манифест и файл прошивки.",
    en="The folder of images has no manifest {model}/{version}.toml. Put the manifest and the file "
    "there.",
    field="version",
)
MANIFEST_BROKEN = Refusal(
    _INVALID,
    "manifest_broken",
    ru="Манифест не читается: {where}. Исправьте его по образцу из firmware_images/README.md.",
    en="The manifest cannot be read: {where}. Correct it after firmware_images/README.md.",
    field="version",
)
FORMAT_NEWER = Refusal(
    _INVALID,
    "format_newer",
    ru="Манифест формата {format}, сервер знает формат {known}. Обновите сервер.",
    en="The manifest has format {format}, the server knows format {known}. Update the server.",
    field="version",
)
MANIFEST_MISMATCH = Refusal(
    _INVALID,
    "manifest_of_another",
    ru="Манифест описывает {image}, а лежит на месте {model}/{version}. Переложите его.",
    en="The manifest is of {image} and lies in the place of {model}/{version}. Move it.",
    field="version",
)
MODEL_UNKNOWN = Refusal(
    _INVALID,
    "model_unknown",
    ru="Модели с кодом {model} нет среди известных. Проверьте код модели.",
    en="No known model has the code {model}. Check the code.",
    field="model",
)
FILE_NOT_FOUND = Refusal(
    _INVALID,
    "image_file_not_found",
    ru="Рядом с манифестом нет файла прошивки «{file}». Положите его в ту же папку.",
    en="The file '{file}' does not lie beside the manifest. Put it into the same folder.",
    field="version",
)
SIZE_WRONG = Refusal(
    _INVALID,
    "image_size_wrong",
    ru="Размер файла прошивки — {found} байт, в манифесте — {size}. Скопируйте файл заново.",
    en="The image's file has {found} bytes, its manifest says {size}. Copy the file again.",
    field="version",
)
HASH_WRONG = Refusal(
    _INVALID,
    "image_hash_wrong",
    ru="SHA-256 файла прошивки не совпадает с манифестом. Скопируйте файл заново.",
    en="The SHA-256 of the image's file is not that of its manifest. Copy the file again.",
    field="version",
)
SIGNATURE_WRONG = Refusal(
    _INVALID,
    "image_signature_wrong",
    ru="Подпись прошивки не принадлежит ни одному из доверенных издателей. Проверьте манифест и "
    "CASH_SERVER_FIRMWARE_KEYS.",
    en="No trusted publisher has signed the image. Check the manifest and "
    "CASH_SERVER_FIRMWARE_KEYS.",
    field="version",
)
ALREADY_ADDED = Refusal(
    ErrorKind.CONFLICT,
    "image_already_added",
    ru="Прошивка {image} уже добавлена с другим файлом, подписью или размером блока. Верните "
    "прежний манифест или выпустите новую версию.",
    en="The image {image} was added with another file, signature or size of blocks. Put its "
    "manifest back or publish a new version.",
    field="version",
)
