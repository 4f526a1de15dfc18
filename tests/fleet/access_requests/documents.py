"""Small documents of every kind, written from the formats' own descriptions."""

import io
import struct
import zipfile
from collections.abc import Mapping

PDF = b"%PDF-1.4\n1 0 obj <</Type /Catalog>> endobj\ntrailer <</Root 1 0 R>>\n%%EOF\n"

_APP0 = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
_SCAN = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + b"\x12\x34"
JPG = b"\xff\xd8" + _APP0 + _SCAN + b"\xff\xd9"

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def doc(*streams: str) -> bytes:
    """A compound file as far as the names of its streams go."""
    names = b"".join(name.encode("utf-16-le").ljust(128, b"\0") for name in streams)
    return OLE + bytes(504) + names


DOC = doc("Root Entry", "WordDocument", "1Table")

MAIN = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
CONTENT_TYPES = f'<Types><Override PartName="/word/document.xml" ContentType="{MAIN}"/></Types>'


def docx(
    parts: Mapping[str, bytes | str] | None = None, method: int = zipfile.ZIP_DEFLATED
) -> bytes:
    """A document with these parts beside, or instead of, the two that it must have."""
    every = {"[Content_Types].xml": CONTENT_TYPES, "word/document.xml": "<w:document/>"}
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", method) as writer:
        for name, content in {**every, **(parts or {})}.items():
            writer.writestr(name, content)
    return archive.getvalue()


DOCX = docx()

EXECUTABLE = b"MZ" + struct.pack("<58xL", 64) + b"PE\0\0" + bytes(200)
