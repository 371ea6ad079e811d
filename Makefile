# The one task runner: `make` lists the tasks. Each needs only Python 3.11 or newer and make; the first sets up .venv.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
INSTALLED := $(VENV)/installed
CONVENTIONS := .venv-conventions
PORT ?= 8000
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# One thread for each kernel and test: as many of them run as there are cores, and sums are taken in one order.
export OMP_NUM_THREADS ?= 1

.PHONY: help setup book test notebooks exercises experiments conventions lab serve lint type site-check portability bench clean

help:  ## list the tasks
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

setup: $(INSTALLED)  ## install the pinned environment into .venv and KaTeX's fonts into node_modules

$(INSTALLED): constraints.txt pyproject.toml package.json package-lock.json
	@$(PYTHON) -c 'import sys; v = sys.version_info; v < (3, 11) and sys.exit(f"normcourse needs Python 3.11 or newer; {sys.executable} is {v[0]}.{v[1]}. Name another: make PYTHON=python3.12")'
	@$(PYTHON) -m tools.setup
	@touch $@

book: setup  ## execute the notebooks that changed and build _build/html, where any warning is an error
	@python -m tools.book

test: book  ## build the book, then run every test and compare every notebook with its stored output
	@pytest -q -n auto -p tools.screen

notebooks: setup  ## execute and normalise the notebooks in place
	@python -m tools.notebooks

exercises: setup  ## write the learners' notebooks and docs/exercises.md from the solutions
	@python -m tools.exercises
	@python -m tools.exercise_table

experiments: setup  ## run the long sweeps again and write their records: an hour
	@python -m tools.experiments

conventions: $(CONVENTIONS)/installed  ## ask PyTorch, Keras, Flax and ONNX what their norms do, and write the record
	@$(CONVENTIONS)/bin/python -m tools.conventions

$(CONVENTIONS)/installed: tools/conventions/requirements.txt tools/conventions/install.py
	@$(PYTHON) -m tools.conventions.install
	@touch $@

lab: setup  ## open the notebooks in JupyterLab
	jupyter lab --notebook-dir book

serve: book  ## serve the book at http://localhost:8000 (PORT=8001 for another)
	python -m http.server --bind 127.0.0.1 --directory _build/html $(PORT)

lint: setup  ## check the style
	ruff check .
	@npm run --silent --workspace web lint

type: setup  ## check the types
	mypy
	@npm run --silent --workspace web type

site-check: book  ## rate the built site with Lighthouse and axe-core, and write docs/site-check.md
	@python -m tools.site_check

portability: setup  ## run the notebooks in several arithmetics and write docs/portability.md: an hour
	@python -m tools.portability

bench: setup  ## time the layers and the grader
	python -m tools.bench
	python -m tools.bench_grading

clean:  ## remove what was built, not the environment
	rm -rf _build .pytest_cache .mypy_cache .ruff_cache .hypothesis
