"""``python -m tests.fuzz TARGET --seconds N``: atheris, guided by what the code did.

Prints libFuzzer's own lines; the last says how many inputs ran.  A find ends it with exit code
77 and leaves the input in a file.
"""

import logging
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
    target: Annotated[str, typer.Argument(help=", ".join(TARGETS))],
    seconds: Annotated[int, typer.Option(min=1, max=86_400)] = 60,
    seed: Annotated[int, typer.Option(min=0, help="0: another one each time")] = 0,
    longest: Annotated[int, typer.Option(min=1, help="bytes in an input")] = 4096,
) -> None:
    """Fuzz one target."""
    if target not in TARGETS:
        raise typer.BadParameter(f"one of {', '.join(TARGETS)}", param_hint="TARGET")
    options = {
        "max_total_time": seconds,
        "seed": seed,
        "max_len": longest,
        "timeout": HANG_S,
        "rss_limit_mb": MEMORY_MB,
    }
    # A line for each conversation would be most of the work.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    atheris.Setup(
        [sys.argv[0], *(f"-{name}={value}" for name, value in options.items())], TARGETS[target]
    )
    atheris.Fuzz()


typer.run(main)
