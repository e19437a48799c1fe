# Two commands do everything on a Debian 12, as root or with sudo: `make demo` and `make test`.
# Both install what is missing first, and may be run again: then there is little left to do.

SHELL := /bin/bash
VENV ?= .venv
PYTHON := $(VENV)/bin/python
# Test processes. The tests that boot an appliance go to two of them, however many there are (tests/conftest.py).
JOBS ?= $(shell nproc)
ROUNDS ?= 3
# REAL=1: also the real Debian guests (some minutes and a Debian mirror; then they are in the cache). Tests need them.
REAL ?= 0

.NOTPARALLEL:
.PHONY: help setup demo test lint bench docs fixtures clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:  ## install what is missing: Debian packages and the virtual environment
	@tools/setup.sh $(VENV)

demo: setup  ## build a small guest and show the main commands at work on it
	@$(PYTHON) -m tools.demo

test: setup  ## build every test guest and run all tests, linters included
	$(PYTHON) fixtures/build.py --all --real >/dev/null
	$(PYTHON) -m pytest -n $(JOBS) --dist loadgroup $(ARGS)

lint: setup  ## ruff (rules and format) and mypy --strict
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

bench: setup  ## compare with the virt-* tools and write docs/benchmarks.md (ROUNDS=3)
	$(PYTHON) fixtures/build.py real real-plain windows >/dev/null
	$(PYTHON) -m tests.bench --rounds $(ROUNDS) $(ARGS)

docs: setup  ## write the generated pages: one per command, and the picture in the README
	$(PYTHON) -m tools.docs

fixtures: setup  ## build every test guest (REAL=1: the real Debian guest too)
	$(PYTHON) fixtures/build.py --all $(if $(filter 1,$(REAL)),--real)

clean:  ## remove what make has made here; built guests stay in ~/.cache/imgtools
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
