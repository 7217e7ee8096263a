# Every command works in a bare checkout: each makes what it needs first. `make help` lists them.

.DEFAULT_GOAL := help
SHELL := /bin/bash
BIN := .venv/bin
UV := .tools/bin/uv

# SAM asks for a region even where it calls nothing, and would otherwise report its use.
export AWS_DEFAULT_REGION ?= us-east-1
export SAM_CLI_TELEMETRY := 0
# Where bytecode is not kept, each of the tools compiles itself anew for seconds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup build test simulate soak fuzz bench check format lint types contracts template demo lock clean

help:  ## List the commands.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup:  ## Install the tools into .venv and the emulator into .engine.
	@tools/bootstrap

build: setup  ## Build the layer and the functions, with bytecode; ARCH=arm64 or x86_64, else this machine's.
	@$(BIN)/python -m postpaid_cli.build $(ARCH)

test: build  ## Run the tests (ARGS="-k close -x" goes to pytest).
	@$(BIN)/pytest --numprocesses 2 --dist loadgroup $(ARGS)

simulate: build  ## Every fault, pair of faults and schedule there is; half an hour on two cores.
	@$(BIN)/python -m tests.simulation

soak: setup  ## Let 20 clients at the deployed stack for a minute and audit the books (SEED=… repeats a run).
	@$(BIN)/python -m tests.soak $(if $(SEED),--seed $(SEED)) $(ARGS)

fuzz: setup  ## At least 5 000 requests at random to the Chargebee door (SEED=… repeats a run).
	@$(BIN)/python -m tests.fuzz $(if $(SEED),--seed $(SEED)) $(ARGS)

bench: setup  ## Compare rating with DuckDB and SQLite, and the memory of few lines and many.
	@$(BIN)/python -m benchmarks.rating
	@$(BIN)/python -m benchmarks.memory

demo: setup  ## Show the whole way: usage over HTTP, a close, an invoice and its PDF.
	@$(BIN)/postpaid demo

check: format lint types contracts template test  ## Everything that must hold before a commit.

format: setup  # is the code formatted?
	@$(BIN)/ruff format --check .

lint: setup
	@$(BIN)/ruff check .

types: setup
	@$(BIN)/mypy

contracts: setup  # do imports point one way?
	@PYTHONPATH=. $(BIN)/lint-imports

template: setup  # does CloudFormation accept the template? The emulator takes much that it refuses.
	@$(BIN)/sam validate --lint

lock: setup  ## Lock the newest dependencies a week old or older, and export what ships.
	@$(UV) lock --upgrade
	@$(BIN)/python tools/export_requirements.py
	@$(UV) pip compile --quiet --upgrade --universal --no-header --no-annotate \
		--python-version "$$(cat .python-version)" tools/engine.in --output-file tools/engine.txt

clean:  ## Stop the local stack and remove all that these commands made.
	@if [ -x $(BIN)/postpaid ]; then $(BIN)/postpaid local down; fi
	@rm -rf .venv .engine .tools .aws-sam .postpaid demo-output
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
