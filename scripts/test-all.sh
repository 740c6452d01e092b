#!/usr/bin/env bash
# Runs all tests on each version of PostgreSQL, and prints the summaries at the end.
# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/lib/common.sh"
cd "$ROOT"
unset PG_CONFIG

failed=
rm -f "$WORK"/test/summary-*
# What does not depend on the version is tested once, with 15.
PG=15 scripts/test.sh || failed=yes
for version in 16 17 18; do
    PG=$version scripts/test.sh setup clippy pgrx regress isolation docs e2e demo || failed=yes
done

for version in 15 16 17 18; do
    heading "Summary of the tests on PostgreSQL $version"
    cat "$WORK/test/summary-$version" 2>/dev/null || note 'they did not begin'
done
[ -z "$failed" ]
