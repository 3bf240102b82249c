PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
EXAMPLES := examples/images
BENCH ?=

.PHONY: help demo install test test-slow test-oldest lint format typecheck conformance bench bench-full clean

help:  ## Show the verbs
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.lean: $(BIN)/python pyproject.toml
	$(PIP) -e .
	@touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) -c constraints.txt torch
	$(PIP) -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/.lean

demo: $(VENV)/.lean  ## Describe, ask, transcribe and extract, offline, in a fresh venv
	$(BIN)/smolvlm describe $(EXAMPLES)/shapes.png --model embedded
	$(BIN)/smolvlm ask $(EXAMPLES)/shapes.png "What color is the circle?" --model embedded
	$(BIN)/smolvlm transcribe $(EXAMPLES)/receipt.png --model embedded
	$(BIN)/smolvlm extract $(EXAMPLES)/receipt.png --schema examples/receipt.schema.json --model embedded

install: $(VENV)/.dev  ## Install with everything that development needs

test: $(VENV)/.dev  ## Run the test suite (what CI runs)
	$(BIN)/python -m pytest -m "not slow and not hub"

test-slow: $(VENV)/.dev  ## Run every test but those that need the hub
	$(BIN)/python -m pytest -m "not hub" --timeout=1800

test-oldest:  ## Run the adapters' tests on the oldest supported LangChain and LlamaIndex
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet -r tests/oldest.txt -e '.[langchain,llama-index,pdf]'
	.venv-oldest/bin/python -m pytest -m "not slow" tests/integrations/langchain tests/integrations/llama_index

lint: $(VENV)/.dev  ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.dev  ## Rewrite the code in the project's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

typecheck: $(VENV)/.dev  ## Check types, strictly
	$(BIN)/pyright --pythonpath $(BIN)/python

conformance: $(VENV)/.dev  ## Hold the MCP server against the official suite (installs it with npm)
	$(BIN)/python -m tests.conformance.run

bench: $(VENV)/.dev  ## Measure on a full-size checkpoint (at most 15 minutes)
	$(BIN)/python -m benchmarks.bench --quick $(BENCH)

bench-full: $(VENV)/.dev  ## The whole table; hours (make bench-full BENCH=--resume goes on)
	$(BIN)/python -m benchmarks.bench --full $(BENCH)

clean:  ## Remove the environment and build products
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache tests/conformance/node_modules
