# Two commands do all the set-up: `make demo` and `make test`. They need Python 3.11 or newer, make, and package
# registries; nothing here needs root, apt or Docker.
PYTHON ?= python3
MINUTES ?= 60
BIN := .venv/bin
CHECKED := ledger streams sdk/src tests

.PHONY: faults soak demo test up bench check lint format unit lock schemas clean distclean
.DEFAULT_GOAL := help

help:
	@echo 'make demo   the main job end to end on real servers, told in six steps'
	@echo 'make test   every check: lint, types, layers, unit, property, integration, conformance, faults'
	@echo 'make bench  measures, beside a plain COPY and other systems; BENCH=quick in two minutes'
	@echo 'make faults every fault test, the long ones too; writes .ledger/faults.md'
	@echo 'make soak   load and faults for MINUTES=60, judged by the oracle'
	@echo 'make up     everything in the foreground; keeps its data in .ledger/'

# The stamp holds what was installed: another lock file, or another version of us, installs anew.
.venv/installed: requirements.lock pyproject.toml sdk/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: set PYTHON=...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e ./sdk -e .
	@touch $@

demo: .venv/installed
	$(BIN)/python -m ledger.demo

# BENCH=quick takes two minutes, BENCH=growth makes a log of millions.
bench: .venv/installed
	$(BIN)/ledger bench

up: .venv/installed
	$(BIN)/ledger up || [ $$? -eq 130 ] # Ctrl-C is how it ends

test: lint unit

lint: .venv/installed
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/mypy
	$(BIN)/mypy --explicit-package-bases tests
	$(BIN)/lint-imports

unit: .venv/installed
	$(BIN)/python -m pytest $(PYTEST)

# Every fault test, those too that take minutes; FAULTS_SEED=... repeats what was drawn.
faults: .venv/installed
	$(BIN)/python -m tests.faults.report $(FAULTS)

# Load and faults for MINUTES, on servers of its own; it may write 20 GB to a temporary directory.
soak: .venv/installed
	$(BIN)/python -m tests.faults.soak --minutes $(MINUTES) $(SOAK)

format: .venv/installed
	$(BIN)/ruff format $(CHECKED)
	$(BIN)/ruff check --fix $(CHECKED)

schemas: .venv/installed
	$(BIN)/python -m accountability_ledger.schemas schemas
	$(BIN)/python -m ledger.api.answer_shapes schemas

lock:
	.ci/lock

clean:
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

distclean: clean
	rm -rf .venv .ledger
