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

.PHONY: check test
check: ## lint, types, import rules
	@bin/setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy --python-executable local/.venv/bin/python local/twin
	.venv/bin/mypy --python-executable .venv/bin/python app/duet
	PYTHONPATH=app:local .venv/bin/lint-imports

test: check ## all checks
	@local/.venv/bin/python -m pytest tests/twin
	@.venv/bin/python -m pytest tests/unit
