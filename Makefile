# `make help` lists the targets. The scripts in scripts/ do the work.

# An image is for users, whose default is the newest version.
CONTAINER_PG := $(or $(PG),18)
PG ?= 15
PG_CONFIG ?=
REAL_DATA ?= ../shared/data
CLOUDTRAIL ?=
GEOIP ?=

export PG PG_CONFIG CLOUDTRAIL GEOIP
export REAL_DATA := $(abspath $(REAL_DATA))

.PHONY: help setup all install demo psql test test-short test-all test-upgrade bench bench-load bench-scan bench-explain bench-journeys fmt deny freeze release clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-20s %s\n", $$1, $$2 }'
	@echo
	@echo "  PG          the version of PostgreSQL to build for, install into and test with: 15 (default), 16, 17 or 18"
	@echo "  PG_CONFIG   the pg_config of another server to do so with"
	@echo "  STEP        deb-test, rpm-test: only one of build, contents, reproduce and install"
	@echo "  CLOUDTRAIL  demo, psql: a folder of CloudTrail files (default: the sample)"
	@echo "  GEOIP       demo, psql: a folder of GeoIP databases, or one file (default: the sample)"
	@echo "  REAL_DATA   test: a folder of real CloudTrail files and GeoIP databases, if you have them"

setup: ## install missing prerequisites: Debian packages and cargo-pgrx
	@scripts/setup.sh

all: ## build the extension for PG_CONFIG's server
	@scripts/install.sh --build

install: ## install the extension into PG_CONFIG's server, and build it first unless make all did
	@scripts/install.sh

demo: ## show the impossible travel in sample events, or in CLOUDTRAIL, on a private server
	@scripts/demo.sh

psql: ## open psql on the demo's data
	@scripts/demo.sh psql

test: ## run all tests, on PostgreSQL 15 or PG
	@scripts/test.sh

test-short: ## run the tests that a version of PostgreSQL can change most, on PG
	@PROFILE=dev CASES=20 scripts/test.sh setup regress docs 'e2e invariant'

test-all: ## run all tests on PostgreSQL 15, 16, 17 and 18 (2 hours)
	@scripts/test-all.sh

test-upgrade: ## test pg_upgrade and dumps from older versions of PostgreSQL to newer ones
	@scripts/test.sh upgrade

.PHONY: test-hostile
test-hostile: ## call every function with all hostile arguments, in every context (an hour or more), or run PIECES of the test
	@HOSTILE=long scripts/test.sh setup 'e2e hostile_sql' 'e2e planted_objects'

.PHONY: test-load
test-load: ## run CLIENTS (32) at once for SECONDS (300) at the isolation level ISOLATION (read committed)
	@LOAD_CLIENTS=$(or $(CLIENTS),32) LOAD_SECONDS=$(or $(SECONDS),300) LOAD_ISOLATION='$(or $(ISOLATION),read committed)' \
		scripts/test.sh setup 'e2e load'

.PHONY: test-cancel
test-cancel: ## interrupt every long statement at 20 moments, with thirty times the events of make test (an hour)
	@EVENTS=600000 MOMENTS=20 BOUND_MS=250 scripts/test.sh setup 'e2e cancel'

.PHONY: fuzz fuzz-corpus
fuzz: ## fuzz each target of tests/fuzz, or TARGET, for SECONDS (60) with libFuzzer; needs the nightly toolchain
	@scripts/fuzz.sh run $(or $(SECONDS),60) $(TARGET)

fuzz-corpus: ## write the corpora of fuzz/corpus again, with what was found: as few inputs as reach the same code
	@scripts/fuzz.sh minimize $(TARGET)

.PHONY: test-valgrind
test-valgrind: ## run some of the regress tests with the server under valgrind (1 hour)
	@scripts/valgrind.sh $(TESTS)

.PHONY: test-dbt
test-dbt: ## run the dbt package of contrib/dbt with dbt from PyPI, which make test does not
	@scripts/dbt-test.sh

.PHONY: test-superset
test-superset: ## import the dashboard of contrib/superset into Apache Superset from PyPI, and look at it with Chromium
	@scripts/superset-test.sh

.PHONY: test-grafana-schema
test-grafana-schema: ## validate the dashboard of contrib/grafana against the schemas of Grafana, from PyPI
	@scripts/grafana-schema-test.sh

.PHONY: test-citus
test-citus: ## test a cluster of Citus on private servers; needs a server with Citus (PG_CONFIG)
	@scripts/citus-test.sh

.PHONY: deb deb-test rpm rpm-test

deb: ## build the Debian package for PG into dist/
	@scripts/deb.sh

deb-test: ## build the Debian package, build it again elsewhere, install it in a fresh Debian and use it (20 minutes)
	@scripts/deb-test.sh $(STEP)

rpm: ## build the RPM for PG into dist/
	@scripts/rpm.sh

rpm-test: ## the same as deb-test with the RPM
	@scripts/rpm-test.sh $(STEP)

.PHONY: container container-test lint lint-workflows lint-container pgdg

container: ## build the container image impossible_travel:PG (default: 18), with docker, podman or buildah
	@PG=$(CONTAINER_PG) scripts/container.sh

container-test: ## build a container image with buildah and use it (20 minutes, as root)
	@scripts/container-test.sh

lint: ## check the code's formatting and clippy's lints
	@scripts/test.sh setup fmt clippy

lint-workflows: ## check the workflows of GitHub with actionlint
	@scripts/lint.sh workflows

lint-container: ## check Dockerfile and compose.yaml
	@scripts/lint.sh container

pgdg: ## add the apt repository of postgresql.org, which has all versions of PostgreSQL
	@scripts/pgdg.sh

bench: setup ## run the benchmarks, which are not part of the tests, and write bench/RESULTS.md
	@bench/peers.sh
	@bench/entry_points.sh
	@bench/load_files.sh

.PHONY: bench-peers
bench-peers: setup ## measure detection beside plain SQL, DuckDB and ClickHouse, and write bench/RESULTS.md
	@bench/peers.sh

.PHONY: bench-large
bench-large: setup ## measure detection over 20,000,000 and 100,000,000 events (8 GB on disk, 30 minutes)
	@bench/large.sh

bench-load: setup ## measure how fast files are loaded
	@bench/load_files.sh

bench-scan: setup ## measure scans over a small and a large history (15 minutes)
	@bench/scan.sh

bench-explain: setup ## measure what analysts ask about an alert over 10,000,000 events (10 minutes)
	@bench/explain.sh

bench-journeys: setup ## measure what a table of journeys per day saves
	@bench/journeys.sh

.PHONY: bench-citus
bench-citus: setup ## measure detection and scans on a cluster of Citus; needs a server with Citus (PG_CONFIG)
	@bench/citus.sh

.PHONY: evaluate
evaluate: setup ## count intruders found and false alarms in simulated organizations, and write docs/evaluation-results.md
	@bench/evaluate.sh

.PHONY: instructions instructions-update
instructions: ## compare the instructions that the crates take with bench/instructions.txt (1 minute)
	@scripts/test.sh setup instructions

instructions-update: ## write bench/instructions.txt again
	@scripts/setup.sh --tests
	@scripts/instructions.sh update

.PHONY: dist dist-test
dist: ## make the source archives of a release, in dist/: with all crates, and for PGXN
	@scripts/dist.sh

dist-test: ## make the source archives, and build and try one of them without a network (15 minutes)
	@scripts/dist-test.sh

fmt: ## format the code
	@cargo fmt --all

deny: ## check the licenses and sources of dependencies, and known vulnerabilities (needs the network)
	@scripts/deny.sh advisories

freeze: ## write sql/impossible_travel--VERSION.sql again after a change of sql/
	@scripts/freeze.sh

release: ## VERSION=x.y.z: check, set the version, freeze, commit and tag; DRY_RUN=1 only checks
	@scripts/release.sh

clean: ## remove build output and the demo's server
	@scripts/clean.sh
