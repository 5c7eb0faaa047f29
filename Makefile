# `make demo` and `make test` do everything on a machine that has Python 3.11+, make and a C library.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test check up bench fmt clean lock

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /	/' | expand -t 10

demo: $(STAMP)  ## a thousand records to booked and invoiced appointments, in simulated time
	@$(BIN)/penstock demo

test: $(STAMP) check  ## everything: checks, then all tests
	@$(BIN)/python -m pytest -n 2 --dist worksteal

check: $(STAMP)  ## format, lint, types, import layers
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache > /dev/null || $(BIN)/lint-imports --no-cache

up: $(STAMP)  ## API, workers, embedded PostgreSQL; the town when no vendor key is set
	@$(BIN)/penstock up

bench: $(STAMP)  ## ratios against a ceiling measured in the same run
	@$(BIN)/python -m benchmarks

fmt: $(STAMP)  ## format and mend what can be mended
	@$(BIN)/ruff format --quiet . && $(BIN)/ruff check --fix --quiet .

clean:  ## remove what was built here (your data in PENSTOCK_HOME stays)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

lock: $(STAMP)  ## compile the hashed lock files anew
	@$(BIN)/pip install --quiet pip-tools
	cd requirements && for f in run dev; do CUSTOM_COMPILE_COMMAND="make lock" ../$(BIN)/pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-annotate --strip-extras --allow-unsafe --output-file=$$f.txt $$( [ $$f = run ] && echo ../pyproject.toml || echo dev.in ); done

$(STAMP): requirements/run.txt requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Penstock needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@echo "setting up $(VENV) (once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
