"""Benchmarks (to be written next)."""

import typer

app = typer.Typer()


@app.command("check-ins")
def check_ins() -> None:
    """Soon."""
