#!/usr/bin/env bash
# Many sessions at once ingest, scan, refresh a materialized view and are cut short. The client is tests/invariant.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

scan_server e2e-many-sessions 'deadlock_timeout = 100ms'
scan_database
build_client

rule 'no error, no deadlock, no event or alert twice, none lost, and each alert announced once'
"$CLIENT" many-sessions || fail 'many sessions at once'
no_crash
