# Needs Python 3.11 or 3.12, make and the network. Options for the programs: make run ARGS="--source simulated".
ARGS ?=
BIN := .venv/bin
export OPENBLAS_NUM_THREADS ?= 1
export NUMBA_CACHE_DIR ?= $(CURDIR)/.cache/numba

# The long ones: faults and kills for ten seeds (about 20 minutes), load for ten minutes,
# simulations of what tests and intervals are worth (about 5 minutes), every statistic beside an oracle (about 12), and
# the pictures of the page (about 8).
.PHONY: run test bench chaos load calibrate accuracy pictures check setup setup-dev
.DEFAULT_GOAL := run

run: setup
	@exec $(BIN)/python -I -S flows/process/launch.py $$PPID $(BIN)/pairs up $(ARGS)   # ends with this make, even by kill -9

test: setup-dev
	@$(BIN)/python tests/chromium.py
	@exec $(BIN)/python -m pytest -n 2 $(ARGS)

bench: setup-dev
	@exec $(BIN)/python -m tests.benchmarks $(ARGS)

chaos: setup-dev
	@exec $(BIN)/python -m tests.chaos $(ARGS)

load: setup-dev
	@exec $(BIN)/python -m tests.load $(ARGS)

calibrate: setup-dev
	@exec $(BIN)/python -m tests.calibration $(ARGS)

accuracy: setup-dev
	@exec $(BIN)/python -m tests.accuracy $(ARGS)

pictures: setup-dev
	@$(BIN)/python tests/chromium.py
	@exec $(BIN)/python -m tests.pictures $(ARGS)

check: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

setup:
	@scripts/setup run

setup-dev:
	@scripts/setup dev
