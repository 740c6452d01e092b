#!/usr/bin/env bash
# Random histories, split into scans in random ways, have the results of a single scan over everything. SEED, CASES and
# FIRST choose other histories. A failing case is printed with the SQL of a smaller one that fails, too.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

build_client

start e2e-invariant "impossible_travel.geoip_path = '$SERVERS/e2e-invariant/files/geoip'" 'synchronous_commit = off'
mkdir "$SCRATCH/geoip"
"$CLIENT" geoip "$SCRATCH/geoip"
server_copy geoip "$SCRATCH/geoip/Invariant.mmdb" >/dev/null
ask 'CREATE EXTENSION impossible_travel'

rule 'any split into scans, in any order of arrival, has the results of one scan, on which two implementations agree'
"$CLIENT" run || fail 'the results of a history differ'
no_crash
