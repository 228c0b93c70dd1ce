# make run    install once, then start the relay with config.yaml
# make test   install once, then run all tests
# make check  formatting, lint, types, generated pages
# See README.md. Another Python: make run PYTHON=python3.13

PYTHON ?= python3
BIN := .venv/bin
RUN := .venv/run.stamp
DEV := .venv/dev.stamp
MAKEFLAGS += --no-print-directory

.PHONY: run test check format pages faults mutants bench lock clean
.DEFAULT_GOAL := run

run: $(RUN)
	@$(BIN)/relay run

test: $(DEV)
	@$(BIN)/python -m pytest $(ARGS)

check: $(DEV)
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/python -m tests.pages --check

format: $(DEV)
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

pages: $(DEV)
	@$(BIN)/python -m tests.pages

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
