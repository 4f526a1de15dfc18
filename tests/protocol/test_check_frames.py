"""``python -m protocol``: what a person sees of frames and tables."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from protocol.__main__ import app
from protocol.kktpc import frame_v2 as v2
from protocol.kktpc.frame import encode
from protocol.telemetry import BLOCK
from tests.protocol.vectors import FILE

ABORT = "fe 01 00 00 c4 02"
ASK_SERIAL = "fe 09 00 0a c1 01 05 00 00 91 16 00 00 33"
SERIAL = "fe 0b 00 f0 a6 05 55 00 00 10 61 01 23 45 67 f9"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_recorded_frames_round_trip() -> None:
    result = run("check-frames", str(FILE))
    assert (result.exit_code, result.stdout) == (0, "187 frames, 187 identical, 187 explained\n")


def test_a_file_of_plain_lines_is_checked(tmp_path: Path) -> None:
    file = tmp_path / "frames.txt"
    file.write_text(f"{ABORT}\n\n{ABORT.replace(' ', '')}\n")
    assert run("check-frames", str(file)).stdout == "2 frames, 2 identical, 2 explained\n"


@pytest.mark.parametrize("bad", ["fe 01 00 00 c4 03", "c4", "hello", f"{ABORT} 00", ABORT[:-3]])
def test_a_frame_that_does_not_round_trip_is_reported(tmp_path: Path, bad: str) -> None:
    file = tmp_path / "frames.txt"
    file.write_text(f"{ABORT}\n{bad}\n")
    result = run("check-frames", str(file))
    assert (result.exit_code, result.stdout) == (1, "2 frames, 1 identical, 1 explained\n")
    assert result.stderr == f"differs: {bad}\n"


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\xff", b"direction\tframe_hex\n"])
def test_a_file_without_frames_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "frames.txt"
    if content is not None:
        file.write_bytes(content)
    result = run("check-frames", str(file))
    assert result.exit_code == 1
    assert str(file) in result.stderr


def test_an_answer_is_read_by_the_command_before_it() -> None:
    result = run("decode", ASK_SERIAL, SERIAL)
    assert result.exit_code == 0
    assert "command   read_register(register=22, parameter_1=0, parameter_2=0)" in result.stdout
    assert "answer    read_register(serial_number=00106101234567)" in result.stdout


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        (ABORT, "buffer    Abort()"),
        ("fe 00 00 01 9d", "buffer    Retransmit()"),
        ("fe 02 00 03 b4 01 a2", "buffer    IllegalValue(parameter=1)"),
        ("fe 05 00 16 c1 07 de 00 00 6b", "buffer    Add(flags=7, task_id=222, body=00 00)"),
        (SERIAL, "to a command that is not here (No error)"),
        (f"00 00 {ABORT}", "skipped   2 bytes: junk"),
        ("fe 08 00 12 c1 00 09 00 00 da 03 00 a3", "relay     reset()"),
        (
            "fe 0e 00 f0 a6 df da 70 09 31 32 37 2e 30 2e 30 2e 31 3b",
            "relay     connect(socket=0, value=127.0.0.1)",
        ),
        ("fe 07 00 c3 c1 01 60 00 00 a4 30 1f", "question  status()"),
        (encode(1, bytes.fromhex("c101000000ff")).hex(), "unknown   no command begins with ff"),
    ],
)
def test_decoded_frames_are_described(frames: str, said: str) -> None:
    result = run("decode", *frames.split())
    assert result.exit_code == 0
    assert said in result.stdout


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("c100dd0000db0404003c", "ours      ConversationRefused(reason=4, retry_after_s=60)"),
        ("a6dddb03" + "00" * 20, "ours      SEALED, 20 bytes"),
        ("a6dddb09", "unknown   the conversation knows no kind 09"),
        ("a6dddb", "unknown   the conversation knows no kind at all"),
        ("a6dddb01", "unknown   28 bytes expected, 0 came"),
    ],
)
def test_own_frames_are_described_without_their_secrets(data: str, said: str) -> None:
    result = run("decode", encode(0, bytes.fromhex(data)).hex())
    assert (result.exit_code, result.stdout.splitlines()[1]) == (0, said)


def test_an_unexplained_frame_is_reported(tmp_path: Path) -> None:
    frames = [encode(0, bytes.fromhex(data)).hex() for data in ("c101000000ff", "a60012", "c10100")]
    file = tmp_path / "frames.txt"
    file.write_text("\n".join([ABORT, *frames]))
    result = run("check-frames", str(file))
    assert (result.exit_code, result.stdout) == (1, "4 frames, 4 identical, 1 explained\n")
    assert result.stderr == "".join(f"unknown: {text}\n" for text in frames)


def test_a_line_of_lower_level_v2_is_described() -> None:
    asked, answered = v2.encode(bytes.fromhex("0000" + "4d")), v2.encode(b"\x4d" + bytes(7))
    line = b"\x05" + asked + b"\x04\xff" + answered
    result = run("decode", "--v2", line.hex())
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "control   ENQ",
        "frame     3 data bytes: 00 00 4d",
        "password  0000",
        "command   read_cash()",
        "control   EOT",
        "skipped   1 bytes: junk",
        "frame     8 data bytes: 4d 00 00 00 00 00 00 00",
        "answer    read_cash(sum=0)",
    ]


def test_a_probe_of_platform_5_0_is_named() -> None:
    result = run("decode", "24400d002001f7407465737465")
    assert result.exit_code == 1
    assert "platform 5.0" in result.stderr


@pytest.mark.parametrize("nonsense", ["zz", "0102", "fe01", ABORT[:-3], "fe 01 00 00 c4 03"])
def test_malformed_input_is_refused(nonsense: str) -> None:
    result = run("decode", nonsense)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.strip()


def test_the_tables_are_printed() -> None:
    shown = run("tables").stdout
    for line in (
        "command   46  read_table:",
        "register  16  serial_number",
        "register  03  payments_sum: receipt type, payment",
        "question  41  ticket: ",
        "relay     71  connect to the host, text: ",
        f"telemetry {BLOCK.index('battery_mv')}  battery_mv: RTC battery, mV",
        "telemetry tag 1048  owner_name: Owner",
        "result    67  No paper",
    ):
        assert f"\n{line}" in f"\n{shown}"
