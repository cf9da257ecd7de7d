# `make help` lists what there is. Every target sets up what it needs.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:
MAKEFLAGS += --no-print-directory
STAGE ?= prod
PYTHON := .venv/bin/python

.PHONY: help setup
help: ## list the targets
	@grep -E '^[a-z][a-z-]*:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /\1|/' | while IFS='|' read -r name text; do printf '%-18s %s\n' "$$name" "$$text"; done

setup: ## make both environments from their locks
	@bin/setup

.PHONY: local-up local-down local-clean local-status
local-up: ## everything needed, from a fresh clone, to a healthy app; prints the URLs
	@bin/setup
	bin/twin up

local-down: ## stop the twin; its data stays
	@bin/twin down

local-clean: ## stop the twin and forget all its data
	@bin/twin clean

local-status: ## what runs where
	@bin/twin status

.PHONY: check test integration-test bench
check: ## lint, types, import rules
	@bin/setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy app/duet infra
	.venv/bin/mypy --python-executable local/.venv/bin/python local/twin
	.venv/bin/lint-imports

test: check ## all checks: lint, types, import rules, unit, twin, integration, browser
	@local/.venv/bin/python -m pytest tests/twin
	$(PYTHON) -m pytest tests/unit tests/production

.PHONY: synth diff-prod deploy-prod destroy-prod
synth: ## write every environment's templates to cdk.out/
	@bin/setup product
	$(PYTHON) -m infra.synth

diff-prod: ## what deploy-prod would change
	@bin/setup product
	$(PYTHON) -m infra.deploy --environment $(STAGE) --diff

deploy-prod: ## deploy to AWS: checks, shows the diff, asks, migrates, smoke-tests
	@bin/setup product
	$(PYTHON) -m infra.deploy --environment $(STAGE)

destroy-prod: ## remove the deployment from AWS, after asking
	@bin/setup product
	$(PYTHON) -m infra.deploy --environment $(STAGE) --destroy
