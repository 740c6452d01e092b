#!/usr/bin/env python3
"""Posts each new alert of impossible_travel to a webhook, in the JSON that Slack's incoming webhooks take.

    alerts_to_webhook.py WEBHOOK_URL STATE_FILE [--once]

It connects as libpq does (PGHOST, PGDATABASE, PGSERVICE, ...), as a role with the level "read", and needs psycopg2. A
notification only wakes it up: any role can send one, and none arrives while it is not connected. What it posts is in
travel.alerts. STATE_FILE holds what the webhook accepted, so a restart posts what was missed, and nothing twice. The
first run begins with the alerts that are raised from then on.
"""
import json
import pathlib
import select
import sys
import time
import urllib.request

import psycopg2

NEW = """SELECT id, extract(epoch FROM greatest(raised_at, reopened_at))::float8 AS at, rule, severity,
                reopened_at IS NOT NULL, left(message, 2000)
         FROM travel.alerts
         WHERE greatest(raised_at, reopened_at) > to_timestamp(%s) AND withdrawn_at IS NULL ORDER BY at, id"""
# A scan can commit after another one that began later, so what was raised in the hour before is read again.
OVERLAP = 3600


def escaped(text):
    """Slack gives only these characters a meaning, so no name of an attacker becomes a link or mentions a channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def post(url, number, rule, severity, is_reopened, message):
    again = ", reopened" if is_reopened else ""
    body = json.dumps({"text": f"*{severity}* alert {number} of {escaped(rule)}{again}: {escaped(message)}"}).encode()
    urllib.request.urlopen(urllib.request.Request(url, body, {"Content-Type": "application/json"}), timeout=20).close()


def run(url, state_file, once):
    connection = psycopg2.connect(application_name="alerts_to_webhook")
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("LISTEN travel_alerts")
    if not state_file.exists():
        cursor.execute("SELECT extract(epoch FROM now())::float8")
        state_file.write_text(json.dumps({"since": cursor.fetchone()[0], "posted": {}}))
    while True:
        state = json.loads(state_file.read_text())
        cursor.execute(NEW, [state["since"]])
        for number, at, *alert in cursor.fetchall():
            if state["posted"].get(str(number)) != at:
                post(url, number, *alert)
                state["posted"][str(number)] = at
                state["since"] = max(state["since"], at - OVERLAP)
                state["posted"] = {n: t for n, t in state["posted"].items() if t > state["since"]}
                state_file.write_text(json.dumps(state))
        if once:
            return
        # Without a notification it looks again after a minute.
        select.select([connection], [], [], 60)
        connection.poll()
        connection.notifies.clear()


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    while True:
        try:
            run(sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:] == ["--once"])
            break
        except (psycopg2.Error, OSError) as error:
            print(f"trying again in 10 seconds: {error}", file=sys.stderr, flush=True)
            time.sleep(10)
