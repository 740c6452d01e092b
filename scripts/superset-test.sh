#!/usr/bin/env bash
# Imports the dashboard of contrib/superset into a real Apache Superset on the loopback interface, and opens it in a
# headless Chromium: make test-superset. Superset comes from PyPI, into a virtual environment below .work (2 GB, some
# minutes). It is not part of make test. PICTURES is a folder that keeps a picture of the dashboard.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/../tests/e2e/scan_lib.sh"

export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$ROOT/tests"
python3 -c 'import browser, sys; sys.exit(not browser.executable())' || die 'there is no Chromium (apt-get install chromium)'
venv="$WORK/superset"
if ! [ -f "$venv/complete" ]; then
    heading 'Installing Apache Superset'
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet "apache-superset==$(cat "$ROOT/contrib/superset/version")" psycopg2-binary
    touch "$venv/complete"
fi
"$ROOT/scripts/install.sh" --if-changed
make_sample
scan_server superset
ask 'CREATE EXTENSION impossible_travel' >/dev/null
run_psql --quiet --output /dev/null --set "folder=$(server_copy cloudtrail "$WORK/sample/cloudtrail")" <<'SQL'
    SELECT travel.create_events_table('public.cloudtrail');
    CALL travel.load_files('public.cloudtrail', :'folder');
    SELECT travel.create_rule('access_key', 'public.cloudtrail'), travel.create_rule('iam_user', 'public.cloudtrail');
    CALL travel.scan();
    -- The dashboard reads as a role with the level read.
    CREATE ROLE superset LOGIN;
    SELECT travel.grant_to('superset', 'read');
SQL

# The same files as the dashboard's, but for the address of the database.
cp -R "$ROOT/contrib/superset/impossible_travel" "$SCRATCH/impossible_travel"
sed -i "s#^sqlalchemy_uri: .*#sqlalchemy_uri: postgresql+psycopg2://superset@/postgres?host=$PGHOST#" \
    "$SCRATCH/impossible_travel/databases/impossible_travel.yaml"
(cd "$SCRATCH" && python3 -c 'import shutil; shutil.make_archive("dashboard", "zip", ".", "impossible_travel")')
cat >"$SCRATCH/superset_config.py" <<PYTHON
SECRET_KEY = "a key of the test, which ends with it"
SQLALCHEMY_DATABASE_URI = "sqlite:///$SCRATCH/superset.db"
WTF_CSRF_ENABLED = False
TALISMAN_ENABLED = False
RATELIMIT_ENABLED = False
# Metadata and results stay in the process.
CACHE_CONFIG = DATA_CACHE_CONFIG = {"CACHE_TYPE": "SimpleCache", "CACHE_DEFAULT_TIMEOUT": 60}
PYTHON
export SUPERSET_CONFIG_PATH="$SCRATCH/superset_config.py" FLASK_APP=superset SUPERSET_HOME="$SCRATCH"
superset() { "$venv/bin/superset" "$@" >>"$SCRATCH/superset.log" 2>&1 || { tail -n 40 "$SCRATCH/superset.log"; fail "superset $*"; }; }

rule 'the dashboard is imported'
superset db upgrade
superset fab create-admin --username admin --firstname a --lastname b --email admin@example.com --password admin
superset init
superset import-dashboards --path "$SCRATCH/dashboard.zip" --username admin
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$venv/bin/superset" run --host 127.0.0.1 --port "$port" --with-threads >>"$SCRATCH/superset.log" 2>&1 &
answers() { python3 -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:$port/health', timeout=5)" 2>/dev/null; }
eventually 'Superset answers' answers

charts=$(find "$ROOT/contrib/superset/impossible_travel/charts" -name '*.yaml' | wc -l)
python3 "$ROOT/scripts/superset-test.py" "http://127.0.0.1:$port" "$charts" || { tail -n 30 "$SCRATCH/superset.log"; fail 'see above'; }
no_crash
