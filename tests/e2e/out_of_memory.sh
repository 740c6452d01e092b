#!/usr/bin/env bash
# Limits the memory of the server's processes (ulimit -v). A statement that needs more ends with an error. Rust, which
# by default aborts a process that gets no memory, aborts none. PostgreSQL does not panic either. If a process can have
# only 3 MB more than it has after it has loaded the library, it needs the memory that is set aside for the copies of an
# error that pgrx makes. A statement that gets enough memory returns the same as without a limit, and a load that ended
# with an error leaves whole files.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

scan_server e2e-out-of-memory 'shared_buffers = 16MB' 'max_parallel_workers_per_gather = 2' 'work_mem = 1GB' \
    'maintenance_work_mem = 1GB' 'jit = off' 'log_error_verbosity = verbose'
scan_database
folder="$SERVER_DIR/files/large"
mkdir -p "$folder"
# Documents of 1,000 and 60,000 records, and a record of 40 MB. They are loaded in the order of their names.
for size in 'few 1 1000' 'many 1001 61000'; do
    read -r name first last <<<"$size"
    seq "$first" "$last" | awk 'BEGIN { printf "{\"Records\":[" }
        { printf "%s{\"eventID\":\"%d\",\"eventTime\":\"2026-03-02T09:00:00Z\",\"userAgent\":\"a user agent of some length %d\"}", (NR > 1 ? "," : ""), $1, $1 }
        END { printf "]}" }' >"$folder/$name.json"
done
{
    printf '{"Records":[{"eventID":"large","eventTime":"2026-03-02T09:00:00Z","userAgent":"'
    head -c 40000000 /dev/zero | tr '\0' 'a'
    printf '"}]}'
} >"$folder/large.json"
if is_root; then chown -R postgres "$folder"; fi
run_psql --quiet --output /dev/null <<SQL
    CREATE TABLE document AS SELECT name, pg_read_file(format('%s/%s.json', '$folder', name)) AS body
    FROM unnest('{few,many,large}'::text[]) AS name;
    INSERT INTO public.cloudtrail (event_id, event_time, source_ip, access_key_id, actor)
    SELECT n, '2026-01-01Z'::timestamptz + n * interval '7 seconds',
        CASE WHEN n % 35 = 0 THEN inet '192.0.2.1' ELSE inet '203.0.113.1' END, 'key ' || n % 3000, 'person ' || n % 2000
    FROM generate_series(1, 60000) AS n;
    INSERT INTO travel.rules (name, owner, source)
    VALUES ('hungry', 'postgres', 'public.cloudtrail'), ('scanned', 'postgres', 'public.cloudtrail');
    SELECT travel.create_events_table('loaded'), travel.create_events_table('ingested'),
        travel.create_events_table('undisturbed');
    ANALYZE;
SQL
ask "CALL travel.load_files('undisturbed', '$folder')" >/dev/null 2>&1
ask "CALL travel.scan('scanned')"
server_stop
# The memory of a process that has loaded the library, in kilobytes; it depends on the build.
server_resume e2e-out-of-memory
session_open --quiet
session "SELECT travel.locate('192.0.2.1') IS NULL"
session 'SELECT pg_backend_pid()'
loaded=$(awk '/VmSize/ { print $2 }' "/proc/${ANSWER%% *}/status")
session_close
[ -n "$loaded" ] || skip 'the memory of a process cannot be read here'
note "a process that has loaded the library has $((loaded / 1024)) MB"
# The statements of the first list only read. Those of the second one write.
reading=(
    "SELECT count(*) FROM document, travel.records(body::jsonb) AS r, travel.parse(r)"
    "SELECT count(*) FROM travel.detect('cloudtrail')"
    "SELECT count(*) FROM travel.detect('cloudtrail', all_legs => true)"
    "SELECT count(*) FROM travel.coverage('cloudtrail')"
    "SELECT cardinality(travel.impossible_legs(event_time + n * interval '1 minute', source_ip)) FROM cloudtrail, generate_series(1, 20) AS n"
    "SELECT pg_column_size(travel.journey(event_time + n * interval '1 minute', source_ip)) FROM cloudtrail, generate_series(1, 20) AS n"
    "SELECT count(*) FROM travel.backtest('hungry', '2026-01-01Z', '2026-02-01Z')"
    "SELECT count(*) FROM travel.suggest('hungry', '2026-01-01Z', '2026-02-01Z')"
    "SELECT travel.map_html('hungry') LIKE '%</html>%'"
)
writing=(
    "SELECT sum(i.inserted) FROM document, travel.ingest('ingested', body) AS i"
    "CALL travel.load_files('loaded', '$folder')"
    "CALL travel.scan('hungry')"
    "CALL travel.rescan('scanned', '-infinity')"
)
without_limit=()
for statement in "${reading[@]}"; do without_limit+=("$(ask "$statement" 2>/dev/null)"); done
# loads TABLE: prints the events of the table, and the files that are listed as loaded.
loads() {
    ask "SELECT count(*), count(DISTINCT event_id), sum(hashtext(event_id)), sum(hashtext(record::text)),
            (SELECT string_agg(format('%s %s %s', regexp_replace(path, '.*/', ''), inserted, error), ', ' ORDER BY path) FROM $1_files) FROM $1"
}
whole=$(loads undisturbed)
note "without a limit: $whole"

rule 'a statement that gets no memory ends with an error, and no process is aborted by Rust or panics'
declare -A refused_once=()
for more in ${LIMITS:-3 8 10 12}; do
    server_stop
    (
        ulimit -v "$((loaded + more * 1024))"
        server_up
    )
    errors=0 fatal=0
    for ((n = 0; n < ${#reading[@]} + ${#writing[@]}; n++)); do
        if [ "$n" -lt "${#reading[@]}" ]; then statement=${reading[n]}; else statement=${writing[n - ${#reading[@]}]}; fi
        said=$(PGOPTIONS='-c client_min_messages=warning' ask_all "$statement")
        same "processes that Rust aborted with $more MB: $statement" 0 "$(log_lines 'memory allocation of .* bytes failed|panicked')"
        others=$(grep -E '^(ERROR|WARNING|FATAL|PANIC):' <<<"$said" |
            grep -v -E '53200|a record longer than 8 MB|out of memory|[Cc]annot allocate memory|could not (load library|fork|map)|failed to map|25P01' || true)
        same "other errors with $more MB: $statement" '' "$others"
        # A scan reports the error of a rule as a warning.
        if grep -q '^FATAL' <<<"$said"; then
            fatal=$((fatal + 1))
        elif grep -q -E '^ERROR|^WARNING:  .*: scan of rule' <<<"$said"; then
            errors=$((errors + 1))
        fi
        if grep -q -E '^(ERROR|FATAL):  53200|^WARNING:  53200: scan of rule' <<<"$said"; then
            refused_once[$statement]=$more
        elif [ "$n" -lt "${#reading[@]}" ] && ! grep -q -E '^(ERROR|FATAL)' <<<"$said"; then
            same "the answer with $more MB: $statement" "${without_limit[n]}" "$said"
        fi
    done
    note "$more MB more: $errors statements of $n ended with an error, $fatal ended their session"
    holds "statements ran out of memory with $more MB" [ "$((errors + fatal))" -ge 3 ]
    # A call without worker processes certainly loads the first file before the second one takes the memory.
    PGOPTIONS='-c max_parallel_maintenance_workers=0' ask_all "CALL travel.load_files('loaded', '$folder')" >/dev/null
    loaded_now=$(ask 'SELECT count(*), count(DISTINCT event_id) FROM loaded')
    note "events in the table: $loaded_now"
    same "the events are those of whole files with $more MB" "$loaded_now" \
        "$(ask "SELECT coalesce(sum(inserted), 0), coalesce(sum(inserted), 0) FROM loaded_files WHERE error IS NULL")"
    holds "ingest left all or nothing with $more MB" grep -q -x -E '0|61001' <<<"$(ask 'SELECT count(*) FROM ingested')"
done
for statement in "${reading[@]}" "${writing[@]}"; do
    [ -n "${refused_once[$statement]:-}" ] || fail "this statement never ran out of memory: $statement"
done

rule 'with enough memory, a load that ran out of memory ends like an undisturbed one, and so does a scan'
holds "some files were loaded before: $loaded_now" between 1000 60000 "${loaded_now%%|*}"
server_resume e2e-out-of-memory
ask "CALL travel.load_files('loaded', '$folder')" >/dev/null 2>&1
same 'events and files' "$whole" "$(loads loaded)"
same 'events that were ingested' 61001 "$(ask "SELECT sum(i.inserted) FROM document, travel.ingest('ingested', body) AS i")"
same 'events of undisturbed tables that were not loaded or ingested' 0 "$(ask "SELECT count(*) FROM (SELECT event_id, event_time, record::text FROM undisturbed
    EXCEPT (SELECT event_id, event_time, record::text FROM loaded INTERSECT SELECT event_id, event_time, record::text FROM ingested)) AS o")"
ask "CALL travel.scan('hungry')"
ask "CALL travel.rescan('scanned', '-infinity')"
new_rule whole
ask "UPDATE travel.rules SET baseline = true WHERE name = 'whole'; CALL travel.scan('whole')"
same_ends 'a scan with enough memory' whole hungry
same_ends 'a rescan with enough memory' whole scanned
no_crash
