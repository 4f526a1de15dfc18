"""The steps of operations: each takes effect at most once, its answer is given at least once.

A step goes on when the conversation that brought it is cut; whoever brings it again waits for the
same one.  What stands in the journal decides after a crash (``journal.py``); where even the way
cannot tell whether a command was done, the step is refused as *stale*, which asks for a person.
"""

import asyncio
from collections.abc import Callable

from gateway.assistant.journal import Journal, StepKey
from gateway.assistant.register_connection import RegisterConnection, StepOutcomeUnknown
from protocol.conversation.messages import Step, StepDone, StepRefusal, StepRefused

StepOutcome = bytes | StepRefusal

StepListener = Callable[[StepKey, bytes, StepOutcome | None], None]
"""Hears of a step when it begins (None) and when it ends."""


def ignore_step(_: StepKey, __: bytes, ___: StepOutcome | None) -> None:
    """Where nobody listens."""


class StepExecutor:
    """The steps of one register, one at a time."""

    def __init__(
        self, serial_number: str, journal: Journal, listener: StepListener = ignore_step
    ) -> None:
        self._serial_number, self._journal, self._told = serial_number, journal, listener
        self._running: dict[tuple[StepKey, bytes], asyncio.Task[StepOutcome]] = {}
        self._one_at_a_time = asyncio.Lock()

    async def execute(self, connection: RegisterConnection, step: Step) -> StepDone | StepRefused:
        """The word on a step; ``WayLost`` when the register went away: ask again."""
        key = StepKey(self._serial_number, step.operation_id, step.step)
        same = key, step.command
        running = self._running.get(same)
        if running is None:
            running = asyncio.create_task(self._once(connection, *same), name=key.name)
            self._running[same] = running
            running.add_done_callback(lambda _: self._running.pop(same, None))
        outcome = await asyncio.shield(running)
        if isinstance(outcome, StepRefusal):
            return StepRefused(step.operation_id, outcome)
        return StepDone(step.operation_id, step.step, outcome)

    async def close(self) -> None:
        """Ends what runs; its records stay, and ``was_done`` decides at the next start."""
        running = list(self._running.values())
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _once(self, way: RegisterConnection, key: StepKey, command: bytes) -> StepOutcome:
        async with self._one_at_a_time:
            known = self._journal.find(key, command)
            if known is None and self._journal.is_past(key):
                return StepRefusal.STALE
            if known is not None and not known.is_same:
                return StepRefusal.STALE
            if known is not None and known.answer is not None:
                return known.answer
            self._told(key, command, None)
            try:
                outcome = await self._finished(way, key, command, known.before if known else None)
            except StepOutcomeUnknown:
                outcome = StepRefusal.STALE
            self._told(key, command, outcome)
            return outcome

    async def _finished(
        self,
        way: RegisterConnection,
        key: StepKey,
        command: bytes,
        before: dict[str, object] | None,
    ) -> StepOutcome:
        """``before`` is the witness of an earlier try whose end is not known."""
        answer = None if before is None else await way.recover_answer(command, before)
        if answer is not None:
            self._journal.finish(key, answer)
            return answer
        self._journal.begin(key, command, await way.state_before(command))
        outcome = await way.execute(command, key.name)
        if isinstance(outcome, StepRefusal):
            self._journal.withdraw(key)
        else:
            self._journal.finish(key, outcome)
        return outcome
