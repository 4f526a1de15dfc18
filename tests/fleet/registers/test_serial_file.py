"""Files with serial numbers: what is read, what is refused whole, and which line is which."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.kit.errors import DomainError
from fleet.registers.rules import read_serials
from fleet.registers.serial_file import MAX_FILE_BYTES, MAX_SHOWN, LineNumbers, TypedLine, read_file
from tests.fleet.conftest import Api
from tests.fleet.registers.conftest import serial
from tests.fleet.registers.test_list import anna as anna

A, B, C = serial(101), serial(102), serial(103)


@pytest.mark.parametrize(
    "content",
    [
        f"{A}\n{B}\n{C}",
        f"{A}\r\n{B}\r\n{C}\r\n",
        f"{A}\r{B}\r{C}",
        f"\ufeff{A}\n\n  {B} \n\t\n{C}\n\n",
        f"{A},{B},{C}",
        f"{A}; {B}; {C};",
        f'"{A}"\n"{B}"\n"{C}"\n',
    ],
)
def test_every_separator_of_a_list_is_accepted(content: str) -> None:
    assert [each.text for each in read_file(content.encode())] == [A, B, C]


def test_long_line_is_refused_whatever_its_beginning() -> None:
    (found,) = read_file(f"{A}{' ' * 50}касса у входа".encode())
    assert found.text.startswith(A) and found.text.endswith("…") and len(found.text) == MAX_SHOWN
    assert read_serials([found.text])[0] == []


def test_blank_lines_count_as_lines_and_headings_are_read_in_both_encodings() -> None:
    for encoding in ("utf-8", "cp1251"):
        content = f"Заводской номер\n\n{A}\n{B},{C}".encode(encoding)
        assert read_file(content) == [
            TypedLine("Заводской номер", 1),
            TypedLine(A, 3),
            TypedLine(B, 4),
            TypedLine(C, 4),
        ]


@pytest.mark.parametrize(
    "content", [A.encode("utf-16"), b"MZ\x90\x00\x03", b"%PDF-1.4\n\x00", b"PK\x03\x04\x98"]
)
def test_content_that_is_no_text_is_refused(content: bytes) -> None:
    with pytest.raises(DomainError, match="not_a_text"):
        read_file(content)


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\n\r\n , ;\t"])
def test_file_without_numbers_is_refused(content: bytes) -> None:
    with pytest.raises(DomainError, match="no_serial_numbers"):
        read_file(content)


def test_file_may_have_five_hundred_numbers_but_not_more() -> None:
    lines = [serial(number) for number in range(501)]
    assert len(read_file("\n".join(lines[:500]).encode())) == 500
    with pytest.raises(DomainError, match="too_many_serial_numbers") as refused:
        read_file("\n\n".join(lines).encode())
    assert refused.value.params == {"max": 500, "found": 501, "line": 1001}


def test_equal_texts_get_their_lines_in_order() -> None:
    lines = LineNumbers([TypedLine("x", 1), TypedLine(A, 2), TypedLine("x", 5)])
    assert [lines.line_of(text) for text in ("x", A, "x", "x")] == [1, 2, 5, None]


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        found = read_file(content)
    except DomainError:
        return
    assert all(each.text and "\0" not in each.text and each.line >= 1 for each in found)


async def send(api: Api, path: str, content: bytes) -> tuple[int, object]:
    headers = {"Content-Type": "application/octet-stream"}
    answer = await api.ask("POST", path, data=content, headers=headers)
    return answer.status, answer.json


async def test_each_line_of_a_file_gets_its_verdict(anna: Api) -> None:
    content = f"номера\n{A}\n\n{A}\n{serial(1)}\n{serial(50)}\n{B}".encode("cp1251")
    status, found = await send(anna, "/registers/enrol/file", content)
    assert status == 200 and isinstance(found, dict)
    assert found["accepted"] == [
        {"serial_number": A, "line": 2},
        {"serial_number": B, "line": 7},
    ]
    assert [(each["reason"], each["line"]) for each in found["refused"]] == [
        ("already_yours", 5),
        ("bound_to_another_partner", 6),
        ("serial_number_unfit", 1),
        ("serial_number_repeated", 4),
    ]


async def test_a_refused_file_changes_nothing(anna: Api) -> None:
    too_many = "\n".join(serial(number) for number in range(200, 701)).encode()
    for content, status in (
        (too_many, 422),
        (b"MZ\0" + A.encode(), 422),
        (b" " * (MAX_FILE_BYTES + 1), 413),
    ):
        assert (await send(anna, "/registers/enrol/file", content))[0] == status
    assert (await anna.get("/registers/count")).json == {"total": 9, "exact": True}


async def test_choosing_accepts_own_registers_and_names_the_others(anna: Api) -> None:
    own, strange = [serial(1), serial(2)], serial(50)
    every = (await anna.post("/registers/choose", {"serial_numbers": own})).json
    assert [each["serial_number"] for each in every["accepted"]] == own and not every["refused"]
    some = (await anna.post("/registers/choose", {"serial_numbers": [own[0], strange, A]})).json
    assert [each["serial_number"] for each in some["accepted"]] == own[:1]
    assert [each["reason"] for each in some["refused"]] == ["register_not_found"] * 2
    none = await anna.post("/registers/choose", {"serial_numbers": [strange, A, "x"]})
    assert (none.status, none.json["code"]) == (404, "none_bound")
    status, found = await send(anna, "/registers/choose/file", f"{strange}\n{own[1]}".encode())
    assert status == 200 and isinstance(found, dict)
    assert found["accepted"] == [{"serial_number": own[1], "line": 2}]
    assert found["refused"][0]["line"] == 1
