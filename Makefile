# make train   install, train the default preset on CMUdict, evaluate, export
# make test    install, check and test, all but what takes long
# make test-slow   the tests that take long: every kind of model learns, browser, notebooks, several processes
# make check   style, types and import direction only
# make bench   compare the speed with PyTorch (installs it)

PYTHON ?= python3
BIN := .venv/bin
RUN ?= runs/cmudict
ARGS ?=

.PHONY: train test test-slow check bench clean

.venv/installed: requirements.txt
	$(PYTHON) -c 'import sys; assert (3, 11) <= sys.version_info[:2] <= (3, 13), "Python 3.11 to 3.13 is needed: make PYTHON=python3.12 ..."'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

.venv/installed-dev: .venv/installed requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

.venv/installed-bench: .venv/installed requirements-bench.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-bench.txt
	touch $@

# What runs an ONNX export outside Python, for the tests that take long.
node_modules/installed: package-lock.json
	npm ci --ignore-scripts --no-audit --no-fund
	touch $@

train: .venv/installed
	$(BIN)/python -m pipeline train --run $(RUN) $(ARGS)

check: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/whole/test_imports.py

test: check
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow" --durations 25

test-slow: .venv/installed-dev node_modules/installed
	$(BIN)/python -m pytest -n 2 --dist worksteal -m slow --durations 25

bench: .venv/installed-bench
	$(BIN)/python -m benchmarks

clean:
	rm -rf node_modules .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
