#!/usr/bin/env bash
# The work of a scan does not depend on statistics that are older than the rule. From such statistics, PostgreSQL expects
# no rows of the rule, and might compare each row with each element of the arrays that a scan passes to its statements.
# auto_explain shows how many rows each node of a plan returned.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

[ -f "$("$PG_CONFIG" --pkglibdir)/auto_explain.so" ] || skip 'auto_explain is not installed'
scan_server e2e-old-statistics 'autovacuum = off'
scan_database
keys=400 legs=2000
run_psql --quiet --output /dev/null <<SQL
    SET client_min_messages = warning;
    SELECT travel.create_events_table('public.early'), travel.create_events_table('public.late');
    -- Fills a source. Each key travels between two cities, and one key does so more often than all others together.
    -- is_later: only the events between the others, which are late.
    CREATE PROCEDURE fill(source regclass, is_later boolean) LANGUAGE plpgsql AS \$\$ BEGIN
        EXECUTE format('INSERT INTO %s (event_id, event_time, source_ip, access_key_id, actor)
            SELECT k || \$f\$ \$f\$ || n, timestamptz \$f\$2026-01-01Z\$f\$ + n * interval \$f\$10 minutes\$f\$,
                CASE WHEN n %% 2 = 0 THEN inet \$f\$192.0.2.1\$f\$ ELSE inet \$f\$203.0.113.1\$f\$ END, \$f\$key \$f\$ || k, \$f\$user \$f\$ || k
            FROM generate_series(1, $keys) AS k, LATERAL generate_series(1, CASE k WHEN 1 THEN $legs ELSE 6 END) AS n
            WHERE (n %% 5 = 3) = \$1', source) USING is_later;
    END \$\$;
    CALL fill('early', false);
    INSERT INTO travel.rules (name, owner, source, baseline) VALUES ('early', 'postgres', 'public.early', true);
    CALL travel.scan();
    ANALYZE;
    CALL fill('late', false);
    INSERT INTO travel.rules (name, owner, source, baseline) VALUES ('late', 'postgres', 'public.late', false),
        ('learned', 'postgres', 'public.late', true);
SQL

# most_rows STATEMENT: the most rows that a node of a plan returned while the statement ran, all loops together, with the
# line of the node.
most_rows() {
    ask "LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_nested_statements = on;
        SET auto_explain.log_analyze = on; SET auto_explain.log_timing = off; SET auto_explain.log_level = notice; $1" \
        >/dev/null 2>"$SCRATCH/plans"
    awk 'match($0, /[(]actual rows=[0-9.]+ loops=[0-9]+[)]/) {
            nodes++
            split(substr($0, RSTART, RLENGTH), number, /[= )]+/)
            if (number[3] * number[5] >= most) { most = number[3] * number[5]; line = $0 }
        }
        END { if (nodes > 20) printf "%d %s\n", most, line }' "$SCRATCH/plans"
}

rule 'no statement of a scan compares each row of a rule with each element of an array, though the statistics do not know the rule'
few() {
    local most
    most=$(most_rows "$1")
    note "$1: at most $most"
    # Each array has a few thousand elements, and so have the verdicts of each rule.
    holds "at most 50,000 rows are compared: $1: $most" between 1 50000 "${most%% *}"
}
few 'CALL travel.scan()'
same 'legs of the rules' t "$(ask "SELECT bool_and(n > 1000) FROM (SELECT count(v.rule) AS n FROM travel.rules AS r
    LEFT JOIN travel.verdicts AS v ON v.rule = r.name GROUP BY r.name) AS c")"
ask "CALL fill('late', true)"
few 'CALL travel.scan()'
few "CALL travel.rescan('late', '-infinity')"
few "CALL travel.rescan('learned', '-infinity')"
ask "UPDATE travel.rules SET min_distance_km = 20000 WHERE name = 'late'"
few "CALL travel.rescan('late', '-infinity')"
same 'verdicts of the rule that no leg satisfies now' 0 "$(ask "SELECT count(*) FROM travel.verdicts WHERE rule = 'late'")"
no_crash
