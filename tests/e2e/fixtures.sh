#!/usr/bin/env bash
# Dumps of each released version, in tests/fixtures, restore into this one; scans continue from their checkpoints, and
# the states of the aggregate keep their results. A checkpoint of a version that this one does not know is refused.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

# What a scan that has nothing to do must not change.
results() {
    ask "SELECT 'verdict' || to_jsonb(v)::text FROM travel.verdicts AS v
         UNION ALL SELECT 'alert' || (to_jsonb(a) - 'updated_at')::text FROM travel.alerts AS a
         UNION ALL SELECT 'place' || to_jsonb(k)::text FROM travel.known_places AS k
         UNION ALL SELECT 'move' || to_jsonb(k)::text FROM travel.known_transitions AS k
         ORDER BY 1"
}

scan_server e2e-fixtures
for fixture in "$ROOT"/tests/fixtures/*/; do
    of=$(basename "$fixture")
    rule "a dump of $of restores, with all rows"
    "$(pg_bin createdb)" "of_$of"
    export PGDATABASE="of_$of"
    run_psql --quiet --output /dev/null --file "$fixture/dump.sql"
    if [ "$of" = "$("$ROOT/scripts/version.sh")" ]; then
        # A column that was added after the dump was made has its default, which the rest of this test would accept.
        "$(pg_bin pg_dump)" | grep '^COPY ' | LC_ALL=C sort >"$SCRATCH/columns"
        grep '^COPY ' "$fixture/dump.sql" | LC_ALL=C sort | diff - "$SCRATCH/columns" ||
            fail "tests/fixtures/$of does not have the tables and columns of this version. Run tests/fixtures/write.sh"
    fi
    results >"$SCRATCH/before"
    same 'results of each kind' 'alert move place verdict' "$(grep -oE '^[a-z]+' "$SCRATCH/before" | sort -u | paste -s -d ' ')"
    same 'checkpoints of both kinds' t "$(ask "SELECT (SELECT count(*) > 5 FROM travel_internal.entity_states)
        AND (SELECT count(*) > 5 FROM travel_internal.baseline_states)")"

    rule "states of the aggregate of $of have the same impossible legs"
    same 'their number' t "$(ask 'SELECT count(legs) > 8 FROM public.aggregate_states')"
    same 'other legs' '' "$(ask 'SELECT name FROM public.aggregate_states GROUP BY name
        HAVING legs IS DISTINCT FROM to_jsonb(public.legs_of(state))')"
    same 'as text and back' 0 "$(ask 'SELECT count(*) FROM public.aggregate_states
        WHERE state::text::travel.journey::text <> state::text')"

    rule "scans continue from the checkpoints of $of"
    ask 'CALL travel.scan()'
    results >"$SCRATCH/after"
    cmp -s "$SCRATCH/before" "$SCRATCH/after" || fail "a scan without new events changed results
$(diff "$SCRATCH/before" "$SCRATCH/after" | cut -c 1-300 | head -n 20)"
    ask "SELECT call('AKIA1', '2026-02-14 09:05Z', '203.0.113.1', 'person 1'),
        call('AKIA2', '2026-02-13 09:45Z', '203.0.113.1', 'person 2'),
        call('AKIA3', '2026-02-11 09:05Z', '203.0.113.1', 'person 3')" >/dev/null
    ask 'CALL travel.scan()'
    new_rule again 'baseline, arrival_column' "false, 'ingested_at'"
    ask "CALL travel.scan('again')"
    same_ends 'a rule with old checkpoints, and a new one' arrivals again

    rule "the checkpoints of $of alone continue a history that the source has deleted"
    "$(pg_bin createdb)" "alone_$of"
    export PGDATABASE="alone_$of"
    run_psql --quiet --output /dev/null --file "$fixture/dump.sql"
    ask 'CREATE TABLE public.saved AS SELECT * FROM public.cloudtrail; DELETE FROM public.cloudtrail'
    ask "SELECT call('AKIA' || p, '2026-02-13 09:45Z', '203.0.113.1', 'person ' || p) FROM generate_series(1, 3) AS p" >/dev/null
    ask 'CALL travel.scan()'
    same 'the legs from London to Tokyo' 'AKIA1 AKIA2 AKIA3' "$(ask "SELECT string_agg(entity, ' ' ORDER BY entity)
        FROM travel.verdicts WHERE rule = 'arrivals' AND to_time = '2026-02-13 09:45Z' AND from_city = 'London' AND to_city = 'Tokyo'")"
    same 'who is known in Tokyo' t "$(ask "SELECT bool_or('known_place' = ANY (reasons) OR NOT raised) FROM travel.verdicts
        WHERE rule = 'moves' AND to_time = '2026-02-13 09:45Z'")"

    rule 'a checkpoint of an unknown version is refused with its rule, and a rescan replaces it'
    ask "UPDATE travel_internal.entity_checkpoints SET newest = set_byte(newest, 0, 77)
        WHERE rule = 'arrivals' AND entity = 'AKIA2'"
    ask "DELETE FROM public.cloudtrail; SELECT call('AKIA2', '2026-02-15 09:05Z', '192.0.2.1', 'person 2')" >/dev/null
    ask 'CALL travel.scan()' 2>"$SCRATCH/warnings" || true
    same 'it is the only rule with an error' 'arrivals|could not read the checkpoint of rule "arrivals"' \
        "$(ask "SELECT rule, left(last_error, 48) FROM travel.status WHERE last_error IS NOT NULL")"
    refused XX001 "SELECT travel_internal.scan_step('arrivals')"
    [[ $SAID = *'it has format version 77'*"CALL travel.rescan('arrivals', '-infinity')"* ]] || fail "$SAID"
    ask "INSERT INTO public.cloudtrail SELECT * FROM public.saved; CALL travel.rescan('arrivals', '-infinity')"
    new_rule again 'baseline, arrival_column' "false, 'ingested_at'"
    ask "CALL travel.scan('again')"
    same_ends 'after the rescan' arrivals again
    refused 22P02 "SELECT (overlay(state::text PLACING '63' FROM 3))::travel.journey FROM public.aggregate_states"
    [[ $SAID = *'format version 99'* ]] || fail "$SAID"
done
no_crash
