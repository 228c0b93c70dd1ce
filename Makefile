# make run    install once, then start the relay with config.yaml
# make test   install once, then run all tests
# make check  formatting, lint, types, who imports whom, dead code, generated pages
# make shell  a shell in which `relay ...` is found; without it, ./relay or .venv/bin/relay
# See README.md. Another Python: make run PYTHON=python3.13

PYTHON ?= python3
BIN := .venv/bin
RUN := .venv/run.stamp
DEV := .venv/dev.stamp
FLOOR := 80
MAKEFLAGS += --no-print-directory

.PHONY: run shell test check coverage format pages vendor faults mutants bench lock clean
.DEFAULT_GOAL := run

run: $(RUN)
	@$(BIN)/relay run

shell: $(RUN)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $${SHELL:-sh}

# On all cores: `make test ARGS='-n 0'` for one after the other.
test: $(DEV)
	@$(BIN)/python -m pytest -n auto $(ARGS)

check: $(DEV)
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/vulture
	@$(BIN)/python -m tests.pages --check
	@$(BIN)/python requirements/vendor.py --check

# How much of the code the tests run that need no process of their own; less than the floor is an error.
coverage: $(DEV)
	@$(BIN)/python -m pytest -n auto -q tests/unit tests/bridges tests/contract tests/regressions -m 'not browser' \
	  --cov --cov-report=term --cov-fail-under=$(FLOOR) $(ARGS)

format: $(DEV)
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

pages: $(DEV)
	@$(BIN)/python -m tests.pages

# Files of others for the browser, in the versions that relay/web/static/vendor/vendor.toml names. Needs npm.
vendor: $(DEV)
	@$(BIN)/python requirements/vendor.py

# Kills, cuts, freezes and fills things for a long time, and counts what is lost, doubled or out of order.
faults: $(DEV)
	@$(BIN)/python -m tests.faults $(ARGS)

# Puts small faults into copies of the product and shows that a test notices each.
mutants: $(DEV)
	@$(BIN)/python -m tests.mutants --write $(ARGS)

# Throughput and latency beside an in-memory forwarder and plain arq.
bench: $(DEV)
	@$(BIN)/python -m tests.bench $(ARGS)

lock:
	@requirements/lock

# Leaves data/ alone: messages live there.
clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUN): requirements/run.txt requirements/install.py pyproject.toml
	@$(PYTHON) requirements/install.py run

$(DEV): requirements/dev.txt requirements/install.py pyproject.toml
	@$(PYTHON) requirements/install.py dev
