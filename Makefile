# Every command a person needs. `make` alone lists them; each makes .venv first when it is missing or out of date.

.DEFAULT_GOAL := help
.PHONY: help bench bench-full test test-long contract-reference soak coverage fuzz check run report venv clean
MAKEFLAGS += --no-print-directory

python := .venv/bin/python

# What a person may set: make test JOBS=4 ARGS='-k HDR' · make run APP=litestar PORT=9000 · make check PYTHON=python3.12
PYTHON ?=
# The suite waits more than it computes: two workers a core.
JOBS ?= $(shell echo $$(( 2 * $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2) )))
ARGS ?=
APP ?= fastapi
SERVER ?= uvicorn
# They are for this make. What it starts, the suite's own calls of make among it, must not see them again.
unexport PYTHON JOBS ARGS APP SERVER UPSTREAM PORT ROUTE ENGINE WORKERS RUN SECONDS SEED SUBJECT MAKEFLAGS MFLAGS MAKELEVEL

help:
	@echo "Tandem: one streaming reverse proxy in FastAPI and in Litestar"
	@awk -F ' *## *' '/^[a-z-]+:.*## / { split($$1, name, ":"); printf "  make %-18s %s\n", name[1], $$2 }' Makefile

bench: venv ## the quick benchmark: about four minutes, then a verdict and bench/results/<time>/report.html
	@$(python) -m bench run --quick $(ARGS)

bench-full: venv ## every factor and scenario: about half an hour; ARGS=--resume goes on after Ctrl-C or a crash
	@$(python) -m bench run $(if $(findstring --resume,$(ARGS)),,--full) $(ARGS)

test: venv ## the quick tier: unit tests, the contract on every subject, the mutants
	@$(python) -m pytest -n $(JOBS) --maxprocesses 8 --dist loadgroup -q $(ARGS)

test-long: venv ## the long tier: httpx2 on every server, 1 GiB up and down with memory watched
	@$(python) -m pytest -n $(JOBS) --maxprocesses 8 --dist loadgroup -q -m long --timeout 900 $(ARGS)

contract-reference: venv ## the contract on nginx, HAProxy, Caddy and others, where installed: about half an hour
	@$(python) -m tests.contract.reference $(ARGS)
	@$(python) -m tests.contract.observe
	@$(python) -m tests.contract.table
	@$(python) -m bench.sample

soak: venv ## mixed traffic with faults and leavers, memory and descriptors watched: SECONDS=1800 SUBJECT=
	@$(python) -m bench.soak --seconds '$(or $(SECONDS),1800)' $(call option,subject) $(ARGS)

coverage: venv ## every line and branch of the engine `wire`, by its own examples alone: nothing by luck
	@$(python) -m coverage run -m pytest -q -n 0 tests/unit/upstream/wire -m 'not long and not hypothesis and not chance' $(ARGS)
	@$(python) -m coverage report

fuzz: venv ## the engine `wire` under random streams, cancellations and sockets: SECONDS= (300), SEED= to repeat
	@$(python) -m tests.unit.upstream.wire.fuzz $(if $(SECONDS),--seconds '$(SECONDS)') $(if $(SEED),--seed '$(SEED)')

check: venv ## format, lint, types, import rules, pages that are made
	@scripts/check

run: venv ## a proxy on localhost:8000: APP=fastapi|litestar SERVER=uvicorn|hypercorn UPSTREAM= PORT= ROUTE= ENGINE= WORKERS=
	@$(python) -m shared.harness.run --app '$(APP)' --server '$(SERVER)' \
		$(foreach name,upstream port route engine workers,$(call option,$(name))) $(ARGS)

report: venv ## the newest run's report once more, from its records (RUN= names another)
	@$(python) -m bench report $(if $(RUN),'$(RUN)') $(ARGS)

clean: ## remove .venv and every cache
	@rm -rf .venv .venv.lock .venv.log .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# `--port '9000'` when PORT is set, nothing when it is not.
upper = $(shell echo '$(1)' | tr '[:lower:]' '[:upper:]')
option = $(if $($(upper)),--$(1) '$($(upper))')

# scripts/venv prints nothing when .venv is ready, otherwise one line that says why it could not be made. $(error) shows
# that line and nothing after it, where a failed recipe would add make's own complaint.
venv:
	@$(eval fault := $$(shell scripts/venv '$(PYTHON)'))$(if $(fault),$(error $(fault))):
