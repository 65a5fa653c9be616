# The whole interface of the repository. Everything is installed into .venv, from requirements.lock,
# by the first target that needs it.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
SOURCES := leo model paper proofs tests bench

# pip-tools and what it needs, apart from .venv: it writes the lock, it is not locked by it.
LOCK_VENV := build/lock-venv

# --no-user and --no-input: a user's own pip configuration must not send the packages elsewhere, nor ask.
# -qq leaves out its warnings about mirrors, not its errors. The bundled pip is used as it is, so that the installation needs nothing that is not in the lock.
PIP_INSTALL := $(BIN)/python -m pip --disable-pip-version-check --no-input install -qq \
	--progress-bar off --no-user --no-warn-script-location

# Tests and commands start hundreds of interpreters: each is to find what the first has compiled.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup verify prove test test-long nightly test-artifact node pictures test-ocean experiments recompute ocean paper site readme lint audit wheel lock clean

help:
	@echo "make verify   check every claim of the specification, record traces and validate them"
	@echo "make prove    prove the theorems for any number of sessions, and that no mutant proves"
	@echo "make test     run the tests"
	@echo "make test-long  the tests that take minutes: thousands of traces, a hundred thousand mutations"
	@echo "make nightly  every claim without VIEW and symmetry, every mutant, larger bounds, an hour of use"
	@echo "make experiments    run section 8.6 in full and keep the rows in paper/results (hours)"
	@echo "make recompute      make a twentieth of the kept rows again and compare"
	@echo "make ocean    the experiment with transformers (installs JAX); make test-ocean its tests"
	@echo "make paper    LaTeX fragments and figures from the results, in build/paper"
	@echo "make site     pages to step through the counterexamples, in build/site"
	@echo "make test-artifact  the article by LaTeX, the pages in a browser"
	@echo "make pictures  take the pictures of the README in a browser"
	@echo "make readme   put what commands print into README and ARTIFACT"
	@echo "make lint     ruff, mypy in strict mode, who imports whom, the rules of tests/rules.py"
	@echo "make audit    licences of what is installed, and that it fits together"
	@echo "make setup    install what the others need into .venv (they do it themselves)"
	@echo "make wheel    build the wheel, inspect its contents, test it in an empty environment"
	@echo "make lock     write requirements.lock anew from pyproject.toml (needs the network)"
	@echo "make clean    remove build products and caches, keep .venv and your data"
	@echo
	@echo "PYTHON=python3.12 chooses the interpreter (3.11 or newer; the default is python3)."

setup: $(STAMP)
	@:

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'pass' 2>/dev/null || { \
		echo "make: '$(PYTHON)' does not run; name a Python 3.11 or newer: make PYTHON=python3.11" >&2; \
		exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "make: $(PYTHON) is $$($(PYTHON) -V 2>&1), but 3.11 or newer is needed;" \
			"name one: make PYTHON=python3.11" >&2; \
		exit 2; }
	@echo "installing into $(VENV) (once, about a minute) ..."
	@$(PYTHON) -m venv $(VENV) || { \
		echo "make: $(PYTHON) could not make $(VENV); on Debian install python3-venv" >&2; \
		exit 2; }
	@$(PIP_INSTALL) --require-hashes -r requirements.lock
	@$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@
	@echo "installed."

verify: $(STAMP)
	@$(BIN)/leo verify

prove: $(STAMP)
	@$(BIN)/leo prove

test: $(STAMP)
	@$(BIN)/python -m pytest -q

# Results that the paper and the pages quote: those kept, or made here where the sources changed.
RESULTS := build/check/results.json build/check/orders.json build/proofs/theorems.json \
	build/experiments/report.md

build/check/results.json: | $(STAMP)
	@$(BIN)/python -m paper.artifact.kept $@ || $(BIN)/leo check >/dev/null

build/check/orders.json: | $(STAMP)
	@$(BIN)/python -m paper.artifact.kept $@ || $(BIN)/leo orders >/dev/null

build/proofs/theorems.json: | $(STAMP)
	@$(BIN)/python -m paper.artifact.kept $@ || $(BIN)/leo prove

build/experiments/report.md: $(wildcard paper/results/*.gz) | $(STAMP)
	@$(BIN)/leo experiment all --kept >/dev/null

experiments: $(STAMP)
	@$(BIN)/leo experiment all --keep

recompute: $(STAMP)
	@$(BIN)/leo experiment all --recompute 0.05

# The transformers' library is installed beside the others, at the same versions of what both need.
$(VENV)/.ocean: requirements-ocean.lock $(STAMP)
	@$(PIP_INSTALL) --require-hashes -r requirements-ocean.lock
	@touch $@

ocean: $(VENV)/.ocean
	@$(BIN)/leo experiment ocean --keep

test-ocean: $(VENV)/.ocean
	@$(BIN)/python -m pytest -q -m ocean

# Writes the README only if the run found everything as expected.
readme: $(STAMP)
	@$(BIN)/leo verify > build/verify.txt
	@$(BIN)/python -m leo_model.readme README.md ARTIFACT.md < build/verify.txt

paper: $(STAMP) $(RESULTS)
	@$(BIN)/leo paper

site: $(STAMP) $(RESULTS)
	@$(BIN)/leo site

# What a browser needs, in build/node.
node:
	@for program in node npm chromium; do command -v $$program >/dev/null || { \
		echo "make: this needs $$program; on Debian install chromium and npm" >&2; exit 2; }; done
	@mkdir -p build/node
	@cp tests/browser.mjs tests/paper/artifact/package.json tests/paper/artifact/*.mjs \
		tests/model/live/*.mjs build/node/
	@cd build/node && npm install --silent --no-package-lock --no-audit --no-fund

IN_BROWSER := cd build/node && SITE=../site SHOTS=../screenshots PICTURES=../../paper/artifact/pictures \
	LEO="$(CURDIR)/$(BIN)/leo" CHROMIUM="$$(command -v chromium)" node

test-artifact: $(STAMP) site node
	@command -v pdflatex >/dev/null || { \
		echo "make: test-artifact needs pdflatex; on Debian install texlive-latex-recommended" >&2; exit 2; }
	@$(BIN)/python -m pytest -q -m artifact
	@$(IN_BROWSER) --test site.test.mjs live.test.mjs

pictures: $(STAMP) node
	@$(IN_BROWSER) pictures.mjs

test-long: $(STAMP)
	@$(BIN)/python -m pytest -q -m long
	@$(BIN)/python -m pytest -q --hypothesis-profile=thorough

# What holds is searched again with nothing left out of a state, and D4, D6 and D12 beyond the bounds of
# the claims; every mutant of the specification must change its claim; a field is in use for an hour.
NIGHTLY := asyncio-lock shielded-unit-of-work shared-store-immediate

nightly: $(STAMP)
	@$(BIN)/leo check --history --build build/nightly
	@$(BIN)/leo mutants --build build/nightly
	@$(BIN)/python -m tests.soak --minutes 60
	@for name in $(NIGHTLY); do for bound in "sessions=4 turns=1" "sessions=3 turns=2"; do \
		$(BIN)/leo ask discipline=$$name $$bound seconds=14400 --build build/nightly || exit $$?; \
		done; done

lint: $(STAMP)
	@$(BIN)/ruff check --quiet $(SOURCES)
	@$(BIN)/ruff format --check --quiet $(SOURCES) || { \
		echo "make: formatting differs; $(BIN)/ruff format $(SOURCES) puts it right" >&2; exit 1; }
	@$(BIN)/mypy --no-error-summary $(SOURCES)
	@mkdir -p build
	@PYTHONPATH=.:model $(BIN)/lint-imports --no-cache --no-logo >build/imports.txt 2>&1 || { cat build/imports.txt >&2; exit 1; }
	@$(BIN)/python -m tests.rules
	@echo "lint: clean."

audit: $(STAMP)
	@$(BIN)/python -m tests.audit

wheel: $(STAMP)
	@rm -rf dist
	@$(BIN)/python -m build --no-isolation --outdir dist . >/dev/null
	@$(BIN)/check-wheel-contents dist/*.whl
	@LEO_WHEEL="$$(ls dist/*.whl)" $(BIN)/python -m pytest -q tests/test_wheel.py
	@ls dist

# The configuration and find-links of this machine are left out: the hashes are to be those of the public
# index, of every file of a release, so that the lock holds on any platform. Pins that still fit are kept;
# UPGRADE=--upgrade takes the newest releases.
lock:
	@mkdir -p build
	@cp requirements.lock requirements-ocean.lock build/
	@$(PYTHON) -m venv $(LOCK_VENV)
	@$(LOCK_VENV)/bin/python -m pip --disable-pip-version-check install -qq pip-tools
	@env -u PIP_FIND_LINKS -u PIP_EXTRA_INDEX_URL -u PIP_CONSTRAINT PIP_CONFIG_FILE=/dev/null \
		CUSTOM_COMPILE_COMMAND="make lock" $(LOCK_VENV)/bin/pip-compile --quiet $(UPGRADE) \
		--generate-hashes --allow-unsafe --strip-extras --extra dev --extra proofs --extra http --extra experiments --extra artifact --extra live --extra tlc \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header \
		--output-file build/requirements.lock pyproject.toml
	@{ sed -n '/^#/!q;p' requirements.lock; cat build/requirements.lock; } > build/lock.new
	@mv build/lock.new requirements.lock
	@env -u PIP_FIND_LINKS -u PIP_EXTRA_INDEX_URL -u PIP_CONSTRAINT PIP_CONFIG_FILE=/dev/null \
		$(LOCK_VENV)/bin/pip-compile --quiet --generate-hashes --strip-extras --extra ocean --extra tlc -c requirements.lock \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header \
		--output-file build/requirements-ocean.lock pyproject.toml
	@{ sed -n '/^#/!q;p' requirements-ocean.lock; cat build/requirements-ocean.lock; } > build/lock.new
	@mv build/lock.new requirements-ocean.lock

clean:
	@rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +
