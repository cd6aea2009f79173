# Everything on a fresh Debian 12, as root or with sudo. A second call repeats nothing.
PYTHON ?= /usr/bin/python3
JOBS ?= $(shell nproc)
STAGE ?= all
APP ?= after
SEEDS ?= 1000

VENV := build/venv
SERVER := build/release/examples/server/tidegate-server

.DEFAULT_GOAL := help
.PHONY: help run app app-test customs encar test check sim bench build format clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## /  make \1\t/p' Makefile | expand -t 16

run: build ## start the example server on 127.0.0.1:8080 (RUN_ARGS="--port 9000" passes options)
	@exec $(SERVER) $(RUN_ARGS)

app: build ## start the FastAPI example on 127.0.0.1:8000 (APP=before for the one without tidegate)
	@$(VENV)/bin/python examples/fastapi/prepare.py $(SERVER) build/cars.db
	@echo "  curl 'http://127.0.0.1:8000/api/v1/home/recommendations?limit=4&make=Audi'"
	@CARS_DB=$(CURDIR)/build/cars.db PYTHON=$(CURDIR)/$(VENV)/bin/python PYTHONPATH=$(CURDIR)/build/release/python \
	  exec examples/fastapi/docker-entrypoint.sh $(APP)

customs: ## start the simulated customs calculator on 127.0.0.1:9101, for run and app
	@exec $(PYTHON) examples/upstreams/tks_customs.py --port 9101

encar: ## start the simulated Encar on 127.0.0.1:9102, for app
	@exec $(PYTHON) examples/upstreams/encar.py --port 9102

app-test: build ## give both FastAPI examples the same bad hour, and print what came of it
	PYTHONPATH=$(CURDIR)/build/release/python TIDEGATE_SERVER=$(CURDIR)/$(SERVER) \
	  $(VENV)/bin/python -m pytest -q -s -p no:cacheprovider -o timeout=600 tests/integration/test_fastapi_app.py

test: build ## build and run the quick tests
	ctest --preset release -L quick -j $(JOBS)

check: build build/packages-check.stamp build/conformance/stamp ## run the deep stages (STAGE=asan for one; see .ci/check.py)
	$(VENV)/bin/python .ci/check.py --jobs $(JOBS) $(STAGE)

sim: build ## run the simulations with many seeds (SEEDS=10000)
	TIDEGATE_SEEDS=$(SEEDS) build/release/tests/sim_tests

bench: build $(VENV)/bench.stamp build/packages-bench.stamp ## measure, print the table and write build/bench.json (BENCH_ARGS=--docs renews docs/benchmarks.md)
	cmake --build --preset release --target benchmarks -j $(JOBS)
	PYTHONPATH=build/release/python $(VENV)/bin/python tests/bench/run.py $(BENCH_ARGS)

build: build/release/build.ninja ## configure and build the release tree
	cmake --build --preset release -j $(JOBS)

format: $(VENV)/stamp build/packages-check.stamp ## format all sources in place
	$(VENV)/bin/python .ci/lint.py --fix

clean: ## remove everything that was built
	rm -rf build

# CMake notices changes of its own files by itself, except of the presets.
build/release/build.ninja: CMakePresets.json build/packages.stamp $(VENV)/stamp
	cmake --preset release
	@touch $@

$(VENV)/bench.stamp: python/requirements-bench.txt $(VENV)/stamp
	URLLIB3_NO_OVERRIDE=1 $(VENV)/bin/python -m pip install -q --disable-pip-version-check -r $<
	@touch $@

$(VENV)/stamp: python/requirements-dev.txt build/packages.stamp
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install -q --disable-pip-version-check -r $<
	@touch $@

build/conformance/stamp: tests/conformance/sources.txt tests/conformance/requirements.txt $(VENV)/stamp
	$(VENV)/bin/python tests/conformance/fetch.py
	@touch $@

build/packages.stamp: .ci/packages.txt
	@.ci/packages.sh $<
	@mkdir -p build && touch $@

build/packages-check.stamp: .ci/packages-check.txt | build/packages.stamp
	@.ci/packages.sh $<
	@mkdir -p build && touch $@

build/packages-bench.stamp: .ci/packages-bench.txt | build/packages.stamp
	@.ci/packages.sh $<
	@mkdir -p build && touch $@
