# Everything a fresh machine needs is set up by the target itself, in .venv.
# Python 3.11 or newer and make are enough; on Debian, what else is missing is installed
# when this runs as root or with sudo, and named otherwise.

SHELL := /bin/bash
# The tests start many processes: compile each file once.
unexport PYTHONDONTWRITEBYTECODE
PORT ?= 8000
EHR_PORT ?= 8080
DATA ?= demo-data
BIN := .venv/bin
SOURCES := smart_launch fhir_profiles plugin deploy tests

.PHONY: demo test check bench load pictures site lock clean

demo: .venv/.runtime  ## the app beside a small EHR: opens at one address, ends with Ctrl-C
	@exec $(BIN)/python -m deploy.demo --port $(PORT) --ehr-port $(EHR_PORT) \
	  --data '$(DATA)'

test: .venv/.development .venv/.browser  ## every test, and the coverage that is promised
	$(BIN)/pytest -n 2 --dist worksteal --cov --cov-report=
	$(BIN)/coverage report --include='smart_launch/*' --fail-under=97 --skip-covered
	$(BIN)/coverage report --include='plugin/matching/*' --fail-under=95 --skip-covered
	$(BIN)/coverage report --include='plugin/referral/*' --fail-under=95 --skip-covered

check: .venv/.development  ## style, types, architecture, fast tests
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	HYPOTHESIS_PROFILE=brief \
	  $(BIN)/pytest -n 2 --dist worksteal -q -m 'not slow and not postgres and not browser'

bench: .venv/.development .venv/.browser  ## one line a figure: name  value  unit  ratio  against
	@$(BIN)/python tests/load/bench.py

load: .venv/.development  ## the long runs: bounded, on this machine's loopback only
	@$(BIN)/python tests/load/load.py

pictures: .venv/.development .venv/.browser  ## every screen at three widths, in artefacts/
	$(BIN)/pytest -n 2 --dist worksteal -q tests/journeys tests/screens/test_in_browser.py

site: .venv/.development  ## the documentation as a site, in site/
	$(BIN)/mkdocs build --strict

lock:  ## pin every dependency anew, with hashes
	deploy/prepare lock

clean:
	rm -rf .venv .venv-lock demo-data artefacts .coverage .mypy_cache .ruff_cache \
	  .hypothesis .import_linter_cache

.venv/.runtime: requirements/runtime.txt requirements/build.txt pyproject.toml
	deploy/prepare runtime
	@touch $@

.venv/.development: requirements/development.txt requirements/build.txt pyproject.toml
	deploy/prepare development
	@touch $@ .venv/.runtime

.venv/.browser: deploy/prepare
	deploy/prepare browser
	@mkdir -p $(@D) && touch $@
