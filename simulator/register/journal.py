"""The journal in a register's permanent memory, which makes a step take effect at most once.

Answers are kept for the newest ``KEPT_ANSWERS`` steps. After an answer has been dropped, the
highest step done of its operation still shows that the step must not be done again. The simulated
register keeps these highest steps for ever: a few dozen bytes per operation.
"""

from collections.abc import Callable
from typing import Final

from protocol.conversation.messages import StepDone, StepRefusal, StepRefused

KEPT_ANSWERS: Final = 64

StepKey = tuple[int, int]
"""Operation id and step number."""


class Journal:
    """The answers by step, the newest last.

    ``effects`` counts how many times each step really took effect, so that a test can prove "once";
    a real register has no such counter.
    """

    __slots__ = ("_answers", "_highest", "effects")

    def __init__(self) -> None:
        self._answers: dict[StepKey, bytes] = {}
        self._highest: dict[int, int] = {}
        self.effects: dict[StepKey, int] = {}

    def execute_once(
        self, operation_id: int, step: int, effect: Callable[[], bytes | StepRefusal]
    ) -> StepDone | StepRefused:
        """Return the stored answer; without one, call ``effect()``, store its answer and return it.

        Storing the answer and the effect are one atomic change. A refusal is not stored, so that
        the step can be tried again later. A step whose answer was dropped is refused as ``STALE``.
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
