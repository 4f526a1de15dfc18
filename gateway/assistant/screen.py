"""Output of the Assistant for people: a line for each event, and bars for long work."""

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from gateway.assistant.texts import command_name, text_of


class Screen:
    """Progress bars on a terminal; otherwise plain lines, one for each tenth of the work."""

    def __init__(self, file: TextIO | None = None) -> None:
        self._console = Console(file=file or sys.stdout, highlight=False, markup=False)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._open: dict[tuple[str, str], tuple[TaskID, int]] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def show_event(self, name: str, /, **said: Any) -> None:
        """Print a sentence of ``texts.TEXTS`` with the time of day."""
        self._console.print(f"{datetime.now():%H:%M:%S}  {text_of(name, **said)}", soft_wrap=True)

    def line(self, text: str) -> None:
        """Print a line unchanged."""
        self._console.print(text, soft_wrap=True)

    def show_progress(self, who: str, what: str, percent: int | None) -> None:
        """Show the progress of a command (``texts.command_name``); None when it has ended."""
        what = command_name(what)
        key = who, what
        if percent is None:
            if (closed := self._open.pop(key, None)) is not None:
                self._bars.remove_task(closed[0])
            return
        if key not in self._open:
            self._open[key] = self._bars.add_task(f"{who}  {what}", total=100), 0
        bar, shown = self._open[key]
        self._bars.update(bar, completed=percent)
        if percent // 10 > shown // 10 and not self._console.is_terminal:
            self._console.print(f"{who}  {what}  {percent}%")
        self._open[key] = bar, percent

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print a table; ``columns`` are keys of ``texts.TEXTS``."""
        table = Table(*map(text_of, columns))
        for row in rows:
            table.add_row(*row)
        self._console.print(table)
