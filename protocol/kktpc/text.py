"""The two code pages of a register of platform 2.5.

A host writes strings in CP866; `read_table` returns them in ATOL's internal code page (KKT-PC 3.1).
The internal page begins with А = 00, the same byte that pads a field, so a field that ends in
capital А cannot be distinguished from a shorter one.
"""

from collections.abc import Mapping
from typing import Literal

from protocol.errors import LocalError

Language = Literal["ru", "en"]

_UPPER = "АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ"
_PRINTABLE_ASCII = range(0x20, 0x7F)


class TextError(LocalError):
    """Error for a text with a character that the code page lacks."""


class CodePage:
    """A code page of one byte per character.

    `encode` refuses characters that the page lacks; `decode` never fails.
    """

    def __init__(self, name: str, characters: Mapping[int, str]) -> None:
        self.name = name
        self.characters = dict(characters)
        self.codes = {character: code for code, character in characters.items()}

    def encode(self, text: str) -> bytes:
        """Return one byte per character.

        Raise TextError with the position of the first character that the page lacks.
        """
        for position, character in enumerate(text):
            if character not in self.codes:
                raise TextError("text", f"{self.name} lacks the character at position {position}")
        return bytes(self.codes[character] for character in text)

    def decode(self, raw: bytes) -> str:
        """Return one character per byte; U+FFFD for a byte without a meaning."""
        return "".join(self.characters.get(code, "\ufffd") for code in raw)


INTERNAL = CodePage(
    "the internal code page",
    {
        **dict(enumerate(_UPPER)),
        **{code: chr(code) for code in _PRINTABLE_ASCII},
        **dict(enumerate(_UPPER.lower(), start=0x80)),
        **{0x24: "№", 0xA0: "$", 0xA1: "€", 0xA2: "—", 0xF0: "Ё", 0xF1: "ё"},
    },
)
CP866 = CodePage(
    "CP866",
    {code: bytes([code]).decode("cp866") for code in (*_PRINTABLE_ASCII, *range(0x80, 0x100))},
)

encode_internal, decode_internal = INTERNAL.encode, INTERNAL.decode
encode_cp866, decode_cp866 = CP866.encode, CP866.decode


def _internal_code(cp866_code: int) -> int:
    if cp866_code == 0:
        return 0
    return INTERNAL.codes.get(CP866.characters.get(cp866_code, "?"), ord("?"))


_AS_READ = bytes(_internal_code(code) for code in range(0x100))


def cp866_to_internal(raw: bytes) -> bytes:
    """Return what `read_table` answers for bytes that `write_table` stored.

    Padding remains padding, and a character that the internal page lacks becomes a question mark.
    """
    return raw.translate(_AS_READ)
