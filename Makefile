# The commands of Axoplasm. `make` alone lists them.
#
#   PYTHON=python3.12     another interpreter for the environment (3.11 or newer)
#   MORPHOLOGY=cell.swc   a neuron of your own for the demo
#   NEURON=python3        an interpreter with NEURON and Arbor for the benchmarks (default: those in the environment, if any)
#   AXOPLASM_CACHE=DIR    another folder than ~/.cache/axoplasm for compiled kernels and PETSc's wheels

PYTHON ?= python3
MORPHOLOGY ?=
NEURON ?=
VENV := .venv
BIN := $(VENV)/bin

# Stamps: a second call installs nothing unless pyproject.toml or the installer changed.
RUN := $(VENV)/.stamp-run
TEST := $(VENV)/.stamp-test
PETSC := $(VENV)/.stamp-petsc

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench clean

help:
	@echo "make demo    install from wheels and run the main job (MORPHOLOGY=cell.swc for your own neuron)"
	@echo "make test    compile PETSc once per machine, install the test tools, run every test"
	@echo "make lint    check style, format and types"
	@echo "make bench   measure the speed, beside NEURON's where it is installed, and write docs/performance.md (15 minutes)"
	@echo "make clean   remove what the other commands made, but not the user's cache folder"

demo: $(RUN)
	@$(BIN)/axoplasm demo --output demo-output $(if $(MORPHOLOGY),"$(MORPHOLOGY)")

# Files in their own order: sorted by how many tests they hold, the few long ones (notebooks, preparing) come last, on one core.
test: $(TEST) $(PETSC)
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: $(TEST)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(RUN)
	@$(BIN)/python -m benchmarks --write-docs $(if $(NEURON),--neuron "$(NEURON)")

clean:
	rm -rf $(VENV) build dist *.egg-info demo-output .pytest_cache .mypy_cache .ruff_cache
	find geometry cable rxd benchmarks tests tools -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUN): pyproject.toml tools/install.py
	@$(PYTHON) tools/install.py $(VENV)
	@touch $@

$(TEST): pyproject.toml tools/install.py
	@$(PYTHON) tools/install.py $(VENV) --extra test
	@touch $@ $(RUN)

$(PETSC): pyproject.toml tools/install_petsc.py | $(TEST)
	@$(BIN)/python tools/install_petsc.py
	@touch $@
