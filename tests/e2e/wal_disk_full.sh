#!/usr/bin/env bash
# Fills the disk of the write-ahead log during a load, a scan and a rescan. PostgreSQL then stops with PANIC. Once there
# is room again and the server is started, nothing is lost, doubled or half done, and the next call continues. The test
# needs root to mount a small file system. The test disk_full does the same with the disk of the tables.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

is_root || skip 'only root can mount a small file system'

# Small segments, which are neither made in advance nor used again, so a full disk is noticed soon.
INITDB=(--wal-segsize=1)
scan_server e2e-wal-disk-full 'autovacuum = off' 'jit = off' 'impossible_travel.scan_batch = 500' 'wal_recycle = off' \
    'min_wal_size = 2MB' 'max_wal_size = 4GB' 'checkpoint_timeout = 1h'
scan_database
folder="$SERVER_DIR/files/many"
mkdir -p "$folder"
for ((n = 0; n < 30; n++)); do
    seq "$((n * 200))" "$((n * 200 + 199))" | awk 'BEGIN { printf "{\"Records\":[" }
        { printf "%s{\"eventID\":\"%06d\",\"eventTime\":%d,\"eventName\":\"GetObject\",\"eventSource\":\"s3.amazonaws.com\",\"sourceIPAddress\":\"%s\",\"userIdentity\":{\"type\":\"IAMUser\",\"accountId\":\"111122223333\",\"accessKeyId\":\"AKIA%d\",\"userName\":\"person %d\"}}",
            (NR > 1 ? "," : ""), $1, 1772323200 + $1 * 60, ($1 % 7 == 0 ? "203.0.113.1" : "192.0.2.1"), $1 % 50, $1 % 50 }
        END { printf "]}" }' >"$folder/$(printf '%02d' "$n").json"
done
chown -R postgres "$folder"
new_rule starved 'learning_period' "'1 day'"
# The slot of a standby that is not connected, for which PostgreSQL keeps the log.
ask "SELECT pg_create_physical_replication_slot('away', true)" >/dev/null

# The log moves to a disk of its own.
disk="$SERVER_DIR/wal"
server_stop
as_server mkdir "$disk"
mount -t tmpfs -o "size=64m,mode=0700,uid=$(id -u postgres),gid=$(id -g postgres)" tmpfs "$disk" 2>/dev/null ||
    skip 'no file system can be mounted here'
MOUNTED+=("$disk")
as_server cp -a "$SERVER_DIR/data/pg_wal/." "$disk/"
# Without the segments that initdb made in advance.
current=$(as_server "$(pg_bin pg_controldata)" "$SERVER_DIR/data" | sed -n "s/^Latest checkpoint's REDO WAL file: *//p")
for segment in "$disk"/????????????????????????; do
    [[ ! $(basename "$segment") > $current ]] || rm "$segment"
done
as_server rm -r "$SERVER_DIR/data/pg_wal"
as_server ln -s "$disk" "$SERVER_DIR/data/pg_wal"
server_up

room() { # room KILOBYTES: gives the disk this much room, beside what it holds
    mount -o "remount,size=$(($(df --output=used --block-size=1k "$disk" | tail -n 1) + $1))k" "$disk"
}
is_down() { ! as_server "$(pg_bin pg_ctl)" --pgdata "$SERVER_DIR/data" status >/dev/null; }
# After a PANIC, PostgreSQL restarts if the last segment has room for what recovery writes. The restarted server then fails
# as soon as it needs another segment.
stops() {
    is_down || { ask 'SELECT pg_switch_wal()' >/dev/null 2>&1 || true; is_down; }
}
events='SELECT count(*), count(DISTINCT event_id) FROM cloudtrail'
# starved WHAT SQL: runs the statement with more and more room until it succeeds. Until then, the server stops, and is
# started again once there is room.
starved() {
    local kilobytes stopped=0 panics succeeded=no
    for kilobytes in 0 1024 2048 3072 6144 12288; do
        ask 'CHECKPOINT'
        panics=$(log_lines 'PANIC:')
        room "$kilobytes"
        SAID=$(ask_all "$2")
        if ! grep -q -E '^(ERROR|WARNING|FATAL|PANIC|psql: error|server closed|connection to server)' <<<"$SAID"; then
            note "$1: the server stopped $stopped times, and $kilobytes kB were enough"
            succeeded=yes
            break
        fi
        eventually "the server stops ($1)" stops
        holds "the server stopped with PANIC ($1): $SAID" [ "$(log_lines 'PANIC:')" -gt "$panics" ]
        stopped=$((stopped + 1))
        room 65536
        server_up
        same "$1 with $kilobytes kB: events beside those of listed files; raised verdicts without an alert" '0|0' \
            "$(ask "SELECT (SELECT count(*) FROM cloudtrail) - (SELECT coalesce(sum(inserted), 0) FROM cloudtrail_files),
                (SELECT count(*) FROM travel.verdicts AS v LEFT JOIN travel.alerts AS a ON a.id = v.alert_id WHERE v.raised AND a.id IS NULL)")"
    done
    room 65536
    same "$1 ends with enough room: $SAID" yes "$succeeded"
    holds "the server stopped often enough during $1: $stopped" [ "$stopped" -ge 2 ]
}

rule 'a load that a full disk of the write-ahead log ended keeps its committed files, and the next call loads the rest'
starved 'travel.load_files' "CALL travel.load_files('cloudtrail', '$folder')"
same 'events that were loaded' '6000|6000' "$(ask "$events")"
same 'files that were loaded' '30|6000' "$(ask 'SELECT count(*), sum(inserted) FROM cloudtrail_files WHERE error IS NULL')"

rule 'a scan that a full disk of the log ended is continued by the next one, with the results of a scan with enough room'
starved 'a first scan' "CALL travel.scan('starved')"
same 'no error is left' '' "$(error_of starved)"
new_rule roomy 'learning_period' "'1 day'"
ask "CALL travel.scan('roomy')"
same_ends 'one scan of everything' roomy starved

rule 'a rescan that a full disk of the log ended is continued, too, with the results of a rescan with enough room'
ask "INSERT INTO travel.suppressions (country_code_a, reason) VALUES ('JP', 'an office there')"
starved 'travel.rescan' "CALL travel.rescan('starved', '-infinity')"
ask "CALL travel.rescan('roomy', '-infinity')"
same_ends 'one rescan of everything' roomy starved
same 'the events are the same' '6000|6000' "$(ask "$events")"

rule 'the full disk of the log is the only reason for which the server stopped'
# PANIC ends the process with signal 6.
no_crash 'PANIC: .*No space left on device|terminated by signal 6|all server processes terminated'
