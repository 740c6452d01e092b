#!/usr/bin/env bash
# contrib/webhook: each alert is posted once, also one that was raised while the webhook or the script was down, and names
# have no meaning to Slack.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

# Debian's package is for Debian's Python, which may not be the first one.
for python in python3 /usr/bin/python3 ''; do
    [ -n "$python" ] || skip 'psycopg2 is not installed (apt-get install python3-psycopg2)'
    ! "$python" -c 'import psycopg2' 2>/dev/null || break
done

# A webhook that writes each text that it accepts as a line, and refuses all while the file "refuse" exists.
cat >"$SCRATCH/receiver.py" <<'PYTHON'
import http.server, json, os, sys

folder = sys.argv[1]

class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if os.path.exists(f"{folder}/refuse"):
            with open(f"{folder}/refused", "a") as file:
                file.write("refused\n")
            return self.send_error(503)
        assert self.headers["Content-Type"] == "application/json"
        with open(f"{folder}/posted", "a") as file:
            file.write(json.loads(body)["text"] + "\n")
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass

server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
with open(f"{folder}/port.new", "w") as file:
    file.write(str(server.server_port))
os.rename(f"{folder}/port.new", f"{folder}/port")
server.serve_forever()
PYTHON
python3 "$SCRATCH/receiver.py" "$SCRATCH" &
eventually 'the receiver listens' test -s "$SCRATCH/port"
url="http://127.0.0.1:$(cat "$SCRATCH/port")/hook"
touch "$SCRATCH/posted"
posted() { wc -l <"$SCRATCH/posted"; }
has_posted() { [ "$(posted)" -ge "$1" ]; }

scan_server e2e-webhook
scan_database
new_rule keys
# The script runs as a role that can read alerts and nothing else.
ask "CREATE ROLE watcher LOGIN; SELECT travel.grant_to('watcher', 'read')" >/dev/null
script=(env PGUSER=watcher "$python" "$ROOT/contrib/webhook/alerts_to_webhook.py" "$url" "$SCRATCH/state")
raise() { ask "SELECT journey('$1'); CALL travel.scan()" >/dev/null; }

raise OLD
"${script[@]}" --once
rule 'the first run posts no earlier alert'
same 'posted' 0 "$(posted)"

"${script[@]}" 2>"$SCRATCH/said" &
running=$!
waits_until "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'alerts_to_webhook'" 1
rule 'an alert is posted when a scan raises it'
raise ONE
eventually 'the alert is posted' has_posted 1
same 'the text' "*medium* alert $(ask "SELECT id FROM travel.alerts WHERE entity = 'ONE'") of keys: $(ask "SELECT message FROM travel.alerts WHERE entity = 'ONE'")" \
    "$(cat "$SCRATCH/posted")"

rule 'an alert that the webhook refuses is posted later'
touch "$SCRATCH/refuse"
raise TWO
eventually 'the webhook refused it' test -s "$SCRATCH/refused"
rm "$SCRATCH/refuse"
eventually 'the alert is posted' has_posted 2
same 'texts' 2 "$(posted)"

rule 'alerts that were raised while the script did not run are posted at its next start, each once'
kill "$running"
wait "$running" 2>/dev/null || true
raise THREE
raise "<!channel> & <https://evil.example|click>"
"${script[@]}" --once
"${script[@]}" --once
same 'texts' 4 "$(posted)"
same 'each once' 4 "$(sort -u "$SCRATCH/posted" | wc -l)"

rule 'a name has no meaning to Slack'
holds 'the name is escaped' grep -qF '&lt;!channel&gt; &amp; &lt;https://evil.example|click&gt;' "$SCRATCH/posted"
same 'mentions and links' '' "$(grep -F '<' "$SCRATCH/posted" || true)"

rule 'an alert that is opened again is posted again'
ask "UPDATE travel.alerts SET status = 'archived', archive_reason = 'other' WHERE entity = 'THREE'"
ask "SELECT call('THREE', '2026-03-01 12:20Z', '192.0.2.1'); CALL travel.scan()" >/dev/null
same 'reopened' t "$(ask "SELECT reopened_at IS NOT NULL FROM travel.alerts WHERE entity = 'THREE'")"
"${script[@]}" --once
same 'texts' 5 "$(posted)"
holds 'the text says so' grep -q 'of keys, reopened: ' "$SCRATCH/posted"
no_crash
