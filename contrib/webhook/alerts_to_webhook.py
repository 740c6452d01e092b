#!/usr/bin/env python3
"""Posts each new alert of impossible_travel to a webhook, in the JSON that Slack's incoming webhooks take.

The environment variable WEBHOOK_URL has the address of the webhook: a secret, which other users could read in an
argument. The script needs psycopg2, and connects as libpq does (PGHOST, PGDATABASE, PGSERVICE, ...), as a role with the
level "read". STATE_FILE holds what the webhook accepted, so a restart posts what was missed. The first run begins with
the alerts that are raised from then on.
"""
import argparse, http.client, json, os, re, select, sys, time, urllib.request
import psycopg2

NEW = """SELECT id::text, extract(epoch FROM greatest(raised_at, reopened_at))::float8 AS at,
                concat('*', severity, '* alert ', id, ' of ', rule,
                       CASE WHEN reopened_at IS NOT NULL THEN ', reopened' END, ': ', left(message, 2000))
         FROM travel.alerts
         WHERE greatest(raised_at, reopened_at) > to_timestamp(%s) AND withdrawn_at IS NULL ORDER BY at, id"""
OVERLAP = 3600  # A scan can commit after another one that began later, so the hour before is read again.

def post(url, text):
    # No name of an attacker begins a line that looks like an alert, mentions a channel or becomes a link.
    text = "".join(c if c.isprintable() else " " for c in text)
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    request = urllib.request.Request(url, json.dumps({"text": text}).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as response:
        if response.url != url:  # Python follows a redirect with a GET request, which posts nothing.
            raise OSError("the webhook redirects to another address")

def save(state, path):
    with open(f"{path}.new", "w") as file:  # A crash or a full disk leaves the old state or the new one.
        json.dump(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(file.name, path)

def run(url, state, path, once):
    connection = psycopg2.connect(application_name="alerts_to_webhook")
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("LISTEN travel_alerts; SELECT extract(epoch FROM now())::float8")
    state.setdefault("since", cursor.fetchone()[0])
    posted = state.setdefault("posted", {})
    save(state, path)  # An alert is posted only if that can be saved, because it would be posted again and again.
    while True:
        cursor.execute(NEW, [state["since"]])
        for number, at, text in cursor.fetchall():
            if posted.get(number) != at:
                post(url, text)
                posted[number] = at
                state["since"] = max(state["since"], at - OVERLAP)
                for old in [n for n, t in posted.items() if t <= state["since"]]:
                    del posted[old]
                save(state, path)
        if once:
            return
        select.select([connection], [], [], 60)  # A notification only wakes it up: any role can send one.
        connection.poll()
        connection.notifies.clear()

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("state_file", metavar="STATE_FILE")
parser.add_argument("--once", action="store_true", help="look once, and end with status 1 if that failed")
arguments = parser.parse_args()
webhook = os.environ.get("WEBHOOK_URL", "")
if not re.fullmatch(r"https?://[!-~]+", webhook):  # Later errors would contain an invalid address.
    sys.exit("the environment variable WEBHOOK_URL has no valid address")
known = json.load(open(arguments.state_file)) if os.path.exists(arguments.state_file) else {}
while True:
    try:
        sys.exit(run(webhook, known, arguments.state_file, arguments.once))
    except (psycopg2.Error, OSError, http.client.HTTPException) as error:
        if arguments.once:
            sys.exit(f"alerts_to_webhook: {error!r}")
        print(f"trying again in 10 seconds: {error!r}", file=sys.stderr, flush=True)
        time.sleep(10)
