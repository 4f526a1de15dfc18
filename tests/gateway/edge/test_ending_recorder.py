"""Which ended conversations get a line in the log."""

import pytest
from structlog.testing import capture_logs

from fleet.device_port import DevicePort, EndedConversation
from gateway.edge import endings
from gateway.edge.config import GatewayConfig
from gateway.edge.endings import EndingRecorder
from protocol.transport import Transport


class Port(DevicePort):
    """A device port that keeps what it is told."""

    def __init__(self) -> None:
        self.ended: list[EndedConversation] = []

    def conversation_ended(self, ended: EndedConversation) -> None:
        self.ended.append(ended)


def ended(outcome: str = "served", steps: int = 0, why: str = "") -> EndedConversation:
    serial = "00106900000001"
    return EndedConversation(serial, Transport.TCP, "192.0.2.1", outcome, why, "open", steps, (), 1)


def lines_of(recorder: EndingRecorder, *each: EndedConversation) -> list[int]:
    """Return ``left_out`` of each line that was logged."""
    with capture_logs() as lines:
        for one in each:
            recorder.record(one)
    return [line.get("left_out", 0) for line in lines]


@pytest.mark.parametrize(("setting", "lines"), [("all", 7), ("none", 0), ("1/3", 2), ("1/100", 0)])
def test_idle_check_ins_are_logged_as_the_setting_says(setting: str, lines: int) -> None:
    port = Port()
    recorder = EndingRecorder(port, GatewayConfig(log_idle=setting).idle_log_every)
    assert len(lines_of(recorder, *[ended()] * 7)) == lines
    assert len(port.ended) == 7


def test_a_conversation_with_an_operation_is_always_logged() -> None:
    assert lines_of(EndingRecorder(Port(), 0), *[ended(steps=1)] * 3) == [0, 0, 0]


def test_a_flood_of_one_kind_is_one_line_and_a_count(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(endings, "monotonic", lambda: now)
    recorder = EndingRecorder(Port(), 0)
    flood = [ended("refused_busy", why="busy")] * 50
    assert lines_of(recorder, *flood, ended("refused_key", why="key")) == [0, 0]
    now += endings.REPEAT_S
    assert lines_of(recorder, flood[0]) == [49]


@pytest.mark.parametrize("setting", ["", "1/0", "2", "some", "1/-1", "all "])
def test_a_senseless_setting_is_refused(setting: str) -> None:
    with pytest.raises(ValueError):
        GatewayConfig(log_idle=setting)
