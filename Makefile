# `make demo` and `make test` are all that a fresh machine needs: Python 3.11 or newer, and make.

PYTHON ?= python3
WORKERS ?= 2
BIN := .venv/bin

.PHONY: demo test check clouds fuzz pictures bench bench-image lock clean

demo: .venv/.demo ## build a real database of real data and publish it on this machine
	$(BIN)/python examples/airports/build.py demo/airports.db
	$(BIN)/publish local demo/airports.db --name airports --metadata examples/airports/metadata.yaml
	@echo "It stays up after this shell. Take it down with: $(BIN)/publish unpublish local airports" >&2

test: .venv/.dev ## run everything that this machine can run; what is skipped is listed with its reason
	$(BIN)/python -m pytest -n $(WORKERS)

check: .venv/.dev ## lint and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright

clouds: .venv/.dev ## stand-ins of the platforms until Ctrl-C, and clouds.env to source; as root, with docker.io and docker-registry
	@exec $(BIN)/python tests/clouds

fuzz: .venv/.dev ## what `make test` fuzzes for seconds, for ten minutes a target; what ran new code is kept in .fuzz
	FUZZ_SECONDS=600 FUZZ_EXAMPLES=3000 FUZZ_FOLDER=$(CURDIR)/.fuzz $(BIN)/python -m pytest -n $(WORKERS) tests/fuzz

pictures: .venv/.dev ## the screenshots of the README, taken anew; needs chromium
	$(BIN)/python docs/pictures.py

bench: .venv/.dev ## the figures of docs/performance.md; about ten minutes
	$(BIN)/python benchmarks/bake.py
	$(BIN)/python benchmarks/serve.py

IMAGES := publish/baked_publish/images
lock: .venv/.dev ## look up the newest packages that go into images
	$(BIN)/uv pip compile --quiet --universal --upgrade --generate-hashes --only-binary :all: --no-header --no-annotate \
		--no-emit-index-url --no-emit-find-links --no-python-downloads --python $(BIN)/python --python-version 3.11 \
		--output-file $(IMAGES)/requirements.lock $(IMAGES)/requirements.in

bench-image: .venv/.dev ## images beside docker build and push, and their start; as root, with docker.io, docker-registry, skopeo, umoci, runc
	$(BIN)/python benchmarks/image.py
	$(BIN)/python benchmarks/start.py

# one stamp for each group of dependencies: .venv/.demo, .venv/.dev
.venv/.%: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, for example: make PYTHON=python3.12")'
	test -x $(BIN)/pip || $(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --editable . --group $*
	@touch $@

clean: ## remove what was built here; what is published stays
	rm -rf .venv demo artifacts dist .fuzz .pytest_cache .mypy_cache .ruff_cache .hypothesis
