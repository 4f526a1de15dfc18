"""Templates in a simulated register: whole and once, or not at all."""

import hashlib

import pytest

from protocol.templates import BLOCK_SIZE, MAX_SIZE, TemplateKind
from simulator.register.failures import Failure, ResultCode
from simulator.register.templates import Announced, Template, Templates

CONTENT = bytes(range(200)) * 8


def announced(content: bytes = CONTENT, kind: int = TemplateKind.TIPS, tape: int = 80) -> Announced:
    return Announced(kind, tape, len(content), hashlib.sha256(content).digest())


def test_a_template_takes_effect_by_the_last_command_alone() -> None:
    templates = Templates()
    assert templates.begin(announced()) == 0
    assert templates.take(0, CONTENT[:BLOCK_SIZE]) == 1
    assert templates.begin(announced()) == 1
    assert templates.take(1, CONTENT[BLOCK_SIZE:]) == 2
    assert templates.kept == {}
    templates.apply()
    assert templates.kept == {TemplateKind.TIPS: Template(80, CONTENT)}
    assert templates.applied == {TemplateKind.TIPS: 1}
    with pytest.raises(Failure, match=ResultCode.WRONG_MODE.name):
        templates.apply()


@pytest.mark.parametrize(
    "wrong",
    [
        announced(kind=9),
        announced(tape=58),
        announced(b""),
        announced(bytes(MAX_SIZE + 1)),
    ],
)
def test_an_invalid_template_is_refused(wrong: Announced) -> None:
    templates = Templates()
    with pytest.raises(Failure, match=ResultCode.WRONG_FORMAT.name):
        templates.begin(wrong)
    with pytest.raises(Failure, match=ResultCode.WRONG_MODE.name):
        templates.take(0, CONTENT[:BLOCK_SIZE])


def test_blocks_out_of_their_order_or_size_change_nothing() -> None:
    templates = Templates()
    templates.begin(announced())
    for number, data in ((1, CONTENT[BLOCK_SIZE:]), (0, CONTENT[:10]), (0, CONTENT)):
        with pytest.raises(Failure, match=ResultCode.WRONG_FORMAT.name):
            templates.take(number, data)
    assert templates.begin(announced()) == 0
    with pytest.raises(Failure, match=ResultCode.WRONG_MODE.name):
        templates.apply()


def test_a_wrong_hash_keeps_the_old_template() -> None:
    templates = Templates()
    for content in (b"old", b"new"):
        templates.begin(announced(b"old"))
        templates.take(0, content)
        if content == b"old":
            templates.apply()
    with pytest.raises(Failure, match=ResultCode.WRONG_FORMAT.name):
        templates.apply()
    assert templates.kept == {TemplateKind.TIPS: Template(80, b"old")}
    assert templates.begin(announced(b"old")) == 0
