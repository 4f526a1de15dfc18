"""The command ``python -m tests.fuzz TARGET… --seconds N``: atheris, guided by code coverage.

It prints libFuzzer's own lines; the last line of a target tells how many inputs ran. A finding ends
it with exit code 77 and leaves the input in a file.
"""

import logging
import os
import sys
from typing import Annotated

import atheris
import structlog
import typer

with atheris.instrument_imports(include=["protocol", "gateway", "simulator", "h11"]):
    from tests.fuzz.targets import TARGETS

MEMORY_MB = 1024
HANG_S = 10


def main(
    targets: Annotated[list[str], typer.Argument(help=", ".join(TARGETS), show_default=False)],
    seconds: Annotated[int, typer.Option(min=1, max=86_400, help="for each target")] = 60,
    runs: Annotated[int, typer.Option(min=-1, help="inputs for each target; -1: no end")] = -1,
    seed: Annotated[int, typer.Option(min=0, help="0: another one each time")] = 0,
    longest: Annotated[int, typer.Option(min=1, help="bytes in an input")] = 4096,
) -> None:
    """Fuzz targets one after the other, until the first find."""
    if unknown := sorted(set(targets) - TARGETS.keys()):
        raise typer.BadParameter(f"{unknown}: one of {', '.join(TARGETS)}", param_hint="TARGETS")
    options = {
        "max_total_time": seconds,
        "runs": runs,
        "seed": seed,
        "max_len": longest,
        "timeout": HANG_S,
        "rss_limit_mb": MEMORY_MB,
    }
    # Logging a line for each conversation would take most of the time.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    for target in targets:
        print(f"Target {target}", file=sys.stderr, flush=True)
        if code := _in_a_process_of_its_own(target, options):
            sys.exit(code)


def _in_a_process_of_its_own(target: str, options: dict[str, int]) -> int:
    """Return the exit code of a forked process that fuzzes the target.

    Atheris ends its process, and instrumenting the code again would take far longer than a short
    run.
    """
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    words = [sys.argv[0], *(f"-{name}={value}" for name, value in options.items())]
    atheris.Setup(words, TARGETS[target])
    atheris.Fuzz()
    return 0


typer.run(main)
