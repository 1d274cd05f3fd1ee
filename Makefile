# Every target sets itself up from nothing but python3.11 or newer, git and make.
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTHONS := python3 python3.14 python3.13 python3.12 python3.11
UV := env -u VIRTUAL_ENV UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadgroup
unexport PYTHONDONTWRITEBYTECODE # or each command that a test starts would compile the program anew
CODE := $(wildcard workflow tests examples benchmarks cli.py)

.PHONY: help demo test check prove fuzz bench soak postgres postgres-stop docs clean
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-14s %s\n", $$1, $$2}' Makefile

demo: $(READY) ## tell the story of a desk: definitions, contacts, tickets, a refusal, a timeout
	@$(BIN)/ticketflow demo

test: $(READY) ## unit tests, laws with few examples, both databases, the command line; with coverage
	$(PYTEST) -m "not prove" --cov --cov-report=term:skip-covered --cov-fail-under=95 tests

check: $(READY) ## lint, format, types, layers, dependencies, documents
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports
	$(BIN)/deptry workflow
	TICKETFLOW_NOW=2026-03-02T09:00+08:00 $(BIN)/ticketflow --definitions definitions check --strict
	$(PYTEST) -q -m "not prove" tests/docs

prove: $(READY) ## what takes longer: races, planted faults, laws with many examples, packaging
	TICKETFLOW_LAWS=prove $(PYTEST) --timeout 1200 -m "prove or hypothesis" tests
	env -u TICKETFLOW_TEST_POSTGRES TICKETFLOW_TEST_PROGRAMS=wheel $(PYTEST) -q -m "not prove" -k postgresql tests/store

fuzz: $(READY) ## feed what reads foreign input with anything (MINUTES=10)
	$(BIN)/python -m tests.fuzz $(or $(MINUTES),10)

bench: $(READY) ## measure against the raw driver and the hand-written way
	@test -f benchmarks/__main__.py || { echo "make: there is no benchmarks/__main__.py yet" >&2; exit 1; }
	$(BIN)/python -m benchmarks

soak: $(READY) ## kill workers, stop the server, balance the books (MINUTES=10)
	nice $(BIN)/python -m tests.soak --minutes $(or $(MINUTES),10)

postgres: $(READY) ## start a PostgreSQL for trials in .postgres and print its URL
	@$(BIN)/python -m tests.postgres start

postgres-stop: $(READY) ## stop it; its data stay
	@$(BIN)/python -m tests.postgres stop

docs: $(READY) ## write the generated documents anew
	@$(BIN)/python -m tests.docs.generated

clean: ## remove everything the targets made, a PostgreSQL for trials included
	@if test -e $(READY); then $(BIN)/python -m tests.postgres remove; fi
	rm -rf $(VENV) dist build mutants .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml uv.lock
	@$(BIN)/python -c "" 2>/dev/null || { \
	    for python in $(PYTHONS); do \
	        $$python -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null && break; \
	        python=; \
	    done; \
	    test -n "$$python" || { echo "make: Ticketflow needs Python 3.11 or newer on the PATH" >&2; exit 1; }; \
	    $$python -c "import venv, ensurepip" 2>/dev/null || { \
	        echo "make: $$python cannot make virtual environments; install its package python3-venv (Debian, Ubuntu)" >&2; exit 1; }; \
	    $$python -m venv --clear $(VENV); }
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.11"
	@$(UV) sync --quiet --locked --compile-bytecode
	@touch $@
