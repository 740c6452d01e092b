#!/usr/bin/env bash
# A lock that somebody holds stops the rule that needs it, and no other.
# shellcheck source=tests/e2e/scan_lib.sh
. "$(dirname "$0")/scan_lib.sh"

scan_server e2e-scan-locks 'impossible_travel.scan_lock_timeout = 5s' 'deadlock_timeout = 100ms'
scan_database
run_psql --quiet --output /dev/null <<'SQL'
    CREATE ROLE holder LOGIN;
    CREATE SCHEMA held AUTHORIZATION holder;
    SET ROLE holder;
    CREATE TABLE held.one AS SELECT * FROM (VALUES ('1', '2026-03-02 09:00Z'::timestamptz, '192.0.2.5'::inet, 'K')) AS v (event_id, event_time, source_ip, access_key_id);
    CREATE TABLE held.two AS SELECT * FROM held.one;
    CREATE TABLE held.three AS SELECT * FROM held.one;
    RESET ROLE;
    INSERT INTO travel.rules (name, owner, source, baseline) VALUES ('a', 'holder', 'held.one', false), ('b', 'holder', 'held.two', false), ('c', 'holder', 'held.three', false);
    SELECT journey('first');
SQL
new_rule z

scan() { ask "$1" >"$SCRATCH/said" 2>&1 || true; }
errors() { ask "SELECT rule, coalesce(last_error, '') FROM travel.status ORDER BY rule" | paste -s -d ' '; }
a_lock='canceling statement due to lock timeout (55P03)'

rule 'a session without any right on travel locks its own table: the other rules are scanned, and the first has a last_error'
session_open --quiet --username holder
session 'BEGIN; LOCK TABLE held.one IN ACCESS EXCLUSIVE MODE'
scan "SET statement_timeout = '5s'; CALL travel.scan()"
same 'the other was scanned' first "$(alerts_of z)"
same 'errors' "a|$a_lock b| c| z|" "$(errors)"
same 'a warning' 1 "$(grep -c 'WARNING:  the scan of the rule "a" failed' "$SCRATCH/said")"
same 'no error' 0 "$(grep -c 'ERROR' "$SCRATCH/said" || true)"

rule 'as many locked sources as there are leave time for the rule that comes last'
session 'LOCK TABLE held.two, held.three IN ACCESS EXCLUSIVE MODE'
ask "SELECT journey('second')" >/dev/null
scan "SET statement_timeout = '8s'; CALL travel.scan()"
same 'the other was scanned' 'first second' "$(alerts_of z)"
same 'errors' "a|$a_lock b|$a_lock c|$a_lock z|" "$(errors)"

rule 'a lock_timeout of the session applies if it is shorter, and is as it was afterwards'
same 'the setting' 20ms "$(ask "SET lock_timeout = '20ms'; CALL travel.scan(); SHOW lock_timeout" 2>/dev/null)"
same 'errors' "a|$a_lock b|$a_lock c|$a_lock z|" "$(errors)"

rule 'without a limit the scan waits'
PGOPTIONS='-c impossible_travel.scan_lock_timeout=0' ask 'CALL travel.scan()' &
scan=$!
waits_for_lock 'travel.scan'
session 'COMMIT'
wait "$scan"
same 'no error is left' 'a| b| c| z|' "$(errors)"
session_close

rule 'another session scans a rule, and does not come to its end: the others are scanned, and it is no error of that rule'
session_open --quiet
session "BEGIN; CALL travel.scan('a')"
ask "SELECT journey('third')" >/dev/null
scan "SET impossible_travel.scan_lock_timeout = '200ms'; CALL travel.scan()"
same 'the other was scanned' 'first second third' "$(alerts_of z)"
same 'a warning' 1 "$(grep -c 'WARNING:  the scan of the rule "a" failed: another session is scanning the rule' "$SCRATCH/said")"
refused 55P03 "SET impossible_travel.scan_lock_timeout = '200ms'; CALL travel.rescan('a', '-infinity')"
refused 55P03 "SET impossible_travel.scan_lock_timeout = '200ms'; CALL travel.scan('a')"
session COMMIT
same 'errors' 'a| b| c| z|' "$(errors)"

rule 'a lock on a table that alerts are written to ends in an error that travel.status shows once it is free'
session 'BEGIN; LOCK TABLE travel.verdicts IN SHARE MODE'
ask "SELECT journey('fourth')" >/dev/null
scan "SET impossible_travel.scan_lock_timeout = '200ms'; CALL travel.scan()"
same 'errors' "a|$a_lock b|$a_lock c|$a_lock z|$a_lock" "$(errors)"
session COMMIT
scan 'CALL travel.scan()'
same 'alerts' 'first fourth second third' "$(alerts_of z)"
same 'errors' 'a| b| c| z|' "$(errors)"

rule 'if the error of a rule cannot be kept for travel.status, the others are scanned, and the call ends in an error'
ask "ALTER TABLE held.one RENAME COLUMN event_time TO other_time"
run_psql --quiet --output /dev/null <<'SQL'
    CREATE FUNCTION public.no_errors() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no room for it' USING ERRCODE = '53100'; END $$;
    CREATE TRIGGER no_errors BEFORE UPDATE ON travel.scans FOR EACH ROW WHEN (NEW.last_error IS NOT NULL) EXECUTE FUNCTION public.no_errors();
    SELECT journey('fifth');
SQL
refused 53100 'CALL travel.scan()'
same 'the other was scanned' 'fifth first fourth second third' "$(alerts_of z)"
ask 'DROP TRIGGER no_errors ON travel.scans'
session_close

rule 'a cancel from outside ends the call and is noted; so does statement_timeout'
run_psql --quiet --output /dev/null <<'SQL'
    ALTER TABLE held.one RENAME COLUMN other_time TO event_time;
    SET ROLE holder;
    CREATE FUNCTION held.sleeps(text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN PERFORM pg_sleep(600); RETURN true; END $$;
    RESET ROLE;
    UPDATE travel.rules SET condition = 'held.sleeps(event_id)' WHERE name = 'b';
SQL
ask 'CALL travel.scan()' 2>"$SCRATCH/said" &
scan=$!
waits_until "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'" 1
ask "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'" >/dev/null
if wait "$scan"; then fail 'the call did not end in an error'; fi
same 'errors' 'a| b|canceling statement due to user request (57014) c| z|' "$(errors)"
if PGOPTIONS='-c statement_timeout=2s' ask "CALL travel.scan('b')" 2>"$SCRATCH/said"; then fail 'the call did not end in an error'; fi
same 'errors' 'a| b|canceling statement due to statement timeout (57014) c| z|' "$(errors)"

rule 'so does a cancel while a scan looks for the reason why no row could be used'
run_psql --quiet --output /dev/null <<'SQL'
    SET ROLE holder;
    CREATE SEQUENCE held.reads;
    CREATE FUNCTION held.sleeps_later() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN IF nextval('held.reads') > 2 THEN PERFORM pg_sleep(600); END IF; RETURN true; END $$;
    CREATE VIEW held.later AS SELECT event_id, event_time, 'no address'::text AS source_ip, access_key_id FROM held.one WHERE held.sleeps_later();
    RESET ROLE;
    SET client_min_messages = error;
    INSERT INTO travel.rules (name, owner, source, baseline) VALUES ('later', 'holder', 'held.later', false);
    SELECT setval('held.reads', 1, false);
SQL
if PGOPTIONS='-c statement_timeout=2s' ask 'CALL travel.scan('"'later'"')' 2>"$SCRATCH/said"; then fail 'the call did not end in an error'; fi
same 'the error' 'canceling statement due to statement timeout' "$(sed -n 's/^.*ERROR:  //p' "$SCRATCH/said")"
same 'it was the third read' 3 "$(ask 'SELECT last_value FROM held.reads')"
same 'errors' 'canceling statement due to statement timeout (57014)' "$(ask "SELECT last_error FROM travel.status WHERE rule = 'later'")"
no_crash
