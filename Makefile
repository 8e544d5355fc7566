# FlowHost: everything runs through make, here and in CI.
#   make demo       the simulated plant with its flows, at the printed address
#   make test       all that CI runs; installs what it needs
#   make check      lint, types, rooms, unit tests; under three minutes
#   make test-long  the long proofs
#   make screenshots  the pictures of docs/images, of a running demo
#   make bench      benchmarks against hand-written code;  make bench-peers  against Node-RED

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PLUGINS := mqtt opcua modbus sql files http sim
EDITABLE := $(foreach plugin,$(PLUGINS),-e plugins/flowhost-$(plugin))
PROJECTS := pyproject.toml $(foreach plugin,$(PLUGINS),plugins/flowhost-$(plugin)/pyproject.toml)

.PHONY: demo check test test-long bench bench-peers screenshots lint types rooms unit machine clean

demo: $(VENV)/.demo
	$(BIN)/flowhost demo

check: $(VENV)/.test lint types rooms unit

test: $(VENV)/.test machine lint types rooms
	$(BIN)/flowhost lint flows
	$(BIN)/flowhost test flows
	$(BIN)/pytest -n 2 --dist loadfile -m "not long and not alone"
	$(BIN)/pytest -m "alone and not long"

test-long: $(VENV)/.test machine
	$(BIN)/pytest -m long --timeout 1800

bench: $(VENV)/.test machine
	$(BIN)/python benchmarks/w1_chain.py
	$(BIN)/python benchmarks/w2_mqtt.py
	$(BIN)/python benchmarks/p1_durable.py
	$(BIN)/python benchmarks/start.py

bench-peers: $(VENV)/.test machine
	$(BIN)/python benchmarks/peers.py

screenshots: $(VENV)/.test machine
	$(BIN)/python docs/screenshots.py

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/hadolint docker/Dockerfile

types: $(VENV)/.test
	$(BIN)/mypy

rooms: $(VENV)/.test
	$(BIN)/lint-imports

unit: $(VENV)/.test
	$(BIN)/pytest -n 2 --dist loadfile -m "not slow and not long and not browser and not broker and not node_peer" tests/unit tests/house

# what the machine itself must have: servers and a browser that the tests drive
machine:
	sh tests/machine.sh

$(VENV)/.demo: $(PROJECTS)
	PYTHON="$(PYTHON)" sh tests/venv.sh "$(VENV)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[demo]" $(EDITABLE)
	touch $@

$(VENV)/.test: $(PROJECTS)
	PYTHON="$(PYTHON)" sh tests/venv.sh "$(VENV)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[demo,test]" $(EDITABLE)
	touch $@ $(VENV)/.demo

clean:
	rm -rf $(VENV) .cache flowhost-demo .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
