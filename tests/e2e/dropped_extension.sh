#!/usr/bin/env bash
# A session drops the extension while a statement of another waits. The client is tests/invariant.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

scan_server e2e-dropped-extension
build_client

rule 'the statement ends with an SQLSTATE that says so, never with an internal error'
"$CLIENT" dropped-extension || fail 'a statement ended in something else'
no_crash
