# Everything that is done with Keyturn, on a machine with make and Python 3.11 or newer.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup serve test programs check style types imports shape collected fix docs compatibility bench lock

# Tests start hundreds of processes, and pytest rewrites every test before it runs: where this is set, each would compile
# all of it anew.
unexport PYTHONDONTWRITEBYTECODE

# The first of these that is new enough.
PYTHON ?= python3 python3.14 python3.13 python3.12 python3.11
BIN := .venv/bin
# Two stamps, so that serving does not install what only developing needs.
RUNTIME := .venv/.runtime-installed
DEVELOP := .venv/.develop-installed
# Programs that tests run against.
SERVERS := .venv/.servers-looked-for
# SDKs for Node that tests drive: npm writes this file when it has fetched them, and looks for them again without it.
NODE_SDKS := .venv/node-sdks/node_modules/.package-lock.json

PIP := $(BIN)/python -m pip --disable-pip-version-check install
# Of pip's words, the packages it fetches: something moves, and what goes wrong stands on stderr anyway.
SHORTLY := awk '/^Collecting/ { print "  " $$2; fflush() }'
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-header --no-annotate

help: ## Show this list.
	@awk -F ': .*## ' '/^[a-z]+:.* ## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(RUNTIME) ## Create .venv with the keyturn command.
	@echo "Keyturn is in .venv. Next: make serve"
	@:

serve: $(RUNTIME) ## Start a node with the demo upstream (ARGS="--port 9000" adds flags).
	@exec $(BIN)/keyturn serve --demo $(ARGS)

test: programs ## Run all tests with coverage (ARGS="-k name" picks some).
	@$(BIN)/coverage erase
	@$(BIN)/python -m compileall -q src
	@status=0; \
	$(BIN)/python tests/support/all_tests.py $(ARGS) | tee .coverage-pytest.log || status=$$?; \
	$(BIN)/coverage combine --quiet || status=1; \
	$(BIN)/coverage report || status=1; \
	tail -n 1 .coverage-pytest.log; \
	exit $$status

programs: $(DEVELOP) $(SERVERS) $(NODE_SDKS)

check: types style imports shape ## Check format, lint, types, imports and shape.

style: $(DEVELOP)
	$(BIN)/ruff format --check
	$(BIN)/ruff check

types: $(DEVELOP)
	$(BIN)/mypy

imports: $(DEVELOP)
	$(BIN)/lint-imports

shape: $(DEVELOP)
	$(BIN)/python -m pytest -q tests/architecture/test_shape.py

# Pytest rewrites each test before the first run and keeps what it has written: once here, and not in several processes
# at a time that coverage holds up.
collected: $(DEVELOP)
	@said=$$($(BIN)/python -m pytest -q --collect-only tests) || { echo "$$said"; exit 1; }

fix: $(DEVELOP) ## Format, and fix what can be fixed by itself.
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

docs: $(RUNTIME) ## Write the reference pages from the source.
	@$(BIN)/python docs/generate.py

compatibility: $(DEVELOP) $(NODE_SDKS) ## Write docs/compatibility.md from what official SDKs do.
	@KEYTURN_WRITE_COMPATIBILITY=1 $(BIN)/python -m pytest -q tests/clients/test_sdk_matrix.py $(ARGS)

bench: $(RUNTIME) ## Compare with nginx (needs wrk and nginx; ARGS="--quick" is shorter).
	@$(BIN)/python -m bench $(ARGS)

lock: $(DEVELOP) ## Pin all dependencies again (ARGS=--upgrade takes the newest).
	$(COMPILE) $(ARGS) requirements/runtime.in -o requirements/runtime.lock
	$(COMPILE) $(ARGS) requirements/develop.in -o requirements/develop.lock
	$(BIN)/python tests/support/get_node_sdks.py --lock $(ARGS)

$(BIN)/python:
	@for python in $(PYTHON); do \
	  $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null || continue; \
	  $$python -m venv .venv && exit; \
	  rm -rf .venv; \
	  echo "Python's venv module is missing; on Debian and Ubuntu: apt-get install python3-venv" >&2; \
	  exit 1; \
	done; \
	echo "Keyturn needs Python 3.11 or newer, and none was found; name it: make PYTHON=/path/to/python" >&2; \
	exit 1

$(RUNTIME): requirements/runtime.lock pyproject.toml | $(BIN)/python
	@echo "Installing Keyturn into .venv"
	@$(PIP) --require-hashes -r requirements/runtime.lock | $(SHORTLY)
	@$(PIP) --quiet --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q src
	@touch $@

$(DEVELOP): requirements/develop.lock $(RUNTIME)
	@echo "Installing the tools for development into .venv"
	@$(PIP) --require-hashes -r requirements/develop.lock | $(SHORTLY)
	@touch $@

$(NODE_SDKS): tests/clients/node/package-lock.json $(DEVELOP)
	@$(BIN)/python tests/support/get_node_sdks.py

$(SERVERS): tests/support/get-servers | $(BIN)/python
	@tests/support/get-servers
	@touch $@
