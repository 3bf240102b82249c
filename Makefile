PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
TOOLS := .venv-tools
EXAMPLES := examples/images
BENCH ?=
LOCK ?=
SCENES ?=

.PHONY: help demo install install-locked docs test test-slow test-oldest lint format typecheck conformance \
	bench bench-full soak screenshots lock audit sbom clean

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

install-locked: $(BIN)/python  ## The same, exactly as locked and each file held against its hash (as CI does)
	$(PIP) --require-hashes --no-deps -r requirements/ci.lock
	$(PIP) --no-deps -c constraints.txt torch
	$(PIP) --no-deps --no-build-isolation -e .
	$(BIN)/python -m pip check
	@touch $(VENV)/.dev $(VENV)/.lean

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

docs: $(VENV)/.dev  ## Build the documentation's site in build/site; a warning or a broken link ends it
	$(BIN)/python docs/site/stage.py
	$(BIN)/zensical build --strict --clean
	$(BIN)/python docs/site/links.py build/site

conformance: $(VENV)/.dev  ## Hold the MCP server against the official suite (installs it with npm)
	$(BIN)/python -m tests.conformance.run

bench: $(VENV)/.dev  ## Measure on a full-size checkpoint (at most 15 minutes)
	$(BIN)/python -m benchmarks.bench --quick $(BENCH)

bench-full: $(VENV)/.dev  ## The whole table; hours (make bench-full BENCH=--resume goes on)
	$(BIN)/python -m benchmarks.bench --full $(BENCH)

soak: $(VENV)/.dev  ## Ten minutes of good, bad and broken-off traffic from 64 clients, held against bounds
	$(BIN)/python -m benchmarks.soak --minutes 10 $(BENCH)

screenshots: $(VENV)/.dev  ## Pictures of the page of smolvlm serve in build/screenshots; needs chromium
	$(BIN)/python -m tests.screenshots $(SCENES)

$(TOOLS)/.ready: requirements/tools.txt
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements/tools.txt
	@touch $@

lock: $(TOOLS)/.ready  ## Pin what CI installs in requirements/ci.lock (LOCK=--upgrade for newer releases)
	$(TOOLS)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-annotate --custom-compile-command 'make lock' --no-emit-package smolvlm-tools \
		--override requirements/without-torch.txt --extra dev $(LOCK) \
		pyproject.toml requirements/ci.in --output-file requirements/ci.lock

audit: $(TOOLS)/.ready  ## Known vulnerabilities of what is locked ("not audited" where nobody can be asked)
	$(TOOLS)/bin/python requirements/audit.py

sbom: $(VENV)/.dev $(TOOLS)/.ready  ## What is installed, as CycloneDX in build/sbom.json
	@mkdir -p build
	$(TOOLS)/bin/cyclonedx-py environment $(BIN)/python --pyproject pyproject.toml --mc-type library \
		--output-reproducible --no-validate --output-file build/sbom.json

clean:  ## Remove the environment and build products
	rm -rf $(VENV) $(TOOLS) build dist .pytest_cache .ruff_cache tests/conformance/node_modules
