# `make help` lists the targets. Each sets itself up in .venv; a second run is quick.

PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: help demo test lint types tree unit coverage counts targets docs matrix hostile bench-peers bench-turns reproduced clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/installed-convert ## convert the bundled D0 to INT8 and detect cells in a drawn smear
	$(BIN)/edge-edet convert --int8 d0 --weights bundled -o build
	$(BIN)/python -m edge_edet.demo_picture build/smear.png
	$(BIN)/edge-edet detect build/smear.png -m build/d0-int8.tflite --draw build/demo
	@echo "The picture with its boxes: $(CURDIR)/build/demo/smear.png"

test: lint types unit ## everything that must hold

lint: .venv/installed-dev ## ruff's rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/installed-dev tree ## mypy, strict
	cd build && ../$(BIN)/mypy --config-file ../pyproject.toml -p edge_edet

tree: ## links in build/tree: the five folders as one package, for mypy, editors and the site
	rm -rf build/tree && mkdir -p build/tree/edge_edet
	ln -s $(CURDIR)/edge_edet/* $(CURDIR)/devices $(CURDIR)/benchmarks $(CURDIR)/converters $(CURDIR)/studies \
	    build/tree/edge_edet

unit: .venv/installed-dev ## the tests, on all cores
	$(BIN)/python -m pytest -n auto --dist loadfile --max-worker-restart 0

# TESTS=tests/runtime measures these alone. What tests run in processes of their own is measured too.
TESTS ?= tests
COVERAGE_FILE := $(CURDIR)/build/coverage/data
coverage: .venv/installed-dev ## lines that the tests run: a table, and build/coverage/index.html
	rm -rf build/coverage && mkdir -p build/coverage
	COVERAGE_FILE=$(COVERAGE_FILE) $(BIN)/python -m pytest $(TESTS) -q -n auto --dist loadfile \
	    --max-worker-restart 0 --cov --cov-report=
	COVERAGE_FILE=$(COVERAGE_FILE) $(BIN)/python -m coverage html -q -d build/coverage
	COVERAGE_FILE=$(COVERAGE_FILE) $(BIN)/python -m coverage report --skip-covered --sort=cover

targets: .venv/installed-dev ## docs/targets.md: every consumer's loader on our files
	EDGE_EDET_PAGE=docs/targets.md $(BIN)/python -m pytest tests/devices/test_target_loaders.py -q -k page

MODELS :=
counts: .venv/installed-dev ## the table of counted instructions anew (MODELS="d0-int8 lite0-int8": these only)
	$(BIN)/python -m edge_edet.benchmarks.counting.table $(MODELS)

docs: .venv/installed-docs tree ## the site of docs/ in build/site; warnings are errors
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

matrix: | .venv/bin/python ## the runtime's tests on every Python from 3.10 that is installed
	$(INSTALL) nox
	$(BIN)/python -m nox

N := 300
SEED := 0
hostile: .venv/installed-dev ## N damaged files of every kind (N=10000 SEED=7), docs/security.md
	$(BIN)/python tests/hostile/run.py -n $(N) --seed $(SEED)

# PAGE=docs/explanations/side-by-side.md writes the table into that page
bench-peers: .venv/installed-dev .venv/installed-nncf ## D0 beside what other tools make of the same weights
	EDGE_EDET_PAGE=$(PAGE) $(BIN)/python -m pytest benchmarks/test_peers.py -s -q \
	    -p no:warnings --benchmark-columns=median

# MODELS=a.tflite:b.xml RUNTIMES=litert,openvino ROUNDS=60; without MODELS the bundled D0 in every format
ROUNDS := 60
bench-turns: .venv/installed-dev ## model files that take turns: CPU time of each as a part of the first
	EDGE_EDET_MODEL=$(MODELS) EDGE_EDET_RUNTIMES=$(RUNTIMES) EDGE_EDET_ROUNDS=$(ROUNDS) \
	    $(BIN)/python -m pytest benchmarks/test_turns.py -s -q -p no:warnings --benchmark-columns=median

PAPER := build/paper
reproduced: | .venv/bin/python ## tables of what 'edge-edet reproduce -o build/paper' measured, into docs/reproduced
	@for study in fig4 table5 table6 fig6 comparators; do \
	    test -f $(PAPER)/$$study.rounds.jsonl || continue; \
	    case $$study in table6) some="--variants d0";; fig4) some="--threads 1,2";; *) some=;; esac; \
	    echo docs/reproduced/$$study.txt; \
	    $(BIN)/edge-edet reproduce $$study -o $(PAPER) --table-only $$some \
	        > $(PAPER)/$$study.new && mv $(PAPER)/$$study.new docs/reproduced/$$study.txt || exit 1; \
	done

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed-dev: pyproject.toml constraints.txt | .venv/bin/python
	$(INSTALL) -e '.[dev]'
	$(INSTALL) --no-deps openvino-model-api trackers # they ask for a second OpenCV beside MediaPipe's, and work with that
	touch $@

.venv/installed-%: pyproject.toml constraints.txt | .venv/bin/python
	$(INSTALL) -e '.[$*]'
	touch $@

clean: ## remove what these targets made
	rm -rf build dist .venv *.egg-info
