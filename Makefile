# make help lists the targets.
#
# Needs Python 3.11 or newer. Another one than found: make run PYTHON=/path/to/python

.DEFAULT_GOAL := run
.PHONY: run test quick bench help clean checks quick-wire quick-house

new_enough := import sys; sys.exit(sys.version_info < (3, 11))
candidates := python3 python3.14 python3.13 python3.12 python3.11 python
PYTHON ?= $(shell for p in $(candidates); do \
	$$p -c '$(new_enough)' 2>/dev/null && echo $$p && break; done)
bin := .venv/bin

run: .venv/.runs  ## start the cash server with fifty demo registers
	@exec $(bin)/cash-server up --demo 50

test: checks  ## the whole gate: checks and every test, some minutes
	$(bin)/pytest --numprocesses logical --maxprocesses 4 --dist worksteal

# What three programs say at once is shown one after the other, by a make that can do so.
at_once := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

# Half of the time would be compiling, where the environment lets no bytecode be kept.
test quick: export PYTHONDONTWRITEBYTECODE :=
quick: .venv/.tests  ## checks and unit tests, in less than a minute
	@$(MAKE) --no-print-directory --jobs 3 --keep-going $(at_once) checks quick-wire quick-house

bench: .venv/.runs  ## measure check-ins against a bare TCP server
	@exec $(bin)/cash-server bench check-ins

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*  ## /\1\t/p' $(MAKEFILE_LIST) | expand -t 8

clean:  ## forget what was built
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .schemathesis \
		.import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

checks: .venv/.tests
	$(bin)/ruff format --check .
	$(bin)/ruff check .
	$(bin)/mypy
	$(bin)/lint-imports --no-logo

# Two programs for two cores: workers of pytest-xdist would each collect every test.
quick-wire: .venv/.tests
	@$(bin)/pytest -q -m unit tests/protocol tests/simulator

quick-house: .venv/.tests
	@$(bin)/pytest -q -m unit --ignore=tests/protocol --ignore=tests/simulator

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
