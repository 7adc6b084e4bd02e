# make run    set up, then run the iris study
# make test   set up, then style, types, layers and tests
# make docs   set up, then build the documents into site/
# make bench  set up, then measure against what one would write instead (20 to 25 minutes)
.PHONY: run test docs bench setup lock

PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13; do \
	if $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; \
	then command -v $$p; break; fi; done)

run: setup
	.venv/bin/tune run studies/iris.yaml

test: setup
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/pytest -n 3 --dist loadfile --no-loadscope-reorder

# The variable silences what the theme says of its successor at every build.
docs: setup
	NO_MKDOCS_2_WARNING=1 .venv/bin/python -m mkdocs build --strict --quiet
	@echo "site/index.html"

bench: setup
	.venv/bin/python -m benchmarks

setup: .venv/installed

# pip compiles what it installs, so that the first start of TensorFlow does not have to.
.venv/installed: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed"; exit 1; }
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements.lock
	.venv/bin/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --no-index -e .
	@touch $@

# Rewrites requirements.lock from pyproject.toml; needs uv.
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header \
		--group dev --group docs pyproject.toml -o requirements.lock
