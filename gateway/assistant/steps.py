"""The steps of operations: each takes effect at most once, its answer is given at least once.

A step continues when its conversation is interrupted; a conversation that requests it again waits
for the same execution.  After a crash the journal decides (``journal.py``).  If even the connection
cannot tell whether a command was executed, the step is refused as *stale*, and a person must
decide.
"""

import asyncio
from collections.abc import Callable

from gateway.assistant.journal import Journal, StepKey
from gateway.assistant.register_connection import RegisterConnection, StepOutcomeUnknown
from protocol.conversation.messages import Step, StepDone, StepRefusal, StepRefused

StepOutcome = bytes | StepRefusal

StepListener = Callable[[StepKey, bytes, StepOutcome | None], None]
"""Function that is called when a step begins (None) and when it ends (its outcome)."""


def ignore_step(_: StepKey, __: bytes, ___: StepOutcome | None) -> None:
    """Ignore a step; the default listener."""


class StepExecutor:
    """Executor of one register's steps, one at a time."""

    def __init__(
        self, serial_number: str, journal: Journal, listener: StepListener = ignore_step
    ) -> None:
        self._serial_number, self._journal, self._told = serial_number, journal, listener
        self._running: dict[tuple[StepKey, bytes], asyncio.Task[StepOutcome]] = {}
        self._one_at_a_time = asyncio.Lock()

    async def execute(self, connection: RegisterConnection, step: Step) -> StepDone | StepRefused:
        """Return the answer to a step or its refusal.

        Raise ``RegisterUnreachable`` if the register is lost: the step must be requested again.
        """
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
        """Cancel running steps; ``recover_answer`` decides about them after the next start."""
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
        """Execute the step, or recover its answer from an earlier try.

        ``before`` is the state recorded before an earlier try whose end is not known, else None.
        """
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
