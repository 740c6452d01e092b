#!/usr/bin/env bash
# A session drops the extension while a statement of another waits, or while a scan is under way. The client is
# tests/invariant.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

scan_server e2e-dropped-extension 'deadlock_timeout = 100ms'

# CREATE EXTENSION, a rule and events to scan.
anew() {
    scan_database
    ask "SELECT journey('A'), journey('B')" >/dev/null
    new_rule people learning_period "'1 day'"
}
call_scan() { # in the background
    ask "CALL travel.scan()" >"$SCRATCH/scan" 2>&1 &
    scan=$!
    waits_for_lock travel.scan
}
drop_extension() { # in the background
    ask 'DROP EXTENSION impossible_travel CASCADE' >"$SCRATCH/drop" 2>&1 &
    drop=$!
    waits_for_lock 'DROP EXTENSION'
}
both_end() {
    wait "$drop" || fail "DROP EXTENSION: $(cat "$SCRATCH/drop")"
    # The scan has ended, or says that the extension is gone.
    wait "$scan" || grep -q -E 'was dropped while the statement ran|does not exist' "$SCRATCH/scan" ||
        fail "the scan: $(cat "$SCRATCH/scan")"
    same 'deadlocks' 0 "$(log_lines 'deadlock detected')"
}

rule 'a scan waits for a DROP EXTENSION that is under way before it locks a table, so there is no deadlock'
anew
session_open --quiet
session 'BEGIN; SELECT FROM travel.alerts'
drop_extension
call_scan
session ROLLBACK
both_end

rule 'DROP EXTENSION waits for a scan that is under way'
ask 'DROP TABLE cloudtrail, cloudtrail_files; DROP FUNCTION journey, call' 2>/dev/null
anew
hold_up travel_internal.scans
call_scan
drop_extension
session ROLLBACK
session_close
both_end
ask 'DROP TABLE cloudtrail, cloudtrail_files' 2>/dev/null

build_client
rule 'the statement ends with an SQLSTATE that says so, never with an internal error'
"$CLIENT" dropped-extension || fail 'a statement ended in something else'
no_crash
