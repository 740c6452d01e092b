#!/usr/bin/env bash
# Imports the dashboard of contrib/superset into a real Apache Superset, and opens it in a headless Chromium:
# make test-superset. Superset comes from PyPI, into a virtual environment below .work (1 GB, some minutes). It is not
# part of make test. PICTURES is a folder that keeps a picture of the dashboard.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/../tests/e2e/scan_lib.sh"

export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$ROOT/tests"
python3 -c 'import browser, sys; sys.exit(not browser.executable())' ||
    die 'there is no Chromium (apt-get install chromium)'
"$ROOT/scripts/superset-map.py" --check
venv="$WORK/superset"
version=$(cat "$ROOT/contrib/superset/version")
if [ "$(cat "$venv/complete" 2>/dev/null)" != "$version" ]; then
    heading "Installing Apache Superset $version"
    rm -rf "$venv"
    python3 -m venv "$venv"
    # Superset 6.1.0 needs rich and cachetools and does not say so, and fails with newer versions of flask-caching.
    "$venv/bin/pip" install --quiet "apache-superset==$version" psycopg2-binary rich cachetools 'flask-caching<2.4'
    printf '%s\n' "$version" >"$venv/complete"
fi
"$ROOT/scripts/install.sh" --if-changed
make_sample
scan_server superset
run_psql --quiet --output /dev/null --set "folder=$(server_copy cloudtrail "$WORK/sample/cloudtrail")" <<'SQL'
    CREATE EXTENSION impossible_travel;
    SELECT travel.create_events_table('public.cloudtrail');
    CALL travel.load_files('public.cloudtrail', :'folder');
    SELECT travel.create_rule('access_key', 'public.cloudtrail'), travel.create_rule('iam_user', 'public.cloudtrail');
    CALL travel.scan();
    UPDATE travel.alerts SET status = 'archived', archive_reason = 'expected' WHERE id = 1;
    CREATE ROLE dashboards LOGIN;
    SELECT travel.grant_to('dashboards', 'read');
SQL
# What the charts must show of a rule and a severity, or all (%), and of a time range.
charts() { # charts RULE SEVERITY SINCE UNTIL
    local alerts="FROM travel.alerts WHERE withdrawn_at IS NULL AND rule LIKE '$1' AND severity LIKE '$2'"
    local seen="$alerts AND last_seen >= '$3' AND last_seen < '$4'"
    local days="rule LIKE '$1' AND day >= '$3' AND day < timestamp '$4'"
    ask "SELECT jsonb_build_object(
            'Open alerts', (SELECT count(*) $seen AND status = 'open'),
            'Alerts by severity', (SELECT sum(alerts) FROM travel.alerts_daily WHERE $days AND severity LIKE '$2'),
            'Alerts over time', (SELECT sum(alerts) FROM travel.alerts_daily WHERE $days AND severity LIKE '$2'),
            'Top users', (SELECT count(*) $seen),
            'Coverage', (SELECT sum(events) FROM travel.coverage_daily WHERE $days),
            'Newest alerts', (SELECT jsonb_agg(id ORDER BY last_seen DESC, id DESC) $seen),
            'Routes', jsonb_build_array((SELECT count(*) $alerts AND to_time >= '$3' AND to_time < '$4'), 1))"
}
# The state of a filter of the dashboard, in the form that Superset's addresses have.
filter() { # filter NAME EXTRA_FORM_DATA VALUE
    printf 'NATIVE_FILTER-%s:(extraFormData:(%s),filterState:(value:%s),id:NATIVE_FILTER-%s,ownState:())' "$1" "$2" "$3" "$1"
}
chosen() { filter "$1" "filters:!((col:$1,op:IN,val:!($2)))" "!($2)"; } # chosen COLUMN VALUE
since=2026-03-05T00:00:00
until=2026-03-07T12:00:00
{
    printf '{"all": %s,\n' "$(charts % % 2000-01-01T00:00:00 2100-01-01T00:00:00)"
    printf ' "filtered": %s,\n' "$(charts access_key medium $since $until)"
    printf ' "query": "?native_filters=(%s,%s,%s)"}\n' "$(chosen rule access_key)" "$(chosen severity medium)" \
        "$(filter time "time_range:'$since+:+$until'" "'$since+:+$until'")"
} >"$SCRATCH/tables.json"
note "$(head -n 2 "$SCRATCH/tables.json")"

# The same files as the dashboard's, but for the address of the database.
cp -R "$ROOT/contrib/superset/impossible_travel" "$SCRATCH/impossible_travel"
sed -i "s#^sqlalchemy_uri: .*#sqlalchemy_uri: postgresql+psycopg2://dashboards@/postgres?host=$PGHOST\\&port=$PGPORT#" \
    "$SCRATCH/impossible_travel/databases/impossible_travel.yaml"
(cd "$SCRATCH" && python3 -c 'import shutil; shutil.make_archive("dashboard", "zip", ".", "impossible_travel")')
cat >"$SCRATCH/superset_config.py" <<PYTHON
SECRET_KEY = "a key of the test, which ends with it"
SQLALCHEMY_DATABASE_URI = "sqlite:///$SCRATCH/superset.db"
# The browser of the test signs in without the form.
WTF_CSRF_ENABLED = False
RATELIMIT_ENABLED = False
PYTHON
export SUPERSET_CONFIG_PATH="$SCRATCH/superset_config.py" FLASK_APP=superset SUPERSET_HOME="$SCRATCH"
superset() {
    "$venv/bin/superset" "$@" >>"$SCRATCH/superset.log" 2>&1 ||
        { tail -n 40 "$SCRATCH/superset.log"; fail "superset $*"; }
}

rule "Superset $("$venv/bin/pip" show apache-superset | sed -n 's/^Version: //p') imports the dashboard"
superset db upgrade
superset fab create-admin --username admin --firstname a --lastname b --email admin@example.com --password admin
superset init
superset import-dashboards --path "$SCRATCH/dashboard.zip" --username admin
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
address="http://127.0.0.1:$port"
"$venv/bin/superset" run --host 127.0.0.1 --port "$port" --with-threads >>"$SCRATCH/superset.log" 2>&1 &
answers() { python3 -c "import urllib.request; urllib.request.urlopen('$address/health', timeout=5)" 2>/dev/null; }
eventually 'Superset answers' answers

look() {
    python3 "$ROOT/scripts/superset-test.py" "$address" "$SCRATCH/tables.json" "$@" ||
        { tail -n 20 "$SCRATCH/superset.log"; fail 'see above'; }
}
look
# A chart without its rows is noticed.
ask 'REVOKE ALL ON travel.alert_routes FROM dashboards'
look Routes
no_crash
