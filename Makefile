# One command to set up and check everything: make test.  Needs Python 3.11 or later; everything else comes into .venv.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin

.PHONY: help demo demo-short docs soak test test-core test-rest test-all test-lowest coverage plugins lint types bench bench-quick clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Small networks gain nothing from a second thread: the same time for 40 % less of the processor, measured,
# and several times the time where others use the cores too.
demo demo-short soak test test-all test-lowest coverage: export OMP_NUM_THREADS := 1
# Tests start many processes, and without a cache each of them compiles torch's source again, for seven seconds.
demo demo-short soak test test-all test-lowest coverage: export PYTHONDONTWRITEBYTECODE :=

# Two processes side by side, since no test depends on a clock: these folders take two fifths of the time, and the
# style, the types and the packages about a fifth.
WITH_THE_PACKAGES := tests/models tests/reliability tests/reporting tests/store tests/testing

test: $(VENV)/.plugins  ## check the style, the types and the import layers, and run the quick tests
	$(MAKE) --no-print-directory --jobs=2 test-core test-rest

test-core: $(VENV)/.plugins
	$(RUN)/python -m pytest -q -m "not slow" $(addprefix --ignore=,$(WITH_THE_PACKAGES))

test-rest: lint
	$(RUN)/python -m pytest -q -m "not slow" $(WITH_THE_PACKAGES)
	$(RUN)/python -m pytest -q -m "not slow" plugins

test-all: lint $(VENV)/.plugins  ## the same with all tests
	$(RUN)/python -m pytest -q --hypothesis-profile=exploring
	$(RUN)/python -m pytest -q --hypothesis-profile=exploring plugins

soak: $(VENV)/.installed  ## break things on purpose, many times: about an hour; see docs/reliability.md
	SHAPEBIAS_SOAK=1 $(RUN)/python -m pytest -q --durations=10 tests/reliability

coverage: $(VENV)/.installed  ## measure which lines and branches the quick tests reach
	$(RUN)/python -m pytest -q -m "not slow" --cov --cov-report=term:skip-covered

test-lowest: $(VENV)-lowest/.installed  ## run the quick tests with the lowest versions that pyproject.toml allows
	$(VENV)-lowest/bin/python -m pytest -q -m "not slow"

plugins: $(VENV)/.plugins  ## install the packages in plugins/ too

lint: $(VENV)/.installed  ## check the style, the types and the import layers
	$(RUN)/ruff check
	$(RUN)/ruff format --check
	$(MAKE) --no-print-directory types
	$(RUN)/lint-imports

types: $(VENV)/.plugins  ## check the types of the package, of the packages in plugins/, and of the examples
	$(RUN)/mypy
	$(RUN)/mypy $(wildcard plugins/*/shapebias_*)
	$(RUN)/mypy $(filter-out examples/third_party,$(wildcard examples/*.py examples/plugins examples/paper examples/third_party/shapebias_*))

demo: $(VENV)/.installed  ## train four small networks and compare them, into demo/
	$(RUN)/python examples/demo.py demo

demo-short: $(VENV)/.installed  ## the same with few pictures, in a minute, into demo/short: does it work at all?
	$(RUN)/python examples/demo.py demo/short --short

docs: $(VENV)/.docs  ## build the documentation as a site into docs/_build; a warning is an error
	$(RUN)/python -m sphinx -W -q -b html docs docs/_build

# One thread: what is compared are CPU seconds, which other programs on the machine disturb least.
bench bench-quick: export OMP_NUM_THREADS := 1
bench bench-quick: export PYTHONDONTWRITEBYTECODE :=

bench: $(VENV)-bench/.installed  ## measure the speed against peers and against bare loops, into benchmarks/results.md
	$(VENV)-bench/bin/python benchmarks/run_all.py

bench-quick: $(VENV)-bench/.installed  ## the same with few images and rounds, on the terminal
	$(VENV)-bench/bin/python benchmarks/run_all.py --quick --output $(VENV)-bench/results.md
	cat $(VENV)-bench/results.md

clean:  ## remove what these targets make
	rm -rf $(VENV) $(VENV)-lowest $(VENV)-bench .coverage* demo build dist docs/_build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

# uv where it can be had, for it is many times faster than pip.
install = $(RUN)/uv pip install --python $(RUN)/python -e $(1) || $(RUN)/python -m pip install -e $(1)

# Made anew only where pyproject.toml changes, so that a second call installs nothing.
$(VENV)/.installed: pyproject.toml
	test -x $(RUN)/python || $(PYTHON) -m venv $(VENV)
	-$(RUN)/python -m pip install --quiet uv
	$(call install,'.[test]')
	touch $@

# Only what pyproject.toml names is the lowest; what that needs in turn is as uv finds it.
$(VENV)-lowest/.installed: pyproject.toml $(VENV)/.installed
	$(RUN)/uv venv --quiet --clear --python $(RUN)/python $(VENV)-lowest
	$(RUN)/uv pip install --python $(VENV)-lowest/bin/python --resolution lowest-direct -e '.[test]'
	touch $@

# Peers of the benchmarks, apart from what develops and tests.
$(VENV)-bench/.installed: pyproject.toml benchmarks/requirements.txt $(VENV)/.installed
	$(RUN)/uv venv --quiet --clear --python $(RUN)/python $(VENV)-bench
	$(RUN)/uv pip install --python $(VENV)-bench/bin/python -e . -e plugins/shapebias-corruptions -r benchmarks/requirements.txt
	touch $@

$(VENV)/.docs: $(VENV)/.installed
	$(call install,'.[docs]')
	touch $@

$(VENV)/.plugins: $(VENV)/.installed $(wildcard plugins/*/pyproject.toml)
	for package in plugins/*/; do { $(call install,"$$package[test]"); } || exit 1; done
	touch $@
