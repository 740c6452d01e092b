#!/usr/bin/env bash
# Random histories, split into scans in random ways: all end in what one scan over everything ends in. SEED, CASES and
# FIRST choose others; a case that fails is shown with the SQL of a smaller one that fails, too.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

build_client

start e2e-invariant "impossible_travel.geoip_path = '$SERVERS/e2e-invariant/files/geoip'" 'synchronous_commit = off'
mkdir "$SCRATCH/geoip"
"$CLIENT" geoip "$SCRATCH/geoip"
server_copy geoip "$SCRATCH/geoip/Invariant.mmdb" >/dev/null
ask 'CREATE EXTENSION impossible_travel'

rule 'any split into scans, in any order of arrival, ends in one scan over everything, which two implementations agree on'
"$CLIENT" run || fail 'a history ends in something else'
no_crash
