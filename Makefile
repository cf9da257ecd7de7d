# `make help` lists what there is. Every target sets up what it needs.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:
MAKEFLAGS += --no-print-directory


.PHONY: help setup lock
help: ## list the targets
	@grep -E '^[a-z][a-z-]*:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /\1|/' | while IFS='|' read -r name text; do printf '%-18s %s\n' "$$name" "$$text"; done

setup: ## make both environments from their locks
	@bin/setup

lock: setup ## resolve the locks again from both pyproject.toml
	@for group in app infra dev; do .tools/bin/uv pip compile -q --generate-hashes --python-version 3.13 --no-header --group $$group -o requirements/$$group.txt; done
	cd local && ../.tools/bin/uv pip compile -q --generate-hashes --python-version 3.13 --no-header pyproject.toml -o requirements.txt

.PHONY: local-up local-down local-clean local-status
local-up: ## everything needed, from a fresh clone, to a healthy app on this machine
	@bin/setup
	@bin/twin up

local-down: ## stop the twin; data stays
	@bin/twin down

local-clean: ## stop the twin and forget all its data
	@bin/twin clean

local-status: ## what runs where on the twin
	@bin/twin status

.PHONY: check test
check: ## lint, types, import rules
	@bin/setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy --python-executable local/.venv/bin/python local/twin
	.venv/bin/mypy --python-executable .venv/bin/python app/duet infra tests/production tests/unit tests/browser tests/bench tests/integration
	PYTHONPATH=app:local:. .venv/bin/lint-imports

test: check ## all checks
	@.venv/bin/python -m pytest tests/production tests/unit
	@local/.venv/bin/python -m pytest tests/twin
	@bin/browser
	@bin/with-twin .venv/bin/python -m pytest tests/integration tests/browser

.PHONY: integration-test bench
integration-test: ## what needs a running twin, starting one if none runs; TARGET=aws STAGE=… APP_URL=… for a deployed stage
	@bin/setup
	@.venv/bin/python -m pytest tests/integration

bench: ## the figures of docs/performance.md, on a fresh copy; reports/bench/summary.json
	@bin/setup
	@.venv/bin/python -m tests.bench

.PHONY: synth diff-prod deploy-prod destroy-prod
# Without a domain the templates of prod are written for one that is reserved for examples; deploying it is refused.
synth: ## write all environments' templates into cdk.out/
	@bin/setup product
	@[ -n "$${DUET_DOMAIN:-}" ] || echo "DUET_DOMAIN is not set: prod is written for duet.example"
	@DUET_DOMAIN="$${DUET_DOMAIN:-duet.example}" .venv/bin/python -m infra.synth

diff-prod: ## what deploying prod would change on AWS
	@bin/setup product
	@.venv/bin/python -m infra.deploy --environment prod --diff

deploy-prod: ## deploy prod to AWS; asks first
	@bin/setup product
	@.venv/bin/python -m infra.deploy --environment prod

destroy-prod: ## remove prod from AWS; asks for its name
	@bin/setup product
	@.venv/bin/python -m infra.deploy --environment prod --destroy
