# Everything here needs only Python 3.11 or later, make and a package index.
#
#   make demo      train a network on handwritten digits; pictures and a checkpoint go to demo/
#   make test      formatting, lint and types, then every test and example, with branch coverage
#   make check     formatting, lint and types alone
#   make oracles   add PyTorch and JAX, so that the tests which compare with them run
#   make fuzz      the tests alone, those that draw or damage at random with far more examples
#   make stress    those tests alone that start, fork and kill processes, many times over
#   make bench     time eager work and, briefly, compiled steps against NumPy, PyTorch and JAX
#   make wheel     build the wheel in dist/ and print its size
#   make clean     remove what the commands above made, except .venv

PYTHON ?= python3
TORCH ?= torch==2.13.0
JOBS ?= 2

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Test processes share the cores, so each computes on one thread.
ONE := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
PYTEST := $(ONE) $(BIN)/python -m pytest -n $(JOBS) --dist worksteal

.PHONY: .venv oracles demo test check fuzz stress bench wheel clean
.DELETE_ON_ERROR:

# Each file named after an installation is made when that has ended well.
.venv: .venv/installed

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(PIP) install --editable ".[test]"
	@touch $@

oracles: .venv/oracles

.venv/oracles: .venv/installed
	$(PIP) install "$(TORCH)" jax
	@touch $@

.venv/bench: .venv/oracles
	$(PIP) install --editable ".[bench]"
	@touch $@

demo: .venv
	$(BIN)/python examples/digits.py

test: check
	$(PYTEST) --cov --cov-report=term

check: .venv
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

fuzz: .venv
	HYPOTHESIS_PROFILE=fuzz $(PYTEST) tests

stress: .venv
	HYPOTHESIS_PROFILE=fuzz $(PYTEST) tests -m stress

bench: .venv/bench
	$(BIN)/python -m benchmarks.eager
	$(BIN)/python -m benchmarks.sharing
	$(BIN)/python -m benchmarks.compiled --quick

wheel: .venv
	rm -rf dist
	$(PIP) wheel --no-deps --wheel-dir dist .
	@for file in dist/*.whl; do echo "$$file: $$(wc -c < "$$file") bytes"; done

clean:
	rm -rf build demo dist .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -path ./.venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
