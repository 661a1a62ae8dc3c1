# Every target makes .venv and installs what it needs: Python >= 3.11, make and PyPI are enough.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo test venv check bench pytest lit format

help:  ## list these commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

venv: $(STAMP)  ## make .venv with all that development needs

$(STAMP): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "dlc needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,examples]'
	@touch $@

demo: $(STAMP)  ## train a digit classifier with compiled code and show where to look next
	$(BIN)/python examples/train_digits.py

# Workers fill the cores: more threads would only be in the way. Tests of threads set how many there are.
pytest: export DLC_NUM_THREADS = 1
pytest: export OPENBLAS_NUM_THREADS = 1
pytest: export OMP_NUM_THREADS = 1
pytest: $(STAMP)  ## the Python tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

lit: $(STAMP)  ## the FileCheck tests
	$(BIN)/lit -j $(WORKERS) lit_tests

test: pytest lit  ## all tests: pytest, then lit

check: $(STAMP)  ## formatting, lint, types, import layers, then all tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(MAKE) test

format: $(STAMP)  ## format and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)  ## speed, compile time and memory against the peers that are installed (OPTIONS=--quick: see that it works)
	$(BIN)/python benchmarks/run.py $(OPTIONS)
