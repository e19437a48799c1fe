# Two commands do everything on a Debian 12 or 13, as root or with sudo: `make demo` and `make test`.
# Both install what is missing first, and may be run again: then there is little left to do.

SHELL := /bin/bash
VENV ?= .venv
PYTHON := $(VENV)/bin/python
# Test processes. The tests that boot an appliance go to two of them, however many there are (tests/conftest.py).
JOBS ?= $(shell nproc)
ROUNDS ?= 3
MINUTES ?= 10
# REAL=1: also the real Debian guests (some minutes and a Debian mirror; then they are in the cache). Tests need them.
REAL ?= 0
# make test-on: which Debian, and what is done there.
SUITE ?= trixie
RUN ?= make demo test JOBS=$(JOBS) ARGS="$(ARGS)"
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

.NOTPARALLEL:
.PHONY: help setup demo test test-on deb deb-check lint bench fleet-scale boots sound docs site man picture report-picture fixtures constraints lowest mutants fuzz foreign virt-golden peers clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:  ## install what is missing: Debian packages and the virtual environment
	@tools/setup.sh $(VENV)

demo:  ## build a small guest and show the main commands at work on it
	@tools/setup.sh $(VENV) demo
	@$(PYTHON) -m tools.demo

test: setup  ## build every test guest and run all tests, linters included
	$(PYTHON) fixtures/build.py --all --real >/dev/null
	$(PYTHON) -m pytest -n $(JOBS) --dist loadgroup $(ARGS)

test-on:  ## demo and tests on another Debian, in a root of its own (SUITE=trixie, RUN='make demo')
	$(SUDO) /usr/bin/python3 -m tools.test_on $(SUITE) '$(RUN)'

deb:  ## make the package of a Debian release in a root of it, into dist/SUITE (SUITE=bookworm, trixie)
	$(SUDO) /usr/bin/python3 -m tools.deb build $(SUITE)

deb-check:  ## install that package in a clean root, try it there, and remove it
	$(SUDO) /usr/bin/python3 -m tools.deb try $(SUITE)

lint: setup  ## ruff (rules and format) and mypy --strict
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

bench: setup  ## compare with the virt-* tools and write docs/benchmarks.md (ROUNDS=3)
	$(PYTHON) fixtures/build.py real real-plain windows >/dev/null
	$(PYTHON) -m tests.bench --rounds $(ROUNDS) $(ARGS)

fleet-scale: setup  ## ask a thousand clones, and write docs/fleet-scale.md (ARGS='--most 20 --stubs 500': a small one)
	$(PYTHON) fixtures/build.py real-plain debian >/dev/null
	$(PYTHON) -m tests.bench.fleet_scale $(ARGS)

boots: setup  ## break real guests, boot them, mend them, boot them again; write docs/boots.md (some forty minutes)
	$(PYTHON) fixtures/build.py real real-plain real-systemd-boot >/dev/null
	$(PYTHON) -m tests.boots $(ARGS)

sound: setup  ## build real Debians on XFS, btrfs and LUKS, and find nothing wrong with them (some ten minutes)
	$(PYTHON) -m pytest tests/sound/real_filesystems.py $(ARGS)

docs: setup  ## write the generated pages: one per command, and what the README shows
	$(PYTHON) -m tools.docs

site: setup  ## write the documentation as pages for a browser into build/site
	$(PYTHON) -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[site]'
	$(PYTHON) -m tools.site

man: setup  ## write a man page for each command into build/man
	$(PYTHON) -m tools.man

picture: setup  ## draw the picture in the README: commands at work on the real Debian guest
	$(PYTHON) fixtures/build.py real >/dev/null
	$(PYTHON) -m tools.picture

report-picture: setup  ## draw the picture of a report in the documentation (Chromium)
	$(PYTHON) -m tools.report_picture

fixtures: setup  ## build every test guest (REAL=1: the real Debian guest too)
	$(PYTHON) fixtures/build.py --all $(if $(filter 1,$(REAL)),--real)

constraints:  ## renew constraints.txt, the versions of Python packages that setup installs
	/usr/bin/python3 -m tools.dependencies renew
	git --no-pager diff --stat constraints.txt

lowest: setup  ## run tests with the lowest versions that pyproject.toml allows
	/usr/bin/python3 -m tools.dependencies lowest $(VENV)-lowest
	$(VENV)-lowest/bin/python -m pytest -n $(JOBS) tests/house tests/unit tests/cli $(ARGS)

mutants: setup  ## change the code in small ways: which changes does no unit test notice?
	$(PYTHON) -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[mutants]'
	$(PYTHON) -m tools.mutants $(ARGS)

fuzz: setup  ## put hostile bytes to every reader (MINUTES=10)
	$(PYTHON) -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[fuzz]'
	$(PYTHON) -m tests.fuzz --minutes $(MINUTES) $(ARGS)

foreign: setup  ## hold every reader against the test images in Debian's source packages (a mirror; 15 minutes)
	$(PYTHON) -m tests.foreign $(ARGS)

virt-golden: setup  ## record what the real virt-* programs answer, where that is missing (a boot each; minutes)
	$(PYTHON) -m tests.peers.golden $(ARGS)

peers: setup  ## run the tests of guestfs-tools through the virt-* links (PEERS=FOLDER: a checkout of 1.48.2; an hour)
	$(PYTHON) -m tests.peers.their_tests $(PEERS) $(ARGS)

clean:  ## remove what make has made here; built guests stay in ~/.cache/imgtools
	rm -rf $(VENV) $(VENV)-lowest build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
