# `make run` and `make test` do all the set-up themselves on a machine with Python 3.11+, pip and make.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ARGS   ?=

.PHONY: run test check bench screenshots clean

run: $(VENV)/run.stamp
	$(BIN)/python app.py $(ARGS)

# What others wrote brings a hundred libraries along, so those tests run in a process of their own.
test: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(if $(ARGS),$(BIN)/python -m pytest $(ARGS),$(BIN)/python -m pytest --ignore=tests/clients --ignore=tests/fuzz)
	$(if $(ARGS),,$(BIN)/python -m pytest tests/clients tests/fuzz)

check: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/test.stamp
	$(BIN)/python -m tests.bench $(ARGS)

screenshots: $(VENV)/test.stamp
	OPENARC_TEST_SCREENSHOTS=docs/screenshots $(BIN)/python -m pytest tests/browser/test_load_and_layout.py -k "desktop-light"

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .hypothesis test-results

# A venv without ensurepip (Debian without python3-venv) gets its pip from the one outside.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("OpenArc needs Python 3.11 or newer; set PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV) || { $(PYTHON) -m venv --clear --without-pip $(VENV) && $(PYTHON) -m pip --python $(BIN)/python install pip; }

$(VENV)/run.stamp: requirements.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --disable-pip-version-check -q -r requirements.txt
	touch $@

$(VENV)/test.stamp: requirements.txt requirements-dev.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --disable-pip-version-check -q -r requirements-dev.txt
	touch $@ $(VENV)/run.stamp
