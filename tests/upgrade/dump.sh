#!/usr/bin/env bash
# A dump of one version of PostgreSQL restores into a later one, where scans continue.
# shellcheck source=tests/upgrade/lib.sh
. "$(dirname "$0")/lib.sh"

install_into 15 15.5 16 17 18

# The clients are those of the new version, as PostgreSQL recommends, unless the last argument says otherwise. All roles
# come first, because rules and rights name them.
dump() { # dump FROM TO CLIENTS
    local from=$1 to=$2 clients=$3 name
    rule "a dump of $from by the clients of $clients into $to, with 4 jobs"
    on "$from"
    new_server dump-old
    fill
    contents >"$SCRATCH/old"
    settled >"$SCRATCH/old-settled"
    on "$clients"
    rm -rf "$SCRATCH/dump"
    "$(pg_bin pg_dumpall)" --roles-only --file "$SCRATCH/roles.sql"
    "$(pg_bin pg_dump)" --create --format directory --jobs 4 --file "$SCRATCH/dump" audit

    on "$to"
    new_server dump-new
    # The role postgres exists.
    run_psql --quiet --output /dev/null --set ON_ERROR_STOP=0 --file "$SCRATCH/roles.sql" 2>"$SCRATCH/said"
    same 'all roles but the first are created' 1 "$(grep -c 'ERROR:' "$SCRATCH/said")"
    "$(pg_bin pg_restore)" --exit-on-error --create --jobs 4 --dbname postgres "$SCRATCH/dump" 2>"$SCRATCH/said" ||
        fail "pg_restore: $(cat "$SCRATCH/said")"
    export PGDATABASE=audit
    unchanged 'all rows, objects and rights are there' "$SCRATCH/old" contents

    scan_quietly 'the first scan'
    without_pass "$SCRATCH/old-settled" >"$SCRATCH/wanted"
    settled_without_pass() { settled | without_pass; }
    unchanged 'the first scan changes no result' "$SCRATCH/wanted" settled_without_pass
    same 'it read the events once more, as transaction numbers mean nothing here' t \
        "$(ask "SELECT pass_events > 400 FROM travel_internal.scans WHERE rule = 'by xid'")"

    for name in dump-old dump-new; do
        if [ "$name" = dump-old ]; then on "$from"; else on "$to"; fi
        server_at "$name"
        export PGDATABASE=audit
        more_events
        ask "CALL travel.scan(); CALL travel.scan('halfway')" 2>/dev/null
        results >"$SCRATCH/results-$name"
        same 'new alerts' t "$(ask "SELECT count(*) > 10 FROM travel.alerts WHERE from_time > '2026-03-15Z'")"
    done
    unchanged 'the results are those of the old server' "$SCRATCH/results-dump-old" results
    no_crash
    server_drop
    server_at dump-old
    server_drop
}

dump 15.5 18 18
dump 15 18 15
dump 16 17 17
