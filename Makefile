# `make lab` opens the course, `make test` checks everything; `make help` lists the rest.
# Both need Python 3.11 or newer and nothing else: the first run creates .venv.

VENV ?= .venv
# The first of these that is new enough; say PYTHON=/path/to/python to choose another.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
# TORCH=cpu leaves the CUDA packages out. Asked once; the environment remembers.
TORCH ?=
ARGS ?=
# Processes of `make test`.
JOBS ?= 2

BIN := $(VENV)/bin
SETUP = "$(PYTHON)" scripts/setup_env.py --venv "$(VENV)" --torch "$(TORCH)"
ROOT_USER := $(if $(filter 0,$(shell id -u)),--allow-root)

.DEFAULT_GOAL := help
.PHONY: help lab test lint format build-labs bench python setup setup-test clean

help:  ## List the targets
	@echo "Usage: make TARGET [ARGS=...] [PYTHON=...] [VENV=...] [TORCH=cpu]"; echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'
	@echo; echo 'On a server: make lab ARGS="--no-browser --port 8899"'
	@echo 'Without an NVIDIA card, to save 4 GB: make lab TORCH=cpu (at the first call)'

lab: setup  ## Open the course in JupyterLab
	@"$(BIN)/python" -m jupyterlab $(ROOT_USER) --ServerApp.root_dir="$(CURDIR)" \
		--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb --LabApp.news_url=None $(ARGS)

test: setup-test  ## Check code, types, package, notebooks and browser (ARGS go to pytest)
	@"$(BIN)/python" scripts/find_browser.py
	FACELAB_BUDGET=smoke OMP_NUM_THREADS=1 "$(BIN)/python" -m pytest -n $(JOBS) --dist loadfile \
		-m "not network" --nbval-lax --nbval-current-env --nbval-cell-timeout=120 tests solutions $(ARGS)

lint: setup-test  ## Look for mistakes and wrong types, quickly
	"$(BIN)/ruff" check . && "$(BIN)/ruff" format --check . && "$(BIN)/mypy"

format: setup-test  ## Lay the code out as the project does
	"$(BIN)/ruff" check --fix . ; "$(BIN)/ruff" format .

build-labs: setup-test  ## Write and run both editions of the labs from solutions/_source
	"$(BIN)/facelab" course build $(ARGS)

bench: setup-test  ## Measure the speed of MTCNN
	"$(BIN)/python" benchmarks/mtcnn.py $(ARGS)

clean:  ## Remove the environment and the caches
	@if [ ! -e "$(VENV)" ] || [ -e "$(VENV)/facelab-begun" ]; then rm -rf "$(VENV)"; \
	else echo "$(VENV) was not made here and is left alone."; fi
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

python:
	@if [ -z "$(PYTHON)" ] || ! "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
		echo "facelab needs Python 3.11 or newer; $(if $(PYTHON),$(PYTHON) is missing or older,none was found)." >&2; \
		echo "Get one from python.org or your system's packages, or name one you have:" >&2; \
		echo "make lab PYTHON=/path/to/python3.12" >&2; exit 1; fi

setup: python
	@$(SETUP)

setup-test: python
	@$(SETUP) --extra test --extra render
