# The few things one does here. Each works in a fresh clone: the environment is made when it is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test check schemas bench clean

$(BIN)/memory-gateway: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

run: $(BIN)/memory-gateway       ## serve the quickstart configuration
	$(BIN)/memory-gateway serve configs/quickstart.yaml

test: $(BIN)/memory-gateway      ## the whole suite
	$(BIN)/pytest -q -n auto --dist loadgroup

check: $(BIN)/memory-gateway     ## style, types, floors, schema drift
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports
	$(BIN)/memory-gateway schema --check
	$(BIN)/memory-gateway fmt --check configs
	$(BIN)/memory-gateway test configs --fail-under 100

schemas: $(BIN)/memory-gateway   ## write schemas and the reference from the models
	$(BIN)/memory-gateway schema
	$(BIN)/memory-gateway reference > docs/config.md

bench: $(BIN)/memory-gateway     ## ratios, measured here and now
	$(BIN)/python -m bench.wire

clean:
	rm -rf $(VENV) data
