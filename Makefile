# `make help` says what there is. The work is done by scripts/.

PG_CONFIG ?= /usr/lib/postgresql/15/bin/pg_config
REAL_DATA ?= ../shared/data
CLOUDTRAIL ?=
GEOIP ?=

export PG_CONFIG CLOUDTRAIL GEOIP
export REAL_DATA := $(abspath $(REAL_DATA))

.PHONY: help setup install demo psql test bench bench-scan fmt clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-10s %s\n", $$1, $$2 }'
	@echo
	@echo "  PG_CONFIG   the server to build for, install into and test with ($(PG_CONFIG))"
	@echo "  CLOUDTRAIL  for demo and psql: a folder of CloudTrail files (default: the sample)"
	@echo "  GEOIP       for demo and psql: a folder of GeoIP databases, or one (default: the sample)"
	@echo "  REAL_DATA   for test: real CloudTrail files and GeoIP databases, if there are any"

setup: ## install what is missing: Debian packages, cargo-pgrx
	@scripts/setup.sh

install: setup ## build the extension and install it into PG_CONFIG's server
	@scripts/install.sh

demo: ## a private server, the sample (or CLOUDTRAIL and GEOIP), and the travels in it
	@scripts/demo.sh

psql: ## a psql on the demo's data
	@scripts/demo.sh psql

test: ## all tests
	@scripts/test.sh

bench: setup ## benchmarks; not part of the tests
	@bench/run.sh

bench-scan: setup ## what a scan costs, over a small and a large history; takes a quarter of an hour
	@bench/scan.sh

fmt: ## format the code
	@cargo fmt --all

clean: ## remove what was built and the demo's server
	@scripts/clean.sh
