# make run   start the cash server with fifty demo registers     make test   the whole gate
# make bench measure check-ins against a bare TCP server         make clean  forget what was built
#
# Needs Python 3.11 or newer. Another one than found: make run PYTHON=/path/to/python

.DEFAULT_GOAL := run
.PHONY: run test bench clean

new_enough := import sys; sys.exit(sys.version_info < (3, 11))
candidates := python3 python3.14 python3.13 python3.12 python3.11 python
PYTHON ?= $(shell for p in $(candidates); do \
	$$p -c '$(new_enough)' 2>/dev/null && echo $$p && break; done)
bin := .venv/bin

run: .venv/.runs
	@exec $(bin)/cash-server up --demo 50

test: .venv/.tests
	$(bin)/ruff format --check .
	$(bin)/ruff check .
	$(bin)/mypy
	$(bin)/lint-imports --no-logo
	$(bin)/pytest --numprocesses logical --maxprocesses 4 --dist worksteal

bench: .venv/.runs
	@exec $(bin)/cash-server bench check-ins

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .schemathesis \
		.import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is newer than pyproject.toml while what it installed is up to date.
.venv/.runs: pyproject.toml
	@$(or $(PYTHON),false) -c '$(new_enough)' || { \
		echo "Нужен Python 3.11 или новее; найден: $(or $(PYTHON),нет)." \
			"/ Python 3.11 or newer is needed; found: $(or $(PYTHON),none)." \
			"make $(MAKECMDGOALS) PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(bin)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/.tests: .venv/.runs
	$(bin)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
