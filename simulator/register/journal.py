"""The journal in a register's permanent memory: what makes a step happen at most once.

An answer is kept for the newest ``KEPT_ANSWERS`` steps.  When an answer has fallen out, the
highest step done of its operation still tells that the step must not be done again.  The
simulated register keeps those for ever: a few dozen bytes for each operation of its life.
"""

from collections.abc import Callable
from typing import Final

from protocol.conversation.messages import StepDone, StepRefusal, StepRefused

KEPT_ANSWERS: Final = 64

StepKey = tuple[int, int]
"""Operation id, step."""


class Journal:
    """Answers by step, the newest last.

    ``effects`` counts how many times each step really took effect, so that a test can prove
    "once"; a real register has no such counter.
    """

    __slots__ = ("_answers", "_highest", "effects")

    def __init__(self) -> None:
        self._answers: dict[StepKey, bytes] = {}
        self._highest: dict[int, int] = {}
        self.effects: dict[StepKey, int] = {}

    def execute_once(
        self, operation_id: int, step: int, effect: Callable[[], bytes | StepRefusal]
    ) -> StepDone | StepRefused:
        """The stored answer, or that of ``effect()``, which is then stored with it as one thing.

        A refusal leaves no trace: the step may be tried again later.
        """
        key = operation_id, step
        if key in self._answers:
            return StepDone(operation_id, step, self._answers[key])
        if step <= self._highest.get(operation_id, -1):
            return StepRefused(operation_id, StepRefusal.STALE)
        answer = effect()
        if isinstance(answer, StepRefusal):
            return StepRefused(operation_id, answer)
        self._write(key, answer)
        return StepDone(operation_id, step, answer)

    def _write(self, key: StepKey, answer: bytes) -> None:
        operation_id, step = key
        self.effects[key] = self.effects.get(key, 0) + 1
        self._highest[operation_id] = step
        self._answers[key] = answer
        if len(self._answers) > KEPT_ANSWERS:
            del self._answers[next(iter(self._answers))]
