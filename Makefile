# `make demo`: convert the bundled D0 to INT8 and detect cells in a drawn smear.
# `make bench-peers`: D0 beside what other tools make of the same weights (README=README.md: into it).
# `make reproduced`: tables of what `edge-edet reproduce STUDY -o build/paper` measured, into docs/reproduced.
# `make test`: everything that must hold. Each sets itself up in .venv; a second run is quick.
# `make hostile N=10000 SEED=7`: damaged files of every kind, docs/security.md.

PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test lint types tree unit hostile bench-peers reproduced clean

demo: .venv/installed-convert
	$(BIN)/edge-edet convert --int8 d0 --weights bundled -o build
	$(BIN)/python -m edge_edet.demo_picture build/smear.png
	$(BIN)/edge-edet detect build/smear.png -m build/d0-int8.tflite --draw build/demo
	@echo "The picture with its boxes: $(CURDIR)/build/demo/smear.png"

test: lint types unit

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/installed-dev tree
	cd build && ../$(BIN)/mypy --config-file ../pyproject.toml -p edge_edet

# The folders as the one package that they are once installed: links, for mypy and editors.
tree:
	rm -rf build/tree && mkdir -p build/tree/edge_edet
	ln -s $(CURDIR)/edge_edet/* $(CURDIR)/devices $(CURDIR)/benchmarks $(CURDIR)/converters $(CURDIR)/studies \
	    build/tree/edge_edet

unit: .venv/installed-dev
	$(BIN)/python -m pytest -n auto --dist loadfile --max-worker-restart 0

N := 300
SEED := 0
hostile: .venv/installed-dev
	$(BIN)/python tests/hostile/run.py -n $(N) --seed $(SEED)

bench-peers: .venv/installed-dev .venv/installed-nncf
	EDGE_EDET_README=$(README) $(BIN)/python -m pytest benchmarks/test_peers.py -s -q \
	    -p no:warnings --benchmark-columns=median

PAPER := build/paper
reproduced: | .venv/bin/python
	@for study in fig4 table5 table6 fig6 comparators; do \
	    test -f $(PAPER)/$$study.rounds.jsonl || continue; \
	    case $$study in table6) some="--variants d0";; fig4) some="--threads 1,2";; *) some=;; esac; \
	    echo docs/reproduced/$$study.txt; \
	    $(BIN)/edge-edet reproduce $$study -o $(PAPER) --table-only $$some \
	        > $(PAPER)/$$study.new && mv $(PAPER)/$$study.new docs/reproduced/$$study.txt || exit 1; \
	done

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed-%: pyproject.toml constraints.txt | .venv/bin/python
	$(INSTALL) -e '.[$*]'
	touch $@

clean:
	rm -rf build dist .venv *.egg-info
