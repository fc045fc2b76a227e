# `make` prints the targets. A target makes everything that it needs.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.run
DEV := $(VENV)/.dev
DOCS := .venv-docs
# The tests start hundreds of processes; they share compiled files.
export PYTHONDONTWRITEBYTECODE :=
# Workers for pytest; more than the cores pays off because many tests wait for sockets.
JOBS ?= 4

help: ## print the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	  || { echo "Python 3.11, 3.12 or 3.13 is needed; name it with: make PYTHON=python3.11 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(RUN): requirements.lock pyproject.toml | $(BIN)/python
	@echo "installing what the service needs (once) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(DEV): requirements-dev.lock $(RUN)
	@echo "installing what the tests need (once) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

install: $(DEV) ## make .venv with all that the service, the tests and the checks need

demo: $(RUN) ## run the main job end to end, on embedded defaults; Ctrl-C stops everything
	@$(BIN)/integr8-bridge demo

test: $(DEV) ## all tests, in parallel
	$(BIN)/pytest -n $(JOBS) --dist worksteal

quick: $(DEV) ## the tests of what decides, with few examples, in half a minute: rules, plans, sources, settings, effects
	EXAMPLES=10 $(BIN)/pytest -q -n 2 --dist worksteal -m "not (journey or browser or network or slow)" \
	  $(addprefix tests/,rules planning sources config effects security)

fuzz: $(DEV) ## send random input to the webhook endpoint, the YAML loader and the grammar, for a few minutes
	EXAMPLES=$(or $(EXAMPLES),3000) timeout 900 $(BIN)/pytest -q -n $(JOBS) tests/fuzz

lint: $(DEV) ## style, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(DEV) ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

chaos: $(DEV) ## break everything that can break, on both databases; writes the table of docs/reliability.md; ROUNDS=clock,beat runs a few
	@rm -rf build/chaos
	@CHAOS=1 $(BIN)/python -m pytest tests/chaos -q -n 2; code=$$?; \
	  $(if $(ROUNDS),,PYTHONPATH=tests/support $(BIN)/python -m chaos docs/reliability.md;) exit $$code

soak: $(DEV) ## half load for SOAK_MINUTES (30) on DATABASE (sqlite, postgresql): all must stay flat; writes its part of docs/reliability.md
	@PYTHONPATH=tests/support $(BIN)/python -m chaos.soak docs/reliability.md $(or $(DATABASE),sqlite)

release-dump: $(DEV) ## record what this version leaves in a database, once for each release, so that later migrations are tried on it
	@PYTHONPATH=tests/support $(BIN)/python -m releases tests/samples/databases

scale: $(DEV) ## measure the scheduled evaluation of the service; ROWS="100000000" for other sizes, BESIDE=another checkout
	$(BIN)/python benchmarks/evaluations.py --rows $(or $(ROWS),1000000 3000000 10000000 30000000) $(if $(BESIDE),--beside $(BESIDE)) --keep

bench: $(DEV) ## measure; prints figures and ratios; BASE=PATH compares with another checkout, in turns (ROUNDS=2 EVENTS=2000)
	$(BIN)/python -m benchmarks$(if $(BASE),.turns $(BASE) $(ROUNDS) $(EVENTS))

$(DOCS)/.ready: requirements-docs.lock
	@echo "installing what the documentation needs (once) ..."
	@$(PYTHON) -m venv $(DOCS)
	@$(DOCS)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-docs.lock
	@touch $@

docs: $(RUN) $(DOCS)/.ready ## write the reference pages anew and build the site into ./site; a dead link fails
	$(BIN)/python docs/generate.py
	$(DOCS)/bin/mkdocs build --quiet --strict

lock: ## resolve the dependencies anew, with hashes and without any index address
	@command -v uv >/dev/null || { echo "uv is needed for this: pip install uv" >&2; exit 1; }
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	  --custom-compile-command "make lock" pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	  --custom-compile-command "make lock" pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	  --custom-compile-command "make lock" --group docs -c requirements-dev.lock -o requirements-docs.lock

clean: ## remove what the targets made
	rm -rf $(VENV) $(DOCS) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist site

.PHONY: help install demo test quick fuzz chaos soak release-dump lint format bench scale docs lock clean
