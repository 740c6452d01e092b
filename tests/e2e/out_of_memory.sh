#!/usr/bin/env bash
# Limits the memory of the server's processes (ulimit -v). A statement that needs more ends with an error. Rust, which
# by default aborts a process that gets no memory, aborts none. PostgreSQL does not panic either. If a process can have
# only 3 MB more than it has after it has loaded the library, it needs the memory that is set aside for the copies of an
# error that pgrx makes.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

scan_server e2e-out-of-memory 'shared_buffers = 16MB' 'max_parallel_workers_per_gather = 2' 'work_mem = 1GB' \
    'maintenance_work_mem = 1GB' 'jit = off' 'log_error_verbosity = verbose'
scan_database
folder="$SERVER_DIR/files/large"
mkdir -p "$folder"
# One document of 150,000 records, and a record of 40 MB.
seq 150000 | awk 'BEGIN { printf "{\"Records\":[" }
    { printf "%s{\"eventID\":\"%d\",\"eventTime\":\"2026-03-02T09:00:00Z\",\"userAgent\":\"a user agent of some length %d\"}", (NR > 1 ? "," : ""), $1, $1 }
    END { printf "]}" }' >"$folder/many.json"
{
    printf '{"Records":[{"eventID":"large","eventTime":"2026-03-02T09:00:00Z","userAgent":"'
    head -c 40000000 /dev/zero | tr '\0' 'a'
    printf '"}]}'
} >"$folder/large.json"
if is_root; then chown -R postgres "$folder"; fi
run_psql --quiet <<SQL
    CREATE TABLE document AS SELECT name, pg_read_file(format('%s/%s.json', '$folder', name)) AS body
    FROM unnest('{many,large}'::text[]) AS name;
    INSERT INTO public.cloudtrail (event_id, event_time, source_ip, access_key_id, actor)
    SELECT n, '2026-01-01Z'::timestamptz + n * interval '7 seconds',
        CASE WHEN n % 3 = 0 THEN inet '192.0.2.1' ELSE inet '203.0.113.1' END, 'key ' || n % 3000, 'person ' || n % 2000
    FROM generate_series(1, 60000) AS n;
    INSERT INTO travel.rules (name, owner, source) VALUES ('hungry', 'postgres', 'public.cloudtrail');
    ANALYZE;
SQL
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
statements=(
    "SELECT count(*) FROM document, travel.records(body::jsonb) AS r, travel.parse(r)"
    "SELECT sum(i.inserted) FROM document, travel.ingest('cloudtrail', body) AS i"
    "CALL travel.load_files('cloudtrail', '$folder')"
    "SELECT count(*) FROM travel.detect('cloudtrail')"
    "SELECT count(*) FROM travel.coverage('cloudtrail')"
    "SELECT travel.impossible_legs(event_time, source_ip) IS NULL FROM cloudtrail"
    "SELECT pg_column_size(travel.journey(event_time, source_ip)) FROM cloudtrail"
    "SELECT count(*) FROM travel.backtest('hungry', '2026-01-01Z', '2026-02-01Z')"
    "SELECT count(*) FROM travel.suggest('hungry', '2026-01-01Z', '2026-02-01Z')"
    "SELECT length(travel.map_html('hungry'))"
    "CALL travel.rescan('hungry', '-infinity')"
)

rule 'a statement that gets no memory ends with an error, and no process is aborted by Rust or panics'
for more in ${LIMITS:-3 12}; do
    server_stop
    (
        ulimit -v "$((loaded + more * 1024))"
        server_up
    )
    errors=0 fatal=0
    for statement in "${statements[@]}"; do
        said=$(PGOPTIONS='-c client_min_messages=warning' ask_all "$statement")
        same "processes that Rust aborted with $more MB: $statement" 0 "$(log_lines 'memory allocation of .* bytes failed|panicked')"
        others=$(grep -E '^(ERROR|WARNING|FATAL|PANIC):' <<<"$said" |
            grep -v -E '53200|a record longer than 8 MB|out of memory|[Cc]annot allocate memory|could not (load library|fork|map)|failed to map|25P01' || true)
        same "other errors with $more MB: $statement" '' "$others"
        if grep -q '^FATAL' <<<"$said"; then fatal=$((fatal + 1)); elif grep -q '^ERROR' <<<"$said"; then errors=$((errors + 1)); fi
    done
    note "$more MB more: $errors statements of ${#statements[@]} ended with an error, $fatal ended their session"
done
server_resume e2e-out-of-memory
ask "CALL travel.scan('hungry')"
new_rule whole
ask "UPDATE travel.rules SET baseline = true WHERE name = 'whole'; CALL travel.scan('whole')"
same_ends 'a scan with enough memory' whole hungry
no_crash
