#!/usr/bin/env bash
# contrib/webhook: each alert is posted once, also one that was raised while the webhook or the script was down, and names
# have no meaning to Slack. Neither the script's arguments nor its messages contain the secret address of the webhook.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

# Debian's package is for Debian's Python, which may not be the first one.
for python in python3 /usr/bin/python3 ''; do
    [ -n "$python" ] || skip 'psycopg2 is not installed (apt-get install python3-psycopg2)'
    ! "$python" -c 'import psycopg2' 2>/dev/null || break
done

# A webhook that writes each text that it accepts as a line. While the file "refuse" exists, it answers what the file
# says: a status, or a line that is not HTTP.
cat >"$SCRATCH/receiver.py" <<'PYTHON'
import http.server, json, os, sys

folder = sys.argv[1]

class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if os.path.exists(f"{folder}/refuse"):
            with open(f"{folder}/refuse") as file:
                answer = file.read().strip()
            with open(f"{folder}/refused", "a") as file:
                file.write("refused\n")
            if not answer.isdigit():
                return self.wfile.write(answer.encode() + b"\r\n\r\n")
            self.send_response(int(answer))
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        assert self.headers["Content-Type"] == "application/json"
        with open(f"{folder}/posted", "a") as file:
            file.write(json.loads(body)["text"] + "\n")
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

    def do_GET(self):
        self.send_response(200)
        self.end_headers()

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
url="http://127.0.0.1:$(cat "$SCRATCH/port")/the-secret"
touch "$SCRATCH/posted"
posted() { wc -l <"$SCRATCH/posted"; }
has_posted() { [ "$(posted)" -ge "$1" ]; }

scan_server e2e-webhook
scan_database
new_rule keys
# The script runs as a role that can read alerts and nothing else.
ask "CREATE ROLE watcher LOGIN; SELECT travel.grant_to('watcher', 'read')" >/dev/null
script=("$python" "$ROOT/contrib/webhook/alerts_to_webhook.py" "$SCRATCH/state")
export WEBHOOK_URL="$url"
posts() { PGUSER=watcher timeout "$PATIENCE" "${script[@]}" "$@"; }
raise() { ask "SELECT journey('$1'); CALL travel.scan()" >/dev/null; }

rule 'without a valid address the script ends, and does not print it'
for invalid in '' 'hooks.example.com/the-secret' 'https://hooks.example.com/the secret'; do
    if said=$(WEBHOOK_URL=$invalid posts --once 2>&1); then fail "accepted: $invalid"; fi
    same 'what it says' 'the environment variable WEBHOOK_URL has no valid address' "$said"
done

raise OLD
posts --once
rule 'the first run posts no earlier alert'
same 'posted' 0 "$(posted)"

PGUSER=watcher "${script[@]}" 2>"$SCRATCH/said" &
running=$!
waits_until "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'alerts_to_webhook'" 1
rule 'an alert is posted when a scan raises it'
raise ONE
eventually 'the alert is posted' has_posted 1
same 'the text' "*medium* alert $(ask "SELECT id FROM travel.alerts WHERE entity = 'ONE'") of keys: $(ask "SELECT message FROM travel.alerts WHERE entity = 'ONE'")" \
    "$(cat "$SCRATCH/posted")"

rule 'an alert that the webhook refuses is posted later'
echo 503 >"$SCRATCH/refuse"
raise TWO
eventually 'the webhook refused it' test -s "$SCRATCH/refused"
rm "$SCRATCH/refuse"
eventually 'the alert is posted' has_posted 2
same 'texts' 2 "$(posted)"
holds 'the script said why' grep -q '^trying again in 10 seconds: .*503' "$SCRATCH/said"

rule 'alerts that were raised while the script did not run are posted at its next start, each once'
kill "$running"
wait "$running" 2>/dev/null || true
raise THREE
raise "<!channel> & <https://evil.example|click>"
posts --once
posts --once
same 'texts' 4 "$(posted)"
same 'each once' 4 "$(sort -u "$SCRATCH/posted" | wc -l)"

rule 'a name has no meaning to Slack'
holds 'the name is escaped' grep -qF '&lt;!channel&gt; &amp; &lt;https://evil.example|click&gt;' "$SCRATCH/posted"
same 'mentions and links' '' "$(grep -F '<' "$SCRATCH/posted" || true)"

rule 'a name with line breaks does not begin a line'
ask "SELECT journey(E'\n*critical* alert 1 of keys: all is well\r\u2028\u202egnihton'); CALL travel.scan()" >/dev/null
posts --once
same 'texts' 5 "$(posted)"
same 'lines that begin as an alert' 5 "$(grep -c '^\*medium\* alert [0-9]* of keys: ' "$SCRATCH/posted")"
holds 'no character breaks or turns a line' python3 -c "
import sys
sys.exit(not all(line.isprintable() for line in open('$SCRATCH/posted', encoding='utf-8', newline='').read().split('\n')))"

rule 'a single look that fails ends with status 1, and the alert is posted later'
raise FOUR
# A status that tells to come back later, one that Python would follow with a GET request, and an answer that is not HTTP.
for answer in 429 302 'this is not HTTP'; do
    echo "$answer" >"$SCRATCH/refuse"
    status=0
    posts --once 2>>"$SCRATCH/said" || status=$?
    same "status after $answer" 1 "$status"
done
rm "$SCRATCH/refuse"
same 'texts' 5 "$(posted)"
posts --once
same 'texts' 6 "$(posted)"

rule 'while the state cannot be saved, nothing is posted, and the old state remains'
raise FIVE
before=$(cat "$SCRATCH/state")
status=0
# No file can grow, as on a full disk.
(ulimit -f 0 && posts --once) 2> >(cat >>"$SCRATCH/said") || status=$?
same 'status' 1 "$status"
same 'state' "$before" "$(cat "$SCRATCH/state")"
same 'texts' 6 "$(posted)"
posts --once
same 'texts' 7 "$(posted)"

rule 'every failure was expected, and the script never printed the address of the webhook'
same 'lines with it' '' "$(grep -E 'Traceback|the-secret' "$SCRATCH/said" || true)"

rule 'an alert that is opened again is posted again'
ask "UPDATE travel.alerts SET status = 'archived', archive_reason = 'other' WHERE entity = 'THREE'"
ask "SELECT call('THREE', '2026-03-01 12:20Z', '192.0.2.1'); CALL travel.scan()" >/dev/null
same 'reopened' t "$(ask "SELECT reopened_at IS NOT NULL FROM travel.alerts WHERE entity = 'THREE'")"
posts --once
same 'texts' 8 "$(posted)"
holds 'the text says so' grep -q 'of keys, reopened: ' "$SCRATCH/posted"
no_crash
