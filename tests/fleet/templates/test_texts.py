"""Files and texts of templates: what is refused, and what the printer makes of a line."""

import base64

import pytest

from fleet.kit.errors import DomainError
from fleet.templates.rules import (
    LINE_LENGTHS,
    MAX_CONTENT_CHARACTERS,
    content_of,
    encode_text,
    preview,
    require_printable,
)
from protocol.platforms import Platform
from protocol.templates import MAX_SIZE


@pytest.mark.parametrize("size", [1, 1024, MAX_SIZE])
def test_content_is_decoded_from_base64(size: int) -> None:
    text = base64.b64encode(b"x" * size).decode()
    assert len(text) <= MAX_CONTENT_CHARACTERS
    assert content_of(text) == b"x" * size


@pytest.mark.parametrize(
    "text",
    ["", "?", "YQ", "YQ==\n", "абв", base64.b64encode(b"x" * (MAX_SIZE + 1)).decode()],
)
def test_invalid_content_is_refused(text: str) -> None:
    with pytest.raises(DomainError) as refused:
        content_of(text)
    assert (refused.value.code, refused.value.field) == ("content_unfit", "content")


@pytest.mark.parametrize("tape_width_mm", LINE_LENGTHS)
def test_lines_break_at_the_width_of_the_tape(tape_width_mm: int) -> None:
    length = LINE_LENGTHS[tape_width_mm]
    text = "а" * length + "\n\n" + "б" * (2 * length + 1)
    assert preview(text, tape_width_mm) == ["а" * length, "", "б" * length, "б" * length, "б"]


@pytest.mark.parametrize(
    ("platform", "text", "position"),
    [
        (Platform.V2_5, "пять €", 6),
        (Platform.V2_5, "ок\r\n", 3),
        (Platform.V5_0, "ок\t", 3),
        (Platform.V5_0, "\x1b[0m", 1),
    ],
)
def test_unprintable_text_is_refused(platform: Platform, text: str, position: int) -> None:
    with pytest.raises(DomainError) as refused:
        require_printable(text, platform)
    assert (refused.value.code, refused.value.params["position"]) == ("text_unprintable", position)


def test_text_is_encoded_in_the_code_page_of_the_platform() -> None:
    text = "Ёлка\n№ 1"
    for platform in Platform:
        require_printable(text, platform)
    assert encode_text(text, Platform.V2_5) == text.encode("cp866")
    assert encode_text(text, Platform.V5_0) == text.encode("utf-8")
