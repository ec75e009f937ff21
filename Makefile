# Two commands: `make demo` runs the main job and shows what it did; `make test` passes the tests.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test test-ui deep explore faults kills load deployment machines fuzz controls leaks audit overhead bench check lock clean

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

# Random schedules of crashes, faults and disorder against every ledger: SCHEDULES= of them each, from seed FIRST=; ERP= only
# one of them. COVERED=1 fails unless every kind of trouble and every way of a submission was met on each.
SCHEDULES ?= 2000
FIRST ?= 0
faults: $(STAMP)
	$(BIN)/python -m tests.faults --schedules $(SCHEDULES) --first $(FIRST) $(if $(ERP),--erp $(ERP)) $(if $(COVERED),--require-coverage)

# Real processes and kill -9: KILLS= of them for each ledger, and up to 20 on PostgreSQL; JOBS= campaigns side by side.
KILLS ?= 100
JOBS ?= 3
kills: $(STAMP)
	$(BIN)/python -m tests.kills --kills $(KILLS) --jobs $(JOBS) --also-on-postgres visma

# The Dagster UI in a real browser: minutes. PICTURES=docs/images also renews the pictures of the docs.
test-ui: $(STAMP)
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq chromium; } \
	  || { echo "Chromium is needed: install your distribution's package chromium, then make test-ui"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r requirements/ui.txt
	$(BIN)/pytest tests/ui -m ui $(if $(PICTURES),--screenshots $(PICTURES))

# Load that takes minutes: the budgets of very large days.
load: $(STAMP)
	$(BIN)/pytest -m load

# Every process of a deployment on PostgreSQL, and a day of business through them.
deployment: $(STAMP)
	$(BIN)/pytest tests/deploy -m deployment

# Two workers, a broker and PostgreSQL; one worker is killed in the middle of a day.
machines: $(STAMP)
	@command -v redis-server >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq redis-server; } \
	  || { echo "Redis is needed: install your distribution's package redis-server, then make machines"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r requirements/celery.txt
	$(BIN)/pytest tests/machines -m machines

# Random and mutated input for everything that strangers can reach; GUIDED=1 by coverage, which needs requirements/fuzz.txt.
INPUTS ?= 1000000
fuzz: $(STAMP)
	$(BIN)/python -m tests.fuzz --inputs $(INPUTS) $(if $(GUIDED),--guided)

# Switches every control of docs/security.md off, one by one: its test must notice.
controls: $(STAMP)
	$(BIN)/python -m tests.security.mutations

# Planted secrets, searched for in every byte that is written; and what is left of a customer who is forgotten.
leaks: $(STAMP)
	$(BIN)/pytest -m "load or not load" tests/security/test_leaks.py tests/security/test_erasure.py

# What is installed against what is locked, and a list of it for auditors. VULNERABILITIES=1 looks up what is known against
# each package, which needs the network and installs requirements/audit.txt into an environment of its own.
AUDIT := $(VENV)/audit
audit: $(STAMP) $(if $(VULNERABILITIES),$(AUDIT)/.installed)
	$(BIN)/python requirements/audit.py --sbom sbom.json $(if $(VULNERABILITIES),--ask $(AUDIT)/bin/pip-audit)

$(AUDIT)/.installed: requirements/audit.txt
	$(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r requirements/audit.txt
	@touch $@

# Every measurement in one go, as a dated page in docs/benchmarks; QUICK=1 takes minutes, ONLY= names some of them. Other
# readers are installed into environments of their own below .bench.
bench: $(STAMP)
	$(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY)) --write docs/benchmarks

# What exactly-once costs, against a loop that only sends.
overhead: $(STAMP)
	$(BIN)/python -m benchmarks.protocol_overhead --postgres --write docs/benchmarks

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The environment is made again only when the locked requirements change.
$(STAMP): requirements/dev.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

# Locks the requirements again, with hashes and without index addresses. Needs the `uv` command.
LOCK := uv pip compile --quiet --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url --no-emit-find-links --no-header --no-annotate
lock:
	$(LOCK) requirements/base.in --output-file requirements/base.txt
	$(LOCK) requirements/base.in requirements/dev.in --output-file requirements/dev.txt
	$(LOCK) requirements/ui.in --output-file requirements/ui.txt
	$(LOCK) requirements/fuzz.in --output-file requirements/fuzz.txt
	$(LOCK) requirements/audit.in --output-file requirements/audit.txt
	$(LOCK) requirements/celery.in --output-file requirements/celery.txt

clean:
	rm -rf $(VENV) .bench demo_home sbom.json
