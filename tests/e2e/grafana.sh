#!/usr/bin/env bash
# contrib/grafana: every query of the dashboard runs as a role with the level "read", with Grafana's macros and variables
# expanded as Grafana does, and returns the columns that its panel needs.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

dashboard="$ROOT/contrib/grafana/impossible_travel.json"
scan_server e2e-grafana
scan_database
run_psql --quiet --output /dev/null <<'SQL'
    SELECT travel.create_rule('access_key', 'public.cloudtrail', 'it''s a rule'),
           travel.create_rule('human', 'public.cloudtrail');
    SELECT call('AKIA1', '2026-02-01 12:00Z', '192.0.2.1', 'alice');
    -- The second one is not raised: both locations are known by then.
    SELECT call('AKIA1', '2026-03-01 12:00Z', '192.0.2.1', 'alice'), call('AKIA1', '2026-03-01 12:10Z', '203.0.113.1', 'alice');
    -- Across the antimeridian.
    SELECT call('AKIA2', '2026-02-01 12:00Z', '198.51.100.161', 'bob');
    SELECT call('AKIA2', '2026-03-02 12:00Z', '203.0.113.193', 'bob'), call('AKIA2', '2026-03-02 12:10Z', '198.51.100.161', 'bob');
    SELECT call('AKIA3', '2026-02-01 12:00Z', '192.0.2.1', 'carol'), call('AKIA3', '2026-02-01 12:10Z', '203.0.113.1', 'carol');
    CALL travel.scan();
    CREATE ROLE grafana LOGIN;
    SELECT travel.grant_to('grafana', 'read');
SQL

# Prints PANEL, FORMAT and the query with its macros expanded, separated by bytes 1 and ended by a byte 2.
cat >"$SCRATCH/queries.py" <<'PYTHON'
import json, re, sys

FROM, TO = "2026-01-31T10:11:12.345Z", "2026-03-31T10:11:12.345Z"
RULES = ["it's a rule", "human"]

def expanded(sql):
    quoted = ",".join("'" + rule.replace("'", "''") + "'" for rule in RULES)
    sql = sql.replace("${rule:sqlstring}", quoted)
    sql = re.sub(r"\$__timeFilter\(([^)]*)\)", rf"\1 BETWEEN '{FROM}' AND '{TO}'", sql)
    assert "$_" not in sql and "${" not in sql, sql
    return sql

dashboard = json.load(open(sys.argv[1]))
queries = [(panel["title"], target["format"], target["rawSql"]) for panel in dashboard["panels"] for target in panel["targets"]]
queries += [(f"variable {v['name']}", "table", v["query"]) for v in dashboard["templating"]["list"] if v["type"] == "query"]
ids = [panel["id"] for panel in dashboard["panels"]]
assert len(set(ids)) == len(ids), "two panels have the same id"
for a in dashboard["panels"]:
    for b in dashboard["panels"]:
        p, q = a["gridPos"], b["gridPos"]
        apart = p["x"] >= q["x"] + q["w"] or q["x"] >= p["x"] + p["w"] or p["y"] >= q["y"] + q["h"] or q["y"] >= p["y"] + p["h"]
        assert a is b or apart, f"{a['title']} lies over {b['title']}"
for title, form, sql in queries:
    sys.stdout.write("\1".join((title, form, expanded(sql))) + "\2")
PYTHON
python3 "$SCRATCH/queries.py" "$dashboard" >"$SCRATCH/queries" || fail 'the dashboard is not as expected'

rule 'every query of the dashboard returns rows to a role with the level read'
count=0
while IFS=$'\1' read -r -d $'\2' title format sql; do
    count=$((count + 1))
    rows=$(PGUSER=grafana run_psql --quiet --no-align --field-separator '|' --pset footer=off --command "$sql") ||
        fail "the query of $title: $sql"
    [ "$(wc -l <<<"$rows")" -ge 2 ] || fail "the query of $title returns no row: $sql"
    if [ "$format" = time_series ]; then
        holds "$title: a time, a name and a number" grep -qE '^time\|[a-z]+\|[a-z]+$' <<<"$(head -n 1 <<<"$rows")"
    fi
    case $title in
    Routes) note "$title: $(($(wc -l <<<"$rows") - 1)) points" ;;
    esac
done <"$SCRATCH/queries"
between 10 40 "$count" || fail "only $count queries"
note "$count queries"
no_crash
