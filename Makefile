# `make demo` and `make test` are all that a fresh machine needs: Python 3.11 or newer, and make.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test check bench clean

demo: $(READY) ## build a real database of real data and publish it on this machine
	$(BIN)/python examples/airports/build.py demo/airports.db
	$(BIN)/publish local demo/airports.db --name airports --metadata examples/airports/metadata.yaml
	@echo "That is the URL. Take it down with: $(BIN)/publish unpublish local airports --yes"

test: $(READY) ## run everything that this machine can run; what is skipped is listed with its reason
	$(BIN)/python -m pytest -n 2

check: $(READY) ## lint and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright

bench: $(READY) ## the figures of docs/performance.md
	$(BIN)/python benchmarks/bake.py
	$(BIN)/python benchmarks/serve.py

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --editable . --group dev
	touch $(READY)

clean: ## remove what was built here
	rm -rf .venv demo artifacts dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
