# The few commands people type. Each sets up what it needs in .venv.

BIN = .venv/bin

.PHONY: help quickstart test test-long lint docs bench clean

help:
	@echo "make quickstart   set up, then fine-tune and evaluate a real small model (FRESH=1 trains again)"
	@echo "make test         set up, then run the tests (under 10 minutes)"
	@echo "make test-long    the tests that take longer"
	@echo "make lint         style, types, floors"
	@echo "make docs         the documentation as a site, in docs/_build"
	@echo "make bench        motools beside luigi, joblib, dvc and redun (ARGS=--quick: small sizes)"
	@echo "make clean        remove .venv, .try, .quickstart, .bench and what tools left"

quickstart:
	@python=$$(sh scripts/find-python) && exec "$$python" scripts/quickstart.py

test: .ready-dev
	$(BIN)/pytest -n 2 --dist loadgroup -m "not long"

test-long: .ready-dev
	$(BIN)/pytest -m long

lint: .ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --config pyproject.toml

docs: .ready-dev
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build

bench:
	@python=$$(sh scripts/find-python) && exec "$$python" -m bench $(ARGS)

clean:
	rm -rf .venv .try .quickstart .bench docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis

.PHONY: .ready-dev
.ready-dev:
	@python=$$(sh scripts/find-python) && "$$python" scripts/environment.py dev
