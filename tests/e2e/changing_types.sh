#!/usr/bin/env bash
# A function that a query uses comes to return another type while the query waits. The client is tests/invariant.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

scan_server e2e-changing-types
scan_database
build_client

rule 'the query ends with an SQLSTATE of class 42 or 22, whatever the column, the entry point and the type'
"$CLIENT" changing-types || fail 'a value of one type was taken for one of another'
no_crash
