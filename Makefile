# Every target sets itself up in .venv; the machine needs Python >= 3.11, pip and make.
#   make setup | run | test | lab | check | lint | docs | docs-serve | clean | readme | lock | bench
# PYTHON=python3.12 picks an interpreter; ARGS='...' goes to the command of run, lab and test; PORT=8000 to docs-serve.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
DOCS   := $(VENV)/.docs
EXTRAS := $(VENV)/.extras
ARGS   ?=
PORT   ?= 8000
JOBS   ?= 2
MIN    := 3.11
# Where torch is that was built for CPUs, much smaller: for Linux without NVIDIA's driver. Empty: never asked.
CPU_TORCH ?= https://download.pytorch.org/whl/cpu
export PIP_DISABLE_PIP_VERSION_CHECK := 1
QUIET  := PLOTLY_RENDERER=plotly_mimetype OMP_NUM_THREADS=1

.DEFAULT_GOAL := help
.PHONY: help setup run test lab check lint lessons docs docs-serve extras clean readme lock bench

help:
	@sed -n '1,3s/^# //p' Makefile

setup: $(READY)
	@echo "ready: $$($(BIN)/python --version) in $(VENV)"

$(READY): settings.ini pyproject.toml setup.py
	@command -v $(PYTHON) >/dev/null || { echo "'$(PYTHON)' not found: install Python >= $(MIN), or make $(MAKECMDGOALS) PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < tuple(map(int, "$(MIN)".split("."))))' || { echo "$$($(PYTHON) --version 2>&1) is too old, lth_nb needs Python >= $(MIN): make $(MAKECMDGOALS) PYTHON=/path/to/python$(MIN)"; exit 1; }
	@if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	  echo "making the environment $(VENV) with $$($(PYTHON) --version)"; \
	  $(PYTHON) -m venv --clear $(VENV) >/dev/null 2>&1 || { \
	    echo "this Python has no ensurepip: taking pip from $(PYTHON) -m pip"; \
	    $(PYTHON) -m venv --clear --without-pip $(VENV) && $(PYTHON) -m pip --python $(BIN)/python install pip; }; \
	fi
# Nothing is asked where torch is there already, on other systems, with the driver, or by CPU_TORCH= on make's line.
	@if $(BIN)/python -m pip show -q torch 2>/dev/null || [ "$$(uname)" != Linux ] || [ -z "$(CPU_TORCH)" ] \
	  || nvidia-smi -L >/dev/null 2>&1 || [ -e /proc/driver/nvidia/version ]; then exit 0; fi; \
	echo "no NVIDIA driver here: asking for the build of torch for CPUs"; \
	{ $(BIN)/python -c 'from urllib.request import urlopen; urlopen("$(CPU_TORCH)/torch/", timeout=5)' 2>/dev/null \
	  && $(BIN)/python -m pip install --index-url $(CPU_TORCH) $$(sed -n 's/^ *\(torch[a-z]*>=\)/\1/p' settings.ini); } \
	  || echo "it cannot be had from here: the registry's build is taken, which may bring CUDA along"
	@echo "installing lth_nb and its tools into $(VENV): some minutes and up to 6 GB the first time, seconds after that"
	$(BIN)/python -m pip install -e '.[dev]'
	@touch $@

run: $(READY)
	$(BIN)/lth run run_transfer -p target mouse_lba $(ARGS)

# Form: ruff's rules, the direction of imports, types. All parts always run, so one call shows all that is wrong.
lint: $(READY)
	@bad=0; \
	$(BIN)/ruff check --quiet --output-format concise || bad=1; \
	$(BIN)/lint-imports --no-logo --no-cache || bad=1; \
	$(BIN)/basedpyright --level error --pythonpath $(BIN)/python || bad=1; \
	exit $$bad

lessons: $(READY)
	@echo "lessons of every notebook in nbs"
	@$(QUIET) $(BIN)/nbdev-test --n-workers 2

# What to run before a commit, some minutes: form, the notebooks' rules, what is generated, every notebook's lessons.
check: $(READY)
	@bad=0; \
	$(MAKE) --no-print-directory lint || bad=1; \
	$(QUIET) $(BIN)/python -m pytest -q -n 2 tests/test_house.py tests/test_style.py || bad=1; \
	$(MAKE) --no-print-directory lessons || bad=1; \
	exit $$bad

# Form and lessons first, then everything in tests/, file by file on two workers; pytest's closing line comes last.
test: $(READY)
	@bad=0; \
	$(MAKE) --no-print-directory lint || bad=1; \
	$(MAKE) --no-print-directory lessons || bad=1; \
	$(QUIET) $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS) || bad=1; \
	exit $$bad

lab: $(READY)
	LTH_DATA="$${LTH_DATA:-$(CURDIR)/data}" LTH_OUT="$${LTH_OUT:-$(CURDIR)/runs}" \
	  $(BIN)/jupyter lab --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/nbs/experiments/explore.ipynb $(ARGS)

# The site, into _docs/: a warning, a dead link or a missing picture is an error. No network once this is installed.
docs: $(DOCS)
	@JOBS=$(JOBS) $(QUIET) $(BIN)/python docs/build.py
	@$(BIN)/python tests/links.py _docs

$(DOCS): $(READY) settings.ini
	@echo "installing what the site is made with"
	$(BIN)/python -m pip install -q -e '.[docs]'
	@touch $@

# Serves what was built last, and builds nothing.
docs-serve:
	@[ -f _docs/index.html ] || { echo "no site in _docs yet: make docs"; exit 1; }
	@echo "the site as built $$(date -r _docs/index.html '+%F %H:%M'), at http://127.0.0.1:$(PORT)"
	@exec $(PYTHON) -m http.server $(PORT) --bind 127.0.0.1 --directory _docs

# What the tests of the site, of JupyterLab and of a cluster need, where it can be had; they skip, with the reason, what is missing.
extras: $(READY)
	@[ $(EXTRAS) -nt settings.ini ] || { $(BIN)/python -m pip install -q -e '.[docs,browser,cluster]' >/dev/null 2>&1 && touch $(DOCS) $(EXTRAS); } \
	  || echo "extras docs, browser and cluster cannot be installed: their tests are skipped"
	@command -v $${CHROMIUM:-chromium} >/dev/null || { apt-get update -qq && apt-get install -qq -y chromium; } >/dev/null 2>&1 \
	  || echo "no chromium, and apt-get cannot install it: browser tests are skipped"

# Caches and build products only: results (runs/), data, banks and the environment stay.
clean:
	rm -rf build dist _docs docs/_build tests/browser/shots lth_nb/_share .pytest_cache .hypothesis .ruff_cache .import_linter_cache *.egg-info
	find . \( -path ./.venv -o -path ./.git -o -path ./runs -o -path ./data -o -path ./lth_nb/banks \) -prune -o \
	  -type d \( -name __pycache__ -o -name .ipynb_checkpoints \) -exec rm -rf {} +

readme: $(READY)
	$(BIN)/python docs/readme.py

# Locks what .venv holds, so what the tests ran with: uv prefers versions already in its output file, and
# takes another only for a platform that needs it. Hashes, no addresses.
lock: $(READY)
	@tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; \
	$(BIN)/python -m pip freeze --exclude lth_nb | grep == | sed 's/+[a-z0-9]*$$//' >"$$tmp/lock"; \
	$(BIN)/python -m venv "$$tmp/env" && "$$tmp/env/bin/pip" install -q uv && \
	"$$tmp/env/bin/uv" pip compile --no-cache setup.py --extra dev --extra docs --extra browser --universal --generate-hashes --python-version $(MIN) \
	  --no-emit-index-url --no-header --no-annotate -q -o "$$tmp/lock" >/dev/null && \
	cp "$$tmp/lock" requirements.lock && echo "requirements.lock written"

# One script per ratio; each prints medians, spread, n, machine and versions. With RESULTS=folder the rows are kept
# as well: benchmarks/results is what the page Side by side is made of, and should be of one quiet machine.
bench: $(READY)
	@bad=0; for script in $(filter-out %/measured.py %/peer.py, $(wildcard benchmarks/*.py)); do \
	  echo "== $$script"; \
	  OMP_NUM_THREADS=1 $(BIN)/python $$script $(ARGS) \
	    $(if $(RESULTS),--json $(RESULTS)/$$(basename $$script .py).json) || bad=1; done; \
	  OMP_NUM_THREADS=1 $(BIN)/python benchmarks/growth.py --only memory \
	    $(if $(RESULTS),--json $(RESULTS)/growth_memory.json) || bad=1; exit $$bad
