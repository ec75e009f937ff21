# Two commands: `make demo` runs the main job and shows what it did; `make test` passes the tests.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test deep explore faults load check lock clean

demo: $(STAMP)
	$(BIN)/connector demo $(if $(UI),--keep-running) $(if $(SUMMARY),--summary $(SUMMARY))

test: $(STAMP)
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder

# Every case of every matrix of faults and crashes, of which `make test` takes one in six, and the months of the demo's merchants.
deep: $(STAMP)
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder --deep

# The properties with new examples in each run: what `make test` repeats, this goes looking for.
explore: $(STAMP)
	$(BIN)/pytest -n 3 --dist loadfile --hypothesis-profile explore -m hypothesis

# Random schedules of crashes, faults and disorder against every ledger: SCHEDULES= of them each, from seed FIRST=.
SCHEDULES ?= 500
FIRST ?= 0
faults: $(STAMP)
	$(BIN)/python -m tests.faults --schedules $(SCHEDULES) --first $(FIRST)

# Load that takes minutes: the budgets of very large days.
load: $(STAMP)
	$(BIN)/pytest -m load

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The environment is made again only when the locked requirements change.
$(STAMP): requirements/dev.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

# Locks the requirements again, with hashes and without index addresses. Needs the `uv` command.
LOCK := uv pip compile --quiet --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url --no-emit-find-links --no-header --no-annotate
lock:
	$(LOCK) requirements/base.in --output-file requirements/base.txt
	$(LOCK) requirements/base.in requirements/dev.in --output-file requirements/dev.txt

clean:
	rm -rf $(VENV) demo_home
