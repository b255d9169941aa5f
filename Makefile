# Works on a fresh clone with nothing but Python 3.11, 3.12 or 3.13 and make.
# PIP_ARGS is passed on to pip, for example:
#   make demo PIP_ARGS="--extra-index-url URL-OF-AN-INDEX-WITH-CPU-BUILDS"

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DEMO := runs/maze/routed-quick/demo

PIP_ARGS ?=
# Passed on to uv, for example: make lock LOCK_ARGS="--upgrade-package rich"
LOCK_ARGS ?=
PYTHON ?= python3.11 python3.12 python3.13 python3 python
# Test processes: one per core, at most 8.
WORKERS ?= $(shell n=$$(nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2); [ "$$n" -gt 8 ] && echo 8 || echo "$$n")
# Tests share the cores among processes, so each of them keeps to one thread.
# Each worker begins with tests that lie together, so that they share what a module prepares.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest -n $(WORKERS) --dist worksteal

FITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help setup demo test test-slow test-lm test-browser test-published published-file lint format \
  types docs bench lock page check-page clean

help:
	@echo "make demo       train a routed maze agent, evaluate it, ablate its regions (7 minutes)"
	@echo "make test       everything that is quick to check (12 to 25 minutes)"
	@echo "make test-slow  the rest"
	@echo "make test-browser  the browser lab in Chromium (4 minutes)"
	@echo "make page       the lab's page anew, with node; make check-page: its types, style, tests and bytes"
	@echo "make test-published PTH=FILE  the figures published about a maze network, if you have it"
	@echo "make test-lm    a real language model, after chisel models fetch smollm2 --yes"
	@echo "make lint       style; make types: strict type check; make format: apply the style"
	@echo "make docs       the documentation as a site in build/site, with search, without network"
	@echo "make bench      speed, beside other libraries"
	@echo "make lock       requirements.lock anew, after a change of dependencies; pins that fit stay"
	@echo "make clean      remove $(VENV) and caches; runs/ stays"

setup: $(INSTALLED)

# One line of trouble at most about the interpreter, then the exact versions.
$(INSTALLED): requirements.lock pyproject.toml
	@fits() { "$$1" -c "$(FITS)" 2>/dev/null; }; \
	fits $(BIN)/python && exit 0; \
	for python in $(PYTHON); do \
	  fits "$$python" || continue; \
	  "$$python" -c 'import ensurepip, venv' 2>/dev/null || { no_venv=$$python; continue; }; \
	  exec "$$python" -m venv --clear $(VENV); \
	done; \
	if [ -n "$$no_venv" ]; then \
	  echo "make: $$no_venv lacks the venv module (on Debian and Ubuntu: apt install \
	python3-venv)" >&2; \
	else \
	  echo "make: needs Python 3.11, 3.12 or 3.13, found none of: $(PYTHON); choose one by \
	'make PYTHON=/path/to/python3.11'" >&2; \
	fi; exit 1
	$(BIN)/python -m pip install $(PIP_ARGS) -c requirements.lock \
	  "$$(grep '^torch==' requirements.lock)"
	$(BIN)/python -m pip install $(PIP_ARGS) --no-deps -r requirements.lock
	$(BIN)/python -m pip install $(PIP_ARGS) --no-deps --no-build-isolation -e .
	@touch $@

demo: $(INSTALLED)
	@rm -rf $(DEMO)
	$(BIN)/chisel train maze/routed-quick name=demo
	$(BIN)/chisel eval $(DEMO)
	$(BIN)/chisel study localization checkpoint=$(DEMO)
	@echo "Everything is in $(DEMO)"

test: $(INSTALLED)
	$(PYTEST) -m "not slow and not browser"

test-slow: $(INSTALLED)
	$(PYTEST) -m "slow and not browser"

# In one process: the tests share a browser and a running lab.
test-browser: $(INSTALLED) lab/page/node_modules
	OMP_NUM_THREADS=1 $(BIN)/pytest -m browser

# node is needed for these alone; the built page is part of the repository and of the wheel.
lab/page/node_modules: lab/page/package.json lab/page/package-lock.json
	cd lab/page && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

page: lab/page/node_modules
	cd lab/page && npm run build

check-page: lab/page/node_modules
	cd lab/page && npm run check
	@old=$$(mktemp -d); trap 'rm -r "$$old"' EXIT; cp -r lab/static/. "$$old"; \
	(cd lab/page && npm run build) && diff -r "$$old" lab/static && echo "the built page is that of its sources"

test-lm: $(INSTALLED)
	CHISEL_SMOLLM2=1 $(BIN)/pytest -v tests/smollm2

# In one process: the tests share what they measure.
test-published: published-file $(INSTALLED)
	CHISEL_PUBLISHED_PTH="$(PTH)" $(BIN)/pytest tests/published/test_published_net.py

published-file:
	@[ -n "$(PTH)" ] || { echo "make: type make test-published PTH=/path/to/model_rand_region_5.pth; \
	the file is not part of this repository" >&2; exit 1; }
	@[ -f "$(PTH)" ] || { echo "make: there is no file $(PTH)" >&2; exit 1; }

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pylint $(dir $(wildcard */__init__.py))

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(INSTALLED)
	$(BIN)/mypy

docs: $(INSTALLED)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "Open build/site/index.html"

bench: $(INSTALLED)
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.native

# One resolution for all extras, then its lines in groups: the core's, then what each extra adds.
# What only a CUDA build of torch brings is left out: it comes with the build the index offers.
lock: $(INSTALLED)
	@set -e; new=$$(mktemp -d); trap 'rm -r "$$new"' EXIT; \
	resolve() { $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	  --no-header --no-annotate "$$@" >/dev/null; }; \
	extras=$$($(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb")) \
	  ["project"]["optional-dependencies"])'); \
	cp requirements.lock "$$new/all"; \
	resolve --all-extras $(LOCK_ARGS) -o "$$new/all"; \
	grep -Ev '^(nvidia|cuda|triton)[-=]' "$$new/all" >"$$new/pins"; \
	sed '/^$$/,$$d' requirements.lock >"$$new/lock"; \
	for group in core $$extras; do \
	  extra=$${group#core}; \
	  resolve -c "$$new/pins" $${extra:+--extra $$extra} -o "$$new/$$group"; \
	  sed 's/^\([^=]*==\).*/^\1/' "$$new/$$group" >"$$new/names"; \
	  { echo; echo "# $$group"; \
	    grep -f "$$new/names" "$$new/pins" | grep -Fxvf "$$new/lock" || true; } >>"$$new/lock"; \
	done; \
	cp "$$new/lock" requirements.lock

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
