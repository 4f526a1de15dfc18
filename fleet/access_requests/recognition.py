"""Recognition of a file's kind by its content.

Pure: bytes in, a kind or a refusal out; the file's name must agree with the content.  The server
never opens a consent file; support does, with an office program.  So a file is accepted only if it
is complete enough to be of its kind and has no visible content that would run.  The compressed
streams of a PDF are not inspected: the program that opens it must be safe.
"""

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple
from xml.etree.ElementTree import ParseError, XMLParser

from fleet.access_requests.errors import (
    FILE_ACTIVE,
    FILE_CONTENT_UNFIT,
    FILE_EMPTY,
    FILE_TYPE_UNFIT,
)

MAX_FILE_BYTES: Final = 20 * 1024 * 1024
MAX_UNPACKED: Final = 100 * 1024 * 1024
"""Maximum unpacked size in bytes; a page with a photo unpacks to a few megabytes."""
MAX_ENTRIES: Final = 500
MAX_DIRECTORY: Final = 128 * 1024
"""Maximum size in bytes of a zip's central directory, which is read as a whole."""
MAX_RELATIONS: Final = 1024 * 1024
"""Maximum size in bytes of a part with relations; office programs write a few kilobytes."""
MAX_SEGMENTS: Final = 1000
"""Maximum number of segments in a picture's header; cameras write some tens."""
_TAIL: Final = 1024

_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_END: Final = struct.Struct("<4s4H2LH")
"""End of a zip's central directory (APPNOTE 4.3.16)."""
_ZIP64_LOCATOR: Final = b"PK\x06\x07"
_ZIP64_LOCATOR_SIZE: Final = 20
_ENCRYPTED: Final = 0x1
_CONTENT_TYPES: Final = "[Content_Types].xml"
_DOCUMENT: Final = (
    b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
)
_BROKEN_ZIP: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OSError,
    ValueError,
)


def _pdf_name_pattern(name: str) -> str:
    """Return a pattern of a PDF name after its slash.

    Any character may be written as ``#`` and two hexadecimal digits (ISO 32000-1, 7.3.5).
    """
    return "".join(f"(?:{each}|#(?i:{ord(each):02x}))" for each in name)


_ACTIVE_IN_PDF: Final = re.compile(
    b"/(?:%s)"
    % "|".join(
        map(_pdf_name_pattern, ("JavaScript", "Launch", "RichMedia", "EmbeddedFile"))
    ).encode()
)
_FORBIDDEN_PARTS: Final = ("vbaproject.bin", "/embeddings/", "/activex/", "vbadata.xml")
_FORBIDDEN_RELATIONS: Final = frozenset(
    ("oleobject", "package", "control", "activexcontrolbinary", "vbaproject", "afchunk")
)
"""Last words of the relation types of forbidden parts, whatever the parts' names are."""


class FileKind(StrEnum):
    PDF = "pdf"
    JPG = "jpg"
    DOC = "doc"
    DOCX = "docx"


class _WrongFormat(Exception):
    """The content is not of the kind that the name indicates."""


class _ActiveContent(Exception):
    """The content has something that would run."""


def recognise(name: str, content: bytes) -> FileKind:
    """Return the kind of a file.

    Raise ``FILE_EMPTY``, ``FILE_TYPE_UNFIT`` for another extension, ``FILE_CONTENT_UNFIT`` for
    content that is not of the extension's kind, and ``FILE_ACTIVE`` for macros, scripts, embedded
    objects and parts that would be fetched from elsewhere.
    """
    extension = name.rpartition(".")[2].lower()
    kind = BY_EXTENSION.get(extension) if "." in name else None
    if kind is None:
        raise FILE_TYPE_UNFIT(extensions=", ".join(f".{each}" for each in BY_EXTENSION))
    if not content:
        raise FILE_EMPTY()
    try:
        FORMATS[kind].inspect(content)
    except _WrongFormat:
        raise FILE_CONTENT_UNFIT(kind=kind.upper()) from None
    except _ActiveContent:
        raise FILE_ACTIVE() from None
    return kind


def _inspect_pdf(content: bytes) -> None:
    """Check the header, ``%%EOF`` near the end, and active names (ISO 32000-1, 7.5)."""
    if not content.startswith(b"%PDF-") or b"%%EOF" not in content[-_TAIL:]:
        raise _WrongFormat
    if _ACTIVE_IN_PDF.search(content):
        raise _ActiveContent


def _inspect_jpg(content: bytes) -> None:
    """Check the segments from SOI to SOS, and that an EOI follows (ITU T.81, annex B)."""
    if not content.startswith(b"\xff\xd8\xff"):
        raise _WrongFormat
    at = 2
    for _ in range(MAX_SEGMENTS):
        marker, length = content[at : at + 2], content[at + 2 : at + 4]
        if marker == b"\xff\xda" and content.find(b"\xff\xd9", at) > 0:
            return
        if len(length) < 2 or marker[0] != 0xFF or marker[1] < 0xC0:
            raise _WrongFormat
        at += 2 + int.from_bytes(length, "big")
    raise _WrongFormat


def _inspect_doc(content: bytes) -> None:
    """Check the streams: their names are in the file as UTF-16 (MS-CFB)."""

    def has(stream: str) -> bool:
        return stream.encode("utf-16-le") in content

    if not content.startswith(_OLE) or not has("WordDocument"):
        raise _WrongFormat
    if has("_VBA_PROJECT") or has("Ole10Native"):
        raise _ActiveContent


def _inspect_docx(content: bytes) -> None:
    """Check a zip that declares a document without macros (ECMA-376, part 2).

    Every part is unpacked once, within limits, so the file is complete and no zip bomb.
    """
    _inspect_directory(content)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _inspect_parts(archive)
    except _BROKEN_ZIP:
        raise _WrongFormat from None


def _inspect_directory(content: bytes) -> None:
    """Check the limits of the central directory before anything reads it."""
    if not content.startswith(b"PK\x03\x04"):
        raise _WrongFormat
    at = content.rfind(b"PK\x05\x06")
    if at < 0 or at + _END.size > len(content):
        raise _WrongFormat
    _, _, _, _, entries, size, _, _ = _END.unpack_from(content, at)
    zip64 = content[max(at - _ZIP64_LOCATOR_SIZE, 0) : at].startswith(_ZIP64_LOCATOR)
    if zip64 or entries > MAX_ENTRIES or size > MAX_DIRECTORY:
        raise _WrongFormat


def _inspect_parts(archive: zipfile.ZipFile) -> None:
    parts = archive.infolist()
    names = {part.filename for part in parts}
    if len(names) < len(parts) or not {_CONTENT_TYPES, "word/document.xml"} <= names:
        raise _WrongFormat
    if not all(map(_is_plain, parts)) or sum(part.file_size for part in parts) > MAX_UNPACKED:
        raise _WrongFormat
    if any(mark in f"/{name.lower()}" for name in names for mark in _FORBIDDEN_PARTS):
        raise _ActiveContent
    # Reads every part to its end; no part yields more than its declared size.
    if archive.testzip() is not None:
        raise _WrongFormat
    for name in names:
        if name.lower().endswith(".rels"):
            _inspect_relations(archive.read(name))
    declared = archive.read(_CONTENT_TYPES)
    if b"macroEnabled" in declared:
        raise _ActiveContent
    if _DOCUMENT not in declared:
        raise _WrongFormat


def _inspect_relations(content: bytes) -> None:
    """Check the relations of a part; raise ``_ActiveContent`` or ``_WrongFormat``.

    An external part, such as a template, would be fetched when the document is opened.  A part's
    role in the document is given by the relation's type, not by the part's name.
    """
    if len(content) > MAX_RELATIONS:
        raise _WrongFormat
    parser = XMLParser(target=_Relations())
    try:
        parser.feed(content)
        parser.close()
    except (ParseError, LookupError):
        raise _WrongFormat from None


class _Relations:
    """XML parser target that accepts no external relations except links to click."""

    def start(self, _tag: str, attributes: Mapping[str, str]) -> None:
        outside = attributes.get("TargetMode", "").strip().lower() == "external"
        kind = attributes.get("Type", "").strip().lower().rpartition("/")[2]
        if kind in _FORBIDDEN_RELATIONS or (outside and kind != "hyperlink"):
            raise _ActiveContent

    def doctype(self, _name: str, _public: str | None, _system: str | None) -> None:
        """Raise ``_WrongFormat``: such a part has no document type and no entities."""
        raise _WrongFormat

    def close(self) -> None:
        """Return nothing: the parser builds no result."""


def _is_plain(part: zipfile.ZipInfo) -> bool:
    """Tell whether the part is compressed as ECMA-376 allows.

    Other methods unpack without limit.
    """
    packed_well = part.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    return packed_well and not part.flag_bits & _ENCRYPTED


class FileFormat(NamedTuple):
    """A file format; ``inspect`` raises for content that is of another kind or not harmless."""

    extensions: tuple[str, ...]
    media_type: str
    inspect: Callable[[bytes], None]


FORMATS: Final[Mapping[FileKind, FileFormat]] = MappingProxyType(
    {
        FileKind.PDF: FileFormat(("pdf",), "application/pdf", _inspect_pdf),
        FileKind.JPG: FileFormat(("jpg", "jpeg"), "image/jpeg", _inspect_jpg),
        FileKind.DOC: FileFormat(("doc",), "application/msword", _inspect_doc),
        FileKind.DOCX: FileFormat(
            ("docx",),
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            _inspect_docx,
        ),
    }
)
BY_EXTENSION: Final[Mapping[str, FileKind]] = MappingProxyType(
    {extension: kind for kind, each in FORMATS.items() for extension in each.extensions}
)
