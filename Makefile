# Two commands do everything: `make monitor` runs the program, `make test` checks it. Each installs what is missing.

PYTHON ?= python3
ARGS ?=
FUZZ_EXAMPLES ?= 100000
BIN := .venv/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# Debian packages: PortAudio is needed for the microphone, the others by tests that use the real thing.
APT_RUN := libportaudio2
APT_TEST := $(APT_RUN) mosquitto mosquitto-clients jq openssl pulseaudio pulseaudio-utils libasound2-plugins

.PHONY: monitor test audit test-edge test-browser test-faults fuzz test-node-red test-home-assistant eval-synthetic lint bench bench-gpu train clean system-run system-test

monitor: .venv/.installed system-run  ## Listen; options through ARGS="--source file:talk.wav --headless"
	@$(BIN)/emotion-monitor run $(ARGS)

# The program is started hundreds of times: it is compiled once, also where the environment says otherwise.
test test-faults: export PYTHONDONTWRITEBYTECODE =
test: .venv/.installed-dev system-test tests/node/node_modules lint  ## Lint, types, import rules, then tests
	$(BIN)/python -m pytest -m "alone and not faults"
	$(BIN)/python -m pytest -m "not alone and not faults" --numprocesses 6 --dist loadfile

test-home-assistant: .venv/.installed-dev  ## The discovery message, against Home Assistant's own code
	$(PYTHON) -m venv .venv-home-assistant
	.venv-home-assistant/bin/python -m pip install --quiet homeassistant
	HOME_ASSISTANT_PYTHON=$(CURDIR)/.venv-home-assistant/bin/python $(BIN)/python -m pytest tests/monitor/mqtt/test_home_assistant.py

test-edge: .venv/.installed-dev system-test  ## The edge's installation, without torch, in a venv of its own
	rm -rf .venv-edge && $(PYTHON) -m venv .venv-edge
	.venv-edge/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --requirement requirements-edge.txt
	.venv-edge/bin/python -m pip install --quiet --disable-pip-version-check --no-deps .
	EDGE_PYTHON=$(CURDIR)/.venv-edge/bin/python $(BIN)/python -m pytest tests/e2e/test_split.py

test-node-red: .venv/.installed-dev system-test  ## The example flow, in Node-RED itself
	npm install --prefix tests/node_red --no-save --ignore-scripts --omit=optional --no-audit --no-fund node-red@4 >&2
	$(BIN)/python -m pytest tests/examples -k node_red

test-browser: .venv/.installed-dev system-test  ## The browser pages, in Chromium; `make test` does so too where it is installed
	@sh scripts/system_packages.sh chromium
	$(BIN)/python -m pytest tests/e2e/test_browser.py

test-faults: .venv/.installed-dev system-test  ## Every fault of docs/reliability.md is injected, and what became of it printed as a table
	$(BIN)/python -m pytest -m "fault or faults" --fault-table

fuzz: .venv/.installed-dev  ## What comes from outside, bent 100,000 times each: make fuzz FUZZ_EXAMPLES=2000 is soon over
	HYPOTHESIS_PROFILE=fuzz FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) $(BIN)/python -m pytest -m fuzz --hypothesis-show-statistics

eval-synthetic: .venv/.installed-dev  ## The paper's tables at full size, on IEMOCAP's shape with invented votes and a random model
	rm -rf .cache/synthetic-full .cache/run/synthetic-full
	$(BIN)/emotion-eval synthetic .cache/synthetic-full --scale full
	$(BIN)/emotion-eval run --dataset synthetic --root .cache/synthetic-full --model tiny --max-new-tokens 30 \
	  --preset table1,table2,table3,fig3 --out .cache/run/synthetic-full
	$(BIN)/emotion-eval report .cache/run/synthetic-full

lint: .venv/.installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

audit: .venv/.installed-dev  ## Known vulnerabilities of what is installed; what could not be looked up is a failure too
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/+.*//' > .venv-audit/installed.txt
	.venv-audit/bin/pip-audit --strict --no-deps --disable-pip --requirement .venv-audit/installed.txt

bench: .venv/.installed  ## Latency of the shipped model on this machine
	$(BIN)/emotion-monitor bench latency $(ARGS)

bench-gpu:  ## Speed of the 7B's shapes on the GPU at hand, random weights, 8 minutes at most (any python with torch and transformers)
	$(if $(wildcard $(BIN)/python),$(BIN)/python,$(PYTHON)) -m benchmarks.gpu --json bench-gpu.json $(ARGS)

train: .venv/.installed-dev  ## Train ltu-as-mini again: make train ARGS="--data DIR --whisper DIR --out DIR"
	$(BIN)/emotion-eval train $(ARGS)

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "emotion-monitor needs Python 3.11 or newer (set PYTHON=...)" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "python -m venv failed: on Debian, apt install python3-venv" >&2; exit 1; }

.venv/.installed: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing emotion-monitor into .venv (once; torch makes it large)" >&2
	@$(PIP_INSTALL) torch >&2
	@$(PIP_INSTALL) --editable . >&2
	@touch $@

.venv/.installed-dev: .venv/.installed
	@echo "Installing what the tests need" >&2
	@$(PIP_INSTALL) --editable '.[dev]' >&2
	@$(PIP_INSTALL) --no-deps --upgrade --target .venv/torchao torchao >&2 || \
		echo "No torchao for this machine: its tests skip, and say so" >&2  # beside: transformers imports it where it can
	@touch $@

tests/node/node_modules: tests/node/package-lock.json  # without it the tests that need it skip, and say so
	@command -v npm >/dev/null && echo "Installing AsyncAPI's parser into tests/node" >&2 && \
		npm ci --prefix tests/node --ignore-scripts --omit=optional --no-audit --no-fund >&2 || \
		echo "No npm, or no registry: going on without AsyncAPI's parser" >&2
	@mkdir -p $@ && touch $@

system-run:
	@sh scripts/system_packages.sh $(APT_RUN)

system-test:
	@sh scripts/system_packages.sh $(APT_TEST)

clean:
	rm -rf .venv .venv-audit .venv-edge .venv-home-assistant .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .hypothesis-fuzz dist
