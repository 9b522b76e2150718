# What CI runs, a laptop runs: .ci/run calls `make test` and nothing else.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PY := .venv/bin/python
STEP := scripts/step.sh
# About 30 s of seeds that no run had before; a failure prints the command that replays its own.
FRESH_SEED := $(shell shuf -i 0-999999999 -n 1)
RUN_PYTEST := $(PY) -m pytest

.PHONY: help install setup demo test test-full storm static format lint types imports core contract simulate integration e2e bench fuzz screens reference lock clean

help: ## Say what each target does
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## Make .venv with what streamer needs to run, and nothing for its tests
	@scripts/setup.sh runtime

setup: ## Make .venv from the lock, and what the tests start
	@scripts/setup.sh dev

demo: ## Tell the whole story in about a minute, on stand-ins or on KAFKA, REDIS_URL, MLFLOW_TRACKING_URI
	@scripts/setup.sh runtime
	@exec $(PY) -m streamer.embedded.demo

test: setup static ## Everything that is not slow, on real Kafka, Redis and MLflow (under 10 minutes warm)
	@$(STEP) simulation $(PY) -m tests.simulation --seeds 250 --first-seed $(FRESH_SEED)
	@exec $(RUN_PYTEST) -m "not slow" tests/core tests/loops tests/contract tests

test-full: setup static ## make test and the slow suites: long simulation, storm, Collector
	@$(STEP) simulation $(PY) -m tests.simulation --seeds 20000
	@$(STEP) "planted faults" $(PY) -m tests.simulation --planted all
	@exec $(RUN_PYTEST) tests/core tests/loops tests/contract tests

storm: setup ## Kill processes and services under load, and judge from outside (SESSIONS=10000 MINUTES=20 SEED=1)
	@exec $(PY) -m tests.storm --sessions $(or $(SESSIONS),10000) --minutes $(or $(MINUTES),20) --seed $(or $(SEED),1)

static: setup ## Format, lint, types, imports
	@$(STEP) format $(PY) -m ruff format --check .
	@$(STEP) lint $(PY) -m ruff check .
	@$(STEP) types $(PY) -m mypy
	@$(STEP) imports .venv/bin/lint-imports

format: setup ## Format the code
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix --select I .

lint: setup ## Format check and lint
	@$(STEP) format $(PY) -m ruff format --check .
	@$(STEP) lint $(PY) -m ruff check .

types: setup ## mypy --strict
	@$(STEP) types $(PY) -m mypy

imports: setup ## The arrows between the packages
	@$(STEP) imports .venv/bin/lint-imports

core: setup ## Tests of the pure core and of the loops on fakes
	@exec $(RUN_PYTEST) tests/core tests/loops

contract: setup ## Each port's suite on the fake and on the real service
	@exec $(RUN_PYTEST) tests/contract

simulate: setup ## 1,000 seeds of the simulated world (SEEDS=n)
	@exec $(PY) -m tests.simulation --seeds $(or $(SEEDS),1000)

integration: setup ## Parts on real Kafka, Redis and MLflow
	@exec $(RUN_PYTEST) -m "not slow" tests/integration

e2e: setup ## The whole chain on real services
	@exec $(RUN_PYTEST) -m "not slow" tests/e2e

bench: setup ## Ratios against the floor and against peers, in one run
	@exec $(PY) -m benchmarks

fuzz: setup ## Search for bytes that break a decoder, guided by coverage (FUZZ_SECONDS=60)
	@scripts/setup.sh fuzz
	@mkdir -p .cache/fuzz
	@exec $(PY) -m tests.fuzz.records -max_total_time=$(or $(FUZZ_SECONDS),60) -timeout=10 -rss_limit_mb=2048 -max_len=65536 \
		-artifact_prefix=.cache/ .cache/fuzz tests/fuzz/corpus tests/fixtures/wire

screens: setup ## MLflow's Sessions pages with MLflow's rows and ours, as pictures in .cache/screens (needs Chromium)
	@exec $(RUN_PYTEST) tests/mlflow_guide/screens.py

reference: setup ## Write docs/reference and the Grafana board anew from the code
	@$(PY) -m tools.reference
	@$(PY) -m tools.board > deploy/grafana/streamer.json

lock: setup ## Resolve requirements/*.txt anew from pyproject.toml (UPGRADE=1 takes newer versions)
	@exec scripts/lock.sh

clean: ## Remove .venv and every cache of this checkout
	@rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
