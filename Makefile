# Two commands do everything on a fresh machine: `make demo` and `make test`.
.DEFAULT_GOAL := help
VENV := .venv
PYTHON := $(VENV)/bin/python
BOCAGE := $(VENV)/bin/bocage
STAMP := $(VENV)/.installed
# uv may be missing: pip brings it, into the folder of whichever python3 is first on the path.
UV = $(shell command -v uv || echo python3 -m uv)
DEMO ?= demo

.PHONY: help install demo test lint docs bench requirements clean

help:  ## say what each target does
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

install: $(STAMP)  ## build .venv with the pinned, hashed requirements

$(STAMP): requirements.txt pyproject.toml
	@command -v uv >/dev/null || python3 -m uv --version >/dev/null 2>&1 || python3 -m pip install --quiet uv
	$(UV) venv --quiet --allow-existing $(VENV)
	$(UV) pip install --quiet --python $(PYTHON) --require-hashes -r requirements.txt
	$(UV) pip install --quiet --python $(PYTHON) --no-deps --no-build-isolation --editable .
	@touch $@

demo: install  ## run the whole chain on the embedded landscape; leaves a project and its report in ./demo
	$(BOCAGE) demo $(DEMO)

lint: install  ## ruff and mypy
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

test: install lint  ## lint, type check and all tests
	$(PYTHON) -m pytest

docs: install  ## build the documentation into ./site
	$(PYTHON) -m typer bocage.cli.application utils docs --name bocage --title "Command line" \
		--output docs/reference/command-line.md >/dev/null
	$(BOCAGE) products rules --markdown > docs/reference/product-rules.md
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict

bench: install  ## print every benchmark beside its limit or its rival
	@for script in $$(grep -l __main__ benchmarks/*.py); do echo "== $$script"; $(PYTHON) $$script || exit 1; done

requirements:  ## resolve pyproject.toml again into requirements.txt
	$(UV) pip compile pyproject.toml --python-version 3.12 --extra ray --extra clouds --extra openvino --extra torchgeo \
		--group dev --group docs --group rivals --generate-hashes --no-emit-index-url --quiet --output-file requirements.txt

clean:  ## remove what the targets made
	rm -rf $(VENV) $(DEMO) site
