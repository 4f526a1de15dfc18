"""A file is what its content says, or it is refused."""

import io
import struct
import zipfile
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.access_requests.recognition import BY_EXTENSION, FileKind, recognise
from fleet.kit.errors import DomainError
from tests.fleet.access_requests.documents import (
    CONTENT_TYPES,
    DOC,
    DOCX,
    EXECUTABLE,
    JPG,
    OLE,
    PDF,
    doc,
    docx,
)

OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def relations(kind: str, mode: str, encoding: str = "utf-8", doctype: str = "") -> dict[str, bytes]:
    text = (
        f'<?xml version="1.0" encoding="{encoding}"?>{doctype}<Relationships><Relationship '
        f'Id="r1" Type="{OFFICE}/{kind}" Target="http://192.0.2.1/x" TargetMode="{mode}"/>'
        "</Relationships>"
    )
    return {"word/_rels/settings.xml.rels": text.encode(encoding)}


GOOD = (
    ("consent.pdf", PDF, FileKind.PDF),
    ("Согласие клиента.PDF", PDF, FileKind.PDF),
    ("scan.v2.jpg", JPG, FileKind.JPG),
    ("photo.JPEG", JPG, FileKind.JPG),
    ("consent.doc", DOC, FileKind.DOC),
    ("consent.docx", DOCX, FileKind.DOCX),
    ("consent.docx", docx({"word/media/image1.jpeg": JPG}), FileKind.DOCX),
    ("consent.docx", docx(relations("hyperlink", "External")), FileKind.DOCX),
    ("consent.docx", docx(relations("image", "Internal")), FileKind.DOCX),
)


@pytest.mark.parametrize(("name", "content", "kind"), GOOD)
def test_consent_file_is_recognised_by_its_content(
    name: str, content: bytes, kind: FileKind
) -> None:
    assert recognise(name, content) is kind


def bomb(megabytes: int = 101) -> bytes:
    """So many megabytes of zeros in a few hundred kilobytes."""
    archive = io.BytesIO(DOCX)
    with (
        zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as writer,
        writer.open("word/media/image1.bmp", "w") as part,
    ):
        for _ in range(megabytes):
            part.write(bytes(1024 * 1024))
    return archive.getvalue()


def test_a_document_may_unpack_to_a_hundred_megabytes() -> None:
    assert recognise("consent.docx", bomb(99)) is FileKind.DOCX


def lying_bomb() -> bytes:
    """As ``bomb``, but the directory says that the part is small."""
    content = bytearray(docx({"word/zeros": bytes(1024 * 1024)}))
    for signature, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        name = content.rfind(b"word/zeros")
        at = content.rfind(signature, 0, name if signature == b"PK\x01\x02" else None)
        struct.pack_into("<L", content, at + offset, 16)
    return bytes(content)


def many_entries() -> bytes:
    return docx({f"word/{number}.xml": b"" for number in range(600)})


def encrypted() -> bytes:
    """With the flag of encryption set on every part."""
    content = bytearray(DOCX)
    for signature, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        at = content.find(signature)
        while at >= 0:
            content[at + offset] |= 1
            at = content.find(signature, at + 4)
    return bytes(content)


def plain_zip() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        writer.writestr("setup.exe", EXECUTABLE)
    return archive.getvalue()


def damaged() -> bytes:
    """A bit of a packed part is turned."""
    content = bytearray(docx({"word/media/a": bytes(range(256)) * 40}, zipfile.ZIP_STORED))
    content[content.find(bytes(range(256))) + 100] ^= 1
    return bytes(content)


def with_macros(name: str = "word/vbaProject.bin") -> bytes:
    return docx({name: b"macros"})


BAD: dict[str, tuple[str, bytes | Callable[[], bytes], str]] = {
    "empty": ("consent.pdf", b"", "file_empty"),
    "no_extension": ("consent", PDF, "file_type_unfit"),
    "only_the_extension's_word": ("pdf", PDF, "file_type_unfit"),
    "executable": ("consent.exe", EXECUTABLE, "file_type_unfit"),
    "double_extension": ("consent.pdf.exe", PDF, "file_type_unfit"),
    "png": ("consent.png", b"\x89PNG\r\n\x1a\n", "file_type_unfit"),
    "executable_called_pdf": ("consent.pdf", EXECUTABLE, "file_content_unfit"),
    "executable_called_jpg": ("consent.jpg", EXECUTABLE, "file_content_unfit"),
    "executable_called_doc": ("consent.doc", EXECUTABLE, "file_content_unfit"),
    "executable_called_docx": ("consent.docx", EXECUTABLE, "file_content_unfit"),
    "executable_before_a_zip": ("consent.docx", EXECUTABLE + DOCX, "file_content_unfit"),
    "pdf_called_jpg": ("consent.jpg", PDF, "file_content_unfit"),
    "jpg_called_pdf": ("consent.pdf", JPG, "file_content_unfit"),
    "pdf_cut_short": ("consent.pdf", PDF[:-10], "file_content_unfit"),
    "pdf_with_script": ("consent.pdf", PDF[:9] + b"/JavaScript" + PDF[9:], "file_active"),
    "pdf_with_a_spelled_script": (
        "consent.pdf",
        PDF[:9] + b"<</S/Java#53crip#74/JS(app.alert(1))>>" + PDF[9:],
        "file_active",
    ),
    "pdf_with_a_spelled_launch": ("a.pdf", PDF[:9] + b"/#4caunc#68" + PDF[9:], "file_active"),
    "pdf_with_a_file": ("consent.pdf", PDF[:9] + b"/EmbeddedFiles" + PDF[9:], "file_active"),
    "pdf_that_launches": ("consent.pdf", PDF[:9] + b"/Launch" + PDF[9:], "file_active"),
    "jpg_cut_short": ("consent.jpg", JPG[:-2], "file_content_unfit"),
    "jpg_of_headers_only": ("consent.jpg", JPG[:20], "file_content_unfit"),
    "jpg_of_endless_headers": (
        "consent.jpg",
        b"\xff\xd8" + b"\xff\xe1\x00\x02" * 5000 + JPG[2:],
        "file_content_unfit",
    ),
    "installer_called_doc": ("consent.doc", OLE + bytes(600), "file_content_unfit"),
    "doc_with_macros": ("consent.doc", doc("WordDocument", "_VBA_PROJECT"), "file_active"),
    "doc_with_an_object": ("consent.doc", doc("WordDocument", "\x01Ole10Native"), "file_active"),
    "zip_called_docx": ("consent.docx", plain_zip(), "file_content_unfit"),
    "docx_with_macros": ("consent.docx", with_macros(), "file_active"),
    "docx_with_macros_in_capitals": ("a.docx", with_macros("word/VBAPROJECT.BIN"), "file_active"),
    "docm_called_docx": (
        "consent.docx",
        docx({"[Content_Types].xml": CONTENT_TYPES.replace("document.main", "x.macroEnabled")}),
        "file_active",
    ),
    "docx_with_an_object": (
        "consent.docx",
        docx({"word/embeddings/oleObject1.bin": EXECUTABLE}),
        "file_active",
    ),
    **{
        f"docx_with_a_part_called_otherwise_that_is_{kind}": (
            "consent.docx",
            docx({"word/media/image1.bin": EXECUTABLE, **relations(kind, "Internal")}),
            "file_active",
        )
        for kind in ("oleObject", "package", "vbaProject", "control", "aFChunk")
    },
    "docx_with_a_template_elsewhere": (
        "consent.docx",
        docx(relations("attachedTemplate", "External")),
        "file_active",
    ),
    "docx_with_a_template_elsewhere_in_utf_16": (
        "consent.docx",
        docx(relations("attachedTemplate", "External", "utf-16")),
        "file_active",
    ),
    "docx_with_entities": (
        "consent.docx",
        docx(relations("image", "&e;", doctype='<!DOCTYPE r [<!ENTITY e "External">]>')),
        "file_content_unfit",
    ),
    "docx_with_broken_relations": (
        "consent.docx",
        docx({"_rels/.rels": "<Relationships>"}),
        "file_content_unfit",
    ),
    "spreadsheet_called_docx": (
        "consent.docx",
        docx({"[Content_Types].xml": CONTENT_TYPES.replace("wordprocessing", "spreadsheet")}),
        "file_content_unfit",
    ),
    "docx_cut_short": ("consent.docx", DOCX[:-30], "file_content_unfit"),
    "docx_damaged": ("consent.docx", damaged(), "file_content_unfit"),
    "docx_encrypted": ("consent.docx", encrypted(), "file_content_unfit"),
    "docx_packed_by_lzma": ("a.docx", docx(method=zipfile.ZIP_LZMA), "file_content_unfit"),
    "docx_of_many_parts": ("consent.docx", many_entries(), "file_content_unfit"),
    "docx_bomb": ("consent.docx", bomb, "file_content_unfit"),
    "docx_lying_bomb": ("consent.docx", lying_bomb, "file_content_unfit"),
}


@pytest.mark.parametrize("case", BAD)
def test_unsuitable_file_is_refused(case: str) -> None:
    name, content, code = BAD[case]
    with pytest.raises(DomainError) as refused:
        recognise(name, content() if callable(content) else content)
    assert refused.value.code == code


@given(st.sampled_from(sorted(BY_EXTENSION)), st.sampled_from([PDF, JPG, DOC, DOCX]), st.data())
def test_damaged_file_is_refused_and_never_crashes(
    extension: str, content: bytes, data: st.DataObject
) -> None:
    broken = bytearray(content)
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=6)):
        broken[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(broken)))
    try:
        recognise(f"consent.{extension}", bytes(broken[:cut]))
    except DomainError as refused:
        assert refused.code in {"file_empty", "file_content_unfit", "file_active"}
