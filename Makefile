# Everything that a person types. `make` alone explains.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# A new set of packages, or a change of the project's own metadata, makes another stamp.
STAMP  := $(VENV)/.installed-$(shell cat pyproject.toml constraints.txt | cksum | cut -d' ' -f1)

# Measured on x86-64 Linux with the CPU build of torch (192 MB of it); a CUDA build adds about 3 GB.
FETCH_MB := 450
DISK_MB  := 1900
PACKAGES := $(shell grep -c == constraints.txt)

# Tests run side by side, whole files at a time: half of them wait for processes that they started.
TESTERS := 2

.DEFAULT_GOAL := help
.PHONY: help run test lint bench up clean

help: ## this text
	@echo "RingRift: make TARGET [ARGS='...']"; echo
	@sed -n 's/^\([a-z]*\):[^#]*## /  \1\t/p' Makefile | expand -t 10
	@echo
	@echo "The first target that needs it makes $(VENV) and fetches about $(FETCH_MB) MB of packages."
	@echo "PYTHON names another Python (3.11 or newer); pip's own variables (PIP_...) are obeyed;"
	@echo "RINGRIFT_TORCH_INDEX names a package index with another build of torch, such as CUDA."

run: $(STAMP) ## play, learn and promote a first model for hex8 with two players, small
	@$(BIN)/ringrift run $(ARGS)

test: $(STAMP) ## run all tests (ARGS go to pytest)
	@$(BIN)/ringrift warmup
	@$(BIN)/python -m pytest -n $(TESTERS) --dist loadfile $(ARGS)

lint: $(STAMP) ## check style, types and the directions of imports
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(STAMP) ## measure speed; void if the machine is busy with something else
	@$(BIN)/python -m benchmarks $(ARGS)

up: $(STAMP) ## start the whole cluster on this machine, with Flower; Ctrl-C ends it
	@$(BIN)/ringrift up $(ARGS)

clean: ## remove .venv, caches and build output; the state directory stays
	@rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find ringrift workers tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# pip is quiet; a line every ten seconds says that it is alive. The stamp is written last, so that
# an interrupted set-up is taken up again.
$(STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "RingRift needs Python 3.11 or newer; this is %s. Name one: make PYTHON=..." % sys.version.split()[0])'
	@if [ -e $(VENV)/.used ]; then echo "Set-up: the packages have changed, bringing $(VENV) up to date"; else \
	  echo "Set-up, once: $(PACKAGES) packages into $(VENV): fetches about $(FETCH_MB) MB, takes about $(DISK_MB) MB"; fi
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	@trap 'kill $$ticker 2>/dev/null' EXIT; trap 'exit 130' INT TERM; \
	( n=0; while sleep 1 && kill -0 $$$$ 2>/dev/null; do n=$$((n + 1)); [ $$((n % 10)) = 0 ] && \
	    echo "  installing: $$(du -sm $(VENV) | cut -f1) of about $(DISK_MB) MB"; done ) & ticker=$$!; \
	pip="$(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt"; \
	$$pip setuptools wheel && \
	$$pip $${RINGRIFT_TORCH_INDEX:+--extra-index-url "$$RINGRIFT_TORCH_INDEX"} --no-build-isolation -e '.[dev]'
	@rm -f $(VENV)/.installed-*; touch $(VENV)/.used $@
