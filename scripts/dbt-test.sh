#!/usr/bin/env bash
# Runs the dbt package of contrib/dbt for real, on a private server: make test-dbt. dbt comes from PyPI, into a virtual
# environment below .work. It is not part of make test.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/../tests/e2e/scan_lib.sh"

venv="$WORK/dbt"
if ! "$venv/bin/dbt" --version >/dev/null 2>&1; then
    heading 'Installing dbt'
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet 'dbt-core==1.9.*' 'dbt-postgres==1.9.*'
fi
"$ROOT/scripts/install.sh" --if-changed
make_sample
scan_server dbt
scan_database
run_psql --quiet --output /dev/null <<'SQL'
    -- dbt runs as a role that can read the events, and write into a schema of its own.
    CREATE ROLE dbt LOGIN;
    CREATE SCHEMA analytics AUTHORIZATION dbt;
    GRANT SELECT ON cloudtrail TO dbt;
    SELECT journey('OLD', '2026-02-01 12:00Z'), journey('ONE', '2026-03-01 12:00Z'), journey('TWO', '2026-03-02 12:00Z');
SQL
mkdir -p "$SCRATCH/profiles"
cat >"$SCRATCH/profiles/profiles.yml" <<YAML
impossible_travel:
  target: test
  outputs:
    test: {type: postgres, host: "$PGHOST", port: $PGPORT, user: dbt, password: none, dbname: postgres, schema: analytics, threads: 2}
YAML
cp -R "$ROOT/contrib/dbt" "$SCRATCH/package"
dbt() {
    (cd "$SCRATCH/package" && DBT_SEND_ANONYMOUS_USAGE_STATS=false DBT_PROFILES_DIR="$SCRATCH/profiles" \
        "$venv/bin/dbt" --no-use-colors --warn-error "$@" --vars '{impossible_travel_events: public.cloudtrail}') \
        >"$SCRATCH/dbt.out" 2>&1
}
ran() { dbt "$@" || { cat "$SCRATCH/dbt.out"; fail "dbt $*"; }; }
legs() { ask 'SELECT string_agg(entity, chr(32) ORDER BY to_time, from_time) FROM analytics.impossible_legs'; }

rule 'the first run finds the impossible legs of all events, and the tests of the package pass'
ran run
same 'legs' 'OLD ONE TWO' "$(legs)"
ran test
holds 'all tests ran' grep -qE 'PASS=8 WARN=0 ERROR=0 SKIP=0' "$SCRATCH/dbt.out"

rule 'a further run adds new legs, and those of events that are late by less than the lookback'
ask "SELECT journey('THREE', '2026-03-03 12:00Z'), journey('LATE', '2026-02-28 12:00Z')" >/dev/null
ran run
same 'legs' 'OLD LATE ONE TWO THREE' "$(legs)"

rule 'a leg that a late event divides is replaced'
before=$(ask "SELECT leg_id FROM analytics.impossible_legs WHERE entity = 'TWO'")
ask "SELECT call('TWO', '2026-03-02 12:05Z', '192.0.2.1')" >/dev/null
ran run
same 'the leg is another one' 1 "$(ask "SELECT count(*) FROM analytics.impossible_legs WHERE entity = 'TWO' AND leg_id <> '$before'")"
same 'legs' 'OLD LATE ONE TWO THREE' "$(legs)"
ran test

rule 'a run that changes nothing keeps the rows'
ran run
same 'legs' 'OLD LATE ONE TWO THREE' "$(legs)"

rule 'an event that is later than the lookback makes a test fail, until a full run'
ask "SELECT journey('TOO LATE', '2026-02-10 12:00Z')" >/dev/null
ran run
same 'legs' 'OLD LATE ONE TWO THREE' "$(legs)"
if dbt test; then fail 'no test failed'; fi
holds 'the test that compares with a full run failed' grep -qE 'FAIL 1 impossible_legs_equal_a_full_run' "$SCRATCH/dbt.out"
ran run --full-refresh
same 'legs' 'OLD TOO LATE LATE ONE TWO THREE' "$(legs)"
ran test
no_crash
note "$("$venv/bin/dbt" --version 2>/dev/null | grep -E 'installed|postgres' | tr -s ' \n' ' ')"
