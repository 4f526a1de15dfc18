"""What ends a program whose database is not ready: a sentence, not a trace."""

import pytest
from sqlalchemy.exc import OperationalError

from fleet.kit.command_line import run_without_traceback


def test_a_database_without_tables_ends_a_program_with_a_message() -> None:
    def program() -> None:
        raise OperationalError("SELECT secret", {}, Exception("no such table: employees"))

    with pytest.raises(ValueError, match="no such table: employees.*cash-server migrate") as ended:
        run_without_traceback(program)
    assert "SELECT" not in str(ended.value)
