#!/usr/bin/env python3
"""Posts each new alert of impossible_travel to a webhook, in the JSON that Slack's incoming webhooks take.

    WEBHOOK_URL=https://… alerts_to_webhook.py STATE_FILE [--once]

The address of the webhook is a secret, and every user of the machine could read it in an argument. The script connects
as libpq does (PGHOST, PGDATABASE, PGSERVICE, ...), as a role with the level "read", and needs psycopg2. A notification
only wakes it up: any role can send one, and none arrives while it is not connected. What it posts is in travel.alerts.
STATE_FILE holds what the webhook accepted, so a restart posts what was missed. The first run begins with the alerts
that are raised from then on. With --once, it looks once, and ends with status 1 if that failed.
"""
import http.client
import json
import os
import pathlib
import re
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
    """No name of an attacker mentions a channel, becomes a link, or begins a line that looks like an alert."""
    text = "".join(c if c.isprintable() else " " for c in text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def post(url, number, rule, severity, is_reopened, message):
    again = ", reopened" if is_reopened else ""
    body = json.dumps({"text": f"*{severity}* alert {number} of {escaped(rule)}{again}: {escaped(message)}"}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as response:
        # Python follows a redirect with a GET request, which posts nothing.
        if response.url != url:
            raise OSError("the webhook redirects to another address")


def save(state, state_file):
    """A crash or a full disk leaves the old state or the new one, never a part of one."""
    with open(f"{state_file}.new", "w") as file:
        json.dump(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(file.name, state_file)


def run(url, state, state_file, once):
    connection = psycopg2.connect(application_name="alerts_to_webhook")
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("LISTEN travel_alerts")
    if not state:
        cursor.execute("SELECT extract(epoch FROM now())::float8")
        state.update(since=cursor.fetchone()[0], posted={})
    # Nothing is posted while the state cannot be saved, because it would be posted again and again.
    save(state, state_file)
    while True:
        cursor.execute(NEW, [state["since"]])
        for number, at, *alert in cursor.fetchall():
            if state["posted"].get(str(number)) != at:
                post(url, number, *alert)
                state["posted"][str(number)] = at
                state["since"] = max(state["since"], at - OVERLAP)
                state["posted"] = {n: t for n, t in state["posted"].items() if t > state["since"]}
                save(state, state_file)
        if once:
            return
        # Without a notification it looks again after a minute.
        select.select([connection], [], [], 60)
        connection.poll()
        connection.notifies.clear()


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["--once"]):
        sys.exit(__doc__)
    webhook = os.environ.get("WEBHOOK_URL", "")
    # Later errors would contain an invalid address.
    if not re.fullmatch(r"https?://[!-~]+", webhook):
        sys.exit("the environment variable WEBHOOK_URL has no valid address")
    file_of_state = pathlib.Path(sys.argv[1])
    known = json.loads(file_of_state.read_text()) if file_of_state.exists() else {}
    while True:
        try:
            sys.exit(run(webhook, known, file_of_state, once=len(sys.argv) == 3))
        except (psycopg2.Error, OSError, http.client.HTTPException) as error:
            if len(sys.argv) == 3:
                sys.exit(f"alerts_to_webhook: {error!r}")
            print(f"trying again in 10 seconds: {error!r}", file=sys.stderr, flush=True)
            time.sleep(10)
