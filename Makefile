# Everything is made inside .venv, from constraints.txt: a fresh clone needs Python >= 3.11 and make, nothing else.
#   make book     build the book: open _build/html/index.html
#   make test     run every test; ends with the book opened in headless Chromium
#   make help     list the other targets

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.lossbook-installed
SCRATCH := .scratch
HTML := _build/html
PYTEST := $(BIN)/python -m pytest -p no:cacheprovider
NOTEBOOKS := $(wildcard notebooks/*.ipynb)
# Tests that need a GPU are left out where there is none, so that nothing is reported as skipped.
WITHOUT := $(if $(shell command -v nvidia-smi 2>/dev/null),,not gpu)

# Two libraries that both start a thread per core are slower than one that does not.
export OMP_NUM_THREADS ?= 2
export PYTHONHASHSEED := 0
# A kernel of another environment would test another lossbook.
export JUPYTER_PREFER_ENV_PATH := 1
# Debug information of the kernel is of no use here, and its notice would look like an error.
export PYDEVD_DISABLE_FILE_VALIDATION := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help install book test lint unit doctest mutate-sample nbval papermill book-tests browser full lab oracles pages \
        mutate bench badges format constraints clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# --- environment -----------------------------------------------------------------------------------------------------

install: $(STAMP)  ## make .venv with everything that book and tests need

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "lossbook needs Python >= 3.11; name one with: make PYTHON=python3.12 ..."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[notebooks,book,test]"
	touch $@

# --- the book --------------------------------------------------------------------------------------------------------

book: $(STAMP)  ## build the book; a warning is an error
	$(BIN)/jupyter-book build . -W -n --keep-going -q
	@echo "The book is at $(HTML)/index.html"

# --- the tests, in the order in which `make test` runs them ----------------------------------------------------------

test: lint unit doctest mutate-sample nbval papermill book book-tests browser  ## run every test

lint: $(STAMP)  ## check style and format of code and notebooks
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --no-cache --check .

unit: export OMP_NUM_THREADS = 1
unit: $(STAMP)  ## unit, property, oracle and notebook hygiene tests
	$(PYTEST) -q -n 2 --dist worksteal tests -m "$(WITHOUT)" --ignore=tests/browser --ignore=tests/test_book_build.py \
	  --ignore=tests/notebooks/test_papermill.py

doctest: $(STAMP)  ## run the examples in the docstrings
	$(PYTEST) -q --doctest-modules lossbook

mutate-sample: export OMP_NUM_THREADS = 1
mutate-sample: $(STAMP)  ## break formulas on purpose, a fixed sample for two minutes: tests have to notice
	$(BIN)/python -m tests.mutate --sample 15 --seconds 120

nbval: export OMP_NUM_THREADS = 1
nbval: export LOSSBOOK_PROFILE = fast
nbval: export LOSSBOOK_RESULTS = $(abspath $(SCRATCH))/nbval
nbval: $(STAMP)  ## run every chapter and compare its checked cells with what is saved
	@test -n "$(NOTEBOOKS)" || { echo "notebooks/ holds no chapter, so nothing was tested"; exit 1; }
	$(PYTEST) -q -n 2 --dist loadfile --nbval-lax --nbval-current-env --nbval-cell-timeout=600 \
	  --nbval-sanitize-with tests/notebooks/sanitize.cfg $(NOTEBOOKS)

papermill: export OMP_NUM_THREADS = 1
papermill: $(STAMP)  ## run every chapter with another seed
	$(PYTEST) -q -n 2 --dist worksteal tests/notebooks/test_papermill.py

book-tests: $(STAMP)  ## assert on what the book build made (needs `make book`)
	$(PYTEST) -q tests/test_book_build.py

browser: export OMP_NUM_THREADS = 1
browser: $(STAMP)  ## open the built pages in headless Chromium (needs `make book`)
	$(PYTEST) -q -n 2 tests/browser

# --- further targets -------------------------------------------------------------------------------------------------

full: $(STAMP)  ## run chapters in the full profile and save their outputs [CHAPTER=08]; with SEED=7 into .scratch
	$(BIN)/lossbook run $(or $(CHAPTER),--all) --profile full --seed $(or $(SEED),0)

lab: $(STAMP)  ## open the chapters in JupyterLab
	$(BIN)/python -c 'import jupyterlab' 2>/dev/null || $(BIN)/python -m pip install -q -c constraints.txt -e ".[dev]"
	$(BIN)/jupyter lab notebooks

oracles: $(STAMP)  ## run the peer libraries in their own environment and store what they answer
	sh tests/oracles/make.sh

pages: $(STAMP)  ## write the pages that the tests compute: conventions and edge cases
	$(BIN)/python tests/oracles/comparison.py --write
	PYTHONPATH=tests $(BIN)/python tests/edge_cases.py --write

mutate: $(STAMP)  ## break the formulas on purpose: every mutant has to be caught
	$(BIN)/python -m tests.mutate

bench:  ## time the losses beside their peers (which `make oracles` installs) [ARGS="--quick --loss dice_loss"]
	@test -x .venv-oracle/bin/python || $(MAKE) oracles
	PYTHONPATH=. .venv-oracle/bin/python -m lossbook.cli bench $(ARGS)

badges: $(STAMP)  ## write version and tag into every Colab badge and install cell
	$(BIN)/python book/_tools/badges.py

format: $(STAMP)  ## let ruff mend what it can
	$(BIN)/ruff check --no-cache --fix .
	$(BIN)/ruff format --no-cache .

constraints: $(STAMP)  ## write constraints.txt anew from what .venv holds
	$(BIN)/python -m pip install -q --disable-pip-version-check -e ".[dev,course]"
	$(BIN)/python book/_tools/freeze.py

clean:  ## remove what was built, but not the environment
	rm -rf _build build dist $(SCRATCH) *.egg-info .pytest_cache .ruff_cache .hypothesis
	find lossbook tests book notebooks -name __pycache__ -type d -prune -exec rm -rf {} +
