#!/usr/bin/env bash
# pg_upgrade keeps everything, and scans continue as they would have on the old server.
#
# The old server is 15.5 and not Debian's 15.20, which stores the option pg_attver with the columns of tables. pg_upgrade and
# newer releases of pg_dump cannot read that option, with or without the extension. scripts/postgresql.sh fetches 15.5.
# shellcheck source=tests/upgrade/lib.sh
. "$(dirname "$0")/lib.sh"

# The rows of the extension's tables, without times of writing, and without transactions and the random names of
# passes. The checkpoints with the numbers of their passes are part of them.
rows_but_times() {
    rows | sed -E 's/"(raised_at|updated_at|archived_at|withdrawn_at|reopened_at|started_at|finished_at|news_at|longest_gap|last_error_at|changed_at|created_at|counted_at|pass_name|scanned|target|arrived|arriving)":("[^"]*"|[0-9]+|null),?//g'
}

install_into 15.5 16 18

upgrade() { # upgrade FROM TO [OPTION…]
    local from=$1 to=$2 name
    rule "pg_upgrade from $from to $to ${*:3}"
    on "$from"
    new_server upgrade-old
    fill
    contents >"$SCRATCH/old"
    settled >"$SCRATCH/old-settled"
    note "$(tables | wc -l) tables and sequences, $(wc -l <"$SCRATCH/old") rows and rights"
    copy_server upgrade-old upgrade-stayed
    local old_bin
    old_bin=$("$PG_CONFIG" --bindir)

    on "$to"
    # The clusters of 15 to 17 have no checksums unless they were asked for; those of 18 have.
    if [ "$to" -ge 18 ]; then INITDB=(--no-data-checksums); fi
    new_server upgrade-new
    INITDB=()
    server_stop
    as_server sh -c "cd '$SERVER_DIR' && unset PGHOST PGPORT PGDATABASE && exec \"\$@\"" - "$(pg_bin pg_upgrade)" \
        --old-bindir "$old_bin" --old-datadir "$SERVERS/upgrade-old/data" \
        --new-bindir "$("$PG_CONFIG" --bindir)" --new-datadir "$SERVER_DIR/data" \
        --username postgres --socketdir "$SERVER_DIR" --jobs 2 "${@:3}" >"$SCRATCH/said" 2>&1 ||
        fail "pg_upgrade: $(tail -n 30 "$SCRATCH/said")
$(as_server find "$SERVER_DIR/data/pg_upgrade_output.d" -name '*.txt' -exec cat {} +)"
    server_resume upgrade-new
    export PGDATABASE=audit
    unchanged 'all rows, objects and rights are there' "$SCRATCH/old" contents

    scan_quietly 'the first scan'
    unchanged 'the first scan changes nothing' "$SCRATCH/old-settled" settled
    same 'no rule evaluated its events once more' '' "$(ask "SELECT string_agg(rule, ', ')
        FROM travel_internal.scans WHERE pass_events <> 0 AND rule NOT IN ('again', 'by arrival', 'halfway', 'idle', 'gone')")"

    for name in upgrade-stayed upgrade-new; do
        if [ "$name" = upgrade-stayed ]; then on "$from"; else on "$to"; fi
        server_resume "$name"
        export PGDATABASE=audit
        # The upgraded server has scanned once.
        [ "$name" = upgrade-new ] || scan_quietly 'a scan of the old server'
        more_events
        ask "CALL travel.scan(); CALL travel.scan('halfway')" 2>/dev/null
        ask 'CALL travel.scan(); REFRESH MATERIALIZED VIEW CONCURRENTLY public.found' 2>/dev/null
        results >"$SCRATCH/results-$name"
        rows_but_times >"$SCRATCH/rows-$name"
        same 'new alerts' t "$(ask "SELECT count(*) > 10 FROM travel.alerts WHERE from_time > '2026-03-15Z'")"
    done
    unchanged 'the results are those of the server that was not upgraded' "$SCRATCH/results-upgrade-stayed" results
    unchanged 'and so are all rows, up to the passes of the checkpoints' "$SCRATCH/rows-upgrade-stayed" rows_but_times

    on "$to"
    server_at upgrade-new
    export PGDATABASE=audit
    ask "INSERT INTO travel.rules (name, owner, source, baseline) VALUES ('fresh', 'soc', 'public.cloudtrail', false);
        CALL travel.scan('fresh'); CALL travel.scan('halfway'); CALL travel.rescan('idle', '-infinity')"
    same_ends 'as a rule that never was upgraded' idle fresh
    same_ends 'as a rule that never was interrupted' halfway fresh
    case $(ask "SET enable_seqscan = off;
        EXPLAIN SELECT * FROM public.raw WHERE travel.event_time(at) > '2026-03-05'") in
    *raw_time*) ;;
    *) fail 'the index over travel.event_time is not used' ;;
    esac
    ask 'ALTER EXTENSION impossible_travel UPDATE' 2>/dev/null
    no_crash
    server_drop
    for name in upgrade-old upgrade-stayed; do
        server_at "$name"
        server_drop
    done
}

upgrade 15.5 18
upgrade 16 18 --link
