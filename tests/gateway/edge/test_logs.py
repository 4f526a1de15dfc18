"""The log: bounded, rotated, and never the reason that something else fails."""

import io
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
import structlog
from prometheus_client import REGISTRY

from gateway.edge import logs
from gateway.edge.logs import LineSink, LogConfig, RotatedFile, Stream, configure


class Disk(io.RawIOBase):
    """A stream that takes ``room`` bytes and is full then, in the middle of a line."""

    def __init__(self, room: int) -> None:
        self.room, self.content = room, b""

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        text = bytes(data)  # type: ignore[call-overload]
        taken = text[: self.room]
        self.content += taken
        self.room -= len(taken)
        if len(taken) < len(text):
            raise OSError(28, "No space left on device")
        return len(taken)


def lost() -> float:
    return REGISTRY.get_sample_value("cash_server_log_lines_lost_total") or 0.0


def test_a_full_disk_loses_lines_and_nothing_else() -> None:
    disk, before = Disk(10), lost()
    sink = LineSink(Stream(disk))  # type: ignore[arg-type]
    sink.error(b'{"event":"one"}')
    sink.msg(b'{"event":"two"}')
    sink.flush()
    assert lost() - before == 2
    disk.room = 1000
    sink.error(b'{"event":"three"}')
    assert disk.content.splitlines()[-1] == b'{"event":"three"}'


@pytest.mark.parametrize("error", [BrokenPipeError(), ValueError("I/O operation on closed file")])
def test_a_closed_stream_raises_nothing(error: Exception) -> None:
    class Closed:
        def write(self, data: bytes) -> None:
            raise error

        def close(self) -> None:
            raise error

    sink, before = LineSink(Closed()), lost()
    sink.warning(b"{}")
    assert lost() - before == 1


class Hostile:
    """An object that cannot be told."""

    def __repr__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize("value", [Hostile(), {1: 2}, {(1, 2): 3}, b"\xff", float("nan"), "\udcff"])
def test_what_cannot_be_formatted_is_told_without_it(tmp_path: Path, value: object) -> None:
    file = tmp_path / "log"
    sink = configure(file)
    try:
        structlog.get_logger("x").bind().error("trouble", value=value)
    finally:
        structlog.reset_defaults()
    sink.close()
    (line,) = file.read_bytes().splitlines()
    assert orjson.loads(line)["level"] == "error"


def rotated(path: Path, clock: Callable[[], float], **limits: float) -> RotatedFile:
    return RotatedFile(path, LogConfig(**limits), clock)  # type: ignore[arg-type]


def test_a_large_log_is_rotated_and_old_files_end(tmp_path: Path) -> None:
    log = rotated(tmp_path / "log", lambda: 0.0, max_bytes=1 << 16, files=2)
    for letter in b"abcd":
        log.write(bytes([letter]) * (1 << 16))
    log.close()
    found = {file.name: file.read_bytes()[:1] for file in tmp_path.iterdir()}
    assert found == {"log": b"d", "log.1": b"c", "log.2": b"b"}


def test_an_old_log_is_rotated(tmp_path: Path) -> None:
    now = 0.0
    log = rotated(tmp_path / "log", lambda: now, max_age_h=1)
    log.write(b"a\n")
    now = 3601.0
    log.write(b"b\n")
    log.close()
    assert (tmp_path / "log.1").read_bytes() == b"a\n"
    assert (tmp_path / "log").read_bytes() == b"b\n"


def test_the_level_is_what_the_setting_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CASH_SERVER_LOG_LEVEL", "WARNING")
    sink = logs.configure(tmp_path / "log")
    try:
        structlog.get_logger("x").bind().info("quiet")
        structlog.get_logger("x").bind().warning("loud")
    finally:
        structlog.reset_defaults()
    sink.close()
    lines = (tmp_path / "log").read_bytes().splitlines()
    assert [orjson.loads(line)["event"] for line in lines] == ["loud"]
