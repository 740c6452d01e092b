-- Scans: evaluating what arrived, evaluating it again, and deleting what is old ---------------------------------------

CREATE FUNCTION travel_internal.scan_step(rule text) RETURNS boolean
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'travel_scan_step';
COMMENT ON FUNCTION travel_internal.scan_step(text) IS
    'One step of travel.scan for a rule, in one transaction; returns whether there is more to do';
REVOKE ALL ON FUNCTION travel_internal.scan_step(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION travel_internal.scan_step(text) TO @extowner@;

CREATE FUNCTION travel_internal.may_commit() RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_may_commit';
COMMENT ON FUNCTION travel_internal.may_commit() IS
    'Whether the calling procedure may commit, which it may not in a transaction block. Until the transaction ends, '
    'the extension cannot be dropped';

CREATE FUNCTION travel_internal.scan_step_ended() RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_scan_step_ended';
COMMENT ON FUNCTION travel_internal.scan_step_ended() IS
    'How the last scan step of this session ended: none, failed, busy (another session scans the rule), canceled, or '
    'deleted (the rule no longer exists)';
REVOKE ALL ON FUNCTION travel_internal.scan_step_ended() FROM PUBLIC;

CREATE FUNCTION travel_internal.note_scan_error(rule text, error text) RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'travel_note_scan_error';
COMMENT ON FUNCTION travel_internal.note_scan_error(text, text) IS
    'Stores the error of the scan of a rule for travel.status';
REVOKE ALL ON FUNCTION travel_internal.note_scan_error(text, text) FROM PUBLIC;

CREATE FUNCTION travel_internal.note_rule() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'travel_note_rule';
COMMENT ON FUNCTION travel_internal.note_rule() IS
    'Trigger function: stores for travel.status that a rule cannot be used as it was written';
REVOKE ALL ON FUNCTION travel_internal.note_rule() FROM PUBLIC;
CREATE TRIGGER note AFTER INSERT OR UPDATE ON travel.rules
    FOR EACH ROW EXECUTE FUNCTION travel_internal.note_rule();
COMMENT ON TRIGGER note ON travel.rules IS 'Shows in travel.status that a rule cannot be used, before the next scan';

CREATE PROCEDURE travel.scan(rule text DEFAULT NULL)
    LANGUAGE plpgsql
AS $$
DECLARE
    -- First of all, so DROP EXTENSION waits for this call before it locks the tables.
    can_commit CONSTANT boolean := travel_internal.may_commit();
    -- At these isolation levels, PostgreSQL would end most steps with 40001 while other sessions use the same tables. A
    -- scan does not need them, so its transactions are READ COMMITTED. COMMIT AND CHAIN keeps this level.
    is_strict CONSTANT boolean := can_commit AND pg_catalog.current_setting('transaction_isolation')
        OPERATOR(pg_catalog.=) ANY ('{repeatable read,serializable}'::pg_catalog.text[]);
    -- Qualified, because the search_path of the caller may contain other types with these names.
    names pg_catalog.text[] := ARRAY(
        SELECT r.name FROM travel.rules AS r
        WHERE (scan.rule IS NULL AND r.enabled) OR r.name OPERATOR(pg_catalog.=) scan.rule
        ORDER BY r.name);
    name pg_catalog.text;
    is_more boolean;
    is_canceled boolean;
    has_detail boolean;
    ended pg_catalog.text;
    state pg_catalog.text;
    message pg_catalog.text;
    detail pg_catalog.text;
    hint pg_catalog.text;
    not_noted pg_catalog.text;
    not_noted_state pg_catalog.text;
BEGIN
    IF scan.rule IS NOT NULL AND names OPERATOR(pg_catalog.=) '{}' THEN
        PERFORM travel.check_rule(scan.rule);
    END IF;
    IF is_strict THEN
        COMMIT;
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    END IF;
    FOREACH name IN ARRAY names LOOP
        is_more := true;
        WHILE is_more LOOP
            state := NULL;
            is_canceled := false;
            -- An error of one rule does not stop the others, whatever its functions raise. Canceling the session does.
            BEGIN
                is_more := travel_internal.scan_step(name);
            EXCEPTION WHEN OTHERS OR ASSERT_FAILURE OR QUERY_CANCELED THEN
                GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
                    detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
                ended := travel_internal.scan_step_ended();
                is_canceled := state OPERATOR(pg_catalog.=) '57014' AND ended OPERATOR(pg_catalog.<>) 'failed';
                IF is_canceled AND NOT can_commit THEN
                    RAISE;
                END IF;
                is_more := false;
            END;
            -- A block that catches errors may not contain COMMIT. Storing an error is a transaction of its own.
            IF can_commit THEN
                COMMIT AND CHAIN;
            END IF;
            IF state IS NOT NULL AND ended OPERATOR(pg_catalog.=) 'deleted' THEN
                -- The caller asked for this rule, and only an error tells the caller that it was not scanned.
                IF scan.rule IS NOT NULL THEN
                    RAISE EXCEPTION 'rule "%" was deleted before its scan ended', name
                        USING DETAIL = 'Another session deleted the rule after travel.scan was called.',
                            HINT = 'To scan all enabled rules: CALL travel.scan().', ERRCODE = '42704';
                END IF;
                RAISE NOTICE 'rule "%" was deleted before its scan ended', name
                    USING DETAIL = 'Another session deleted the rule after travel.scan was called.';
            ELSIF state IS NOT NULL THEN
                -- If another session scans the rule, that session stores how the scan ended.
                IF ended OPERATOR(pg_catalog.<>) 'busy' THEN
                    BEGIN
                        PERFORM travel_internal.note_scan_error(
                            name, pg_catalog.format('%s (%s)', pg_catalog.left(message, 1000), state));
                    EXCEPTION WHEN OTHERS THEN
                        -- An error that travel.status cannot show ends the call. In the caller's transaction it does so
                        -- at once, because the transaction must be tried again; otherwise after the other rules.
                        IF NOT can_commit THEN
                            RAISE;
                        END IF;
                        not_noted := SQLERRM;
                        not_noted_state := SQLSTATE;
                    END;
                    IF can_commit THEN
                        COMMIT AND CHAIN;
                    END IF;
                END IF;
                -- None of these is NULL. nullif would use an operator of the search_path.
                has_detail := detail OPERATOR(pg_catalog.<>) '' AND NOT is_canceled;
                detail := CASE WHEN has_detail THEN pg_catalog.left(detail, 2000)
                               ELSE pg_catalog.format('The scan of rule "%s" raised the error.', name) END;
                hint := CASE WHEN hint OPERATOR(pg_catalog.<>) '' THEN pg_catalog.left(hint, 2000)
                             ELSE 'travel.status shows the error until a scan of the rule succeeds.' END;
                IF is_canceled THEN
                    RAISE EXCEPTION USING MESSAGE = message, DETAIL = detail, HINT = hint, ERRCODE = state;
                END IF;
                -- As above, if the caller asked for this rule.
                IF ended OPERATOR(pg_catalog.=) 'busy' AND scan.rule IS NOT NULL THEN
                    RAISE EXCEPTION USING MESSAGE = message, DETAIL = detail, HINT = hint, ERRCODE = state;
                END IF;
                -- The message of the warning names the rule, and RAISE takes no DETAIL that is NULL.
                message := pg_catalog.left(message, 1000);
                IF has_detail THEN
                    RAISE WARNING 'scan of rule "%" failed: %', name, message
                        USING DETAIL = detail, HINT = hint, ERRCODE = state;
                ELSE
                    RAISE WARNING 'scan of rule "%" failed: %', name, message USING HINT = hint, ERRCODE = state;
                END IF;
            END IF;
        END LOOP;
    END LOOP;
    IF not_noted IS NOT NULL THEN
        RAISE EXCEPTION 'could not store the error of a rule for travel.status: %', not_noted
            USING DETAIL = 'A warning shows the error of the rule. All other rules were scanned.',
                HINT = 'Remove the cause, and run travel.scan again.', ERRCODE = not_noted_state;
    END IF;
    IF is_strict THEN
        -- What the caller does next has the caller's isolation level.
        COMMIT;
    END IF;
END
$$;
COMMENT ON PROCEDURE travel.scan(text) IS
    'Evaluates the events that arrived since the last scan, by one rule or by all enabled rules (the default). It '
    'commits as it proceeds. Requires the level admin';
REVOKE ALL ON PROCEDURE travel.scan(text) FROM PUBLIC;

CREATE FUNCTION travel_internal.begin_rescan(rule text, since timestamptz) RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'travel_begin_rescan';
COMMENT ON FUNCTION travel_internal.begin_rescan(text, timestamptz) IS
    'Makes the next scan steps of a rule evaluate the events after a time again';
REVOKE ALL ON FUNCTION travel_internal.begin_rescan(text, timestamptz) FROM PUBLIC;

CREATE PROCEDURE travel.rescan(rule text, since timestamptz)
    LANGUAGE plpgsql
AS $$
DECLARE
    can_commit CONSTANT boolean := travel_internal.may_commit();
    -- As in travel.scan.
    is_strict CONSTANT boolean := can_commit AND pg_catalog.current_setting('transaction_isolation')
        OPERATOR(pg_catalog.=) ANY ('{repeatable read,serializable}'::pg_catalog.text[]);
    is_more boolean;
    is_again boolean;
    has_begun boolean := false;
    ended pg_catalog.text;
    state pg_catalog.text;
    message pg_catalog.text;
    detail pg_catalog.text;
    hint pg_catalog.text;
BEGIN
    -- Nothing is scanned for a call that cannot succeed, and the error is not one of the rule's scans.
    IF rule IS NULL OR since IS NULL THEN
        PERFORM travel_internal.begin_rescan(rule, since);
    END IF;
    IF is_strict THEN
        COMMIT;
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    END IF;
    -- A pass in progress is finished first.
    <<passes>>
    FOREACH is_again IN ARRAY '{f,t}'::pg_catalog.bool[] LOOP
        is_more := true;
        WHILE is_more LOOP
            BEGIN
                IF is_again AND NOT has_begun THEN
                    PERFORM travel_internal.begin_rescan(rule, since);
                END IF;
                is_more := travel_internal.scan_step(rule);
                has_begun := is_again;
            EXCEPTION WHEN OTHERS OR ASSERT_FAILURE OR QUERY_CANCELED THEN
                -- What would be read again from its beginning needs no checkpoint, so one that cannot be read is no
                -- obstacle: the pass in progress is given up.
                CONTINUE passes WHEN SQLSTATE OPERATOR(pg_catalog.=) 'XX001' AND NOT is_again
                    AND since OPERATOR(pg_catalog.=) '-infinity';
                IF NOT can_commit THEN
                    RAISE;
                END IF;
                GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
                    detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
                ended := travel_internal.scan_step_ended();
            END;
            IF can_commit THEN
                COMMIT AND CHAIN;
            END IF;
            -- The error is stored as travel.scan does, and raised again, because there is no other rule to continue
            -- with.
            IF state IS NOT NULL THEN
                IF ended OPERATOR(pg_catalog.<>) 'busy' THEN
                    BEGIN
                        PERFORM travel_internal.note_scan_error(
                            rule, pg_catalog.format('%s (%s)', pg_catalog.left(message, 1000), state));
                    EXCEPTION WHEN OTHERS THEN
                        RAISE WARNING 'could not store the following error for travel.status: %', SQLERRM;
                    END;
                    COMMIT AND CHAIN;
                END IF;
                RAISE EXCEPTION USING MESSAGE = pg_catalog.left(message, 1000), ERRCODE = state,
                    DETAIL = CASE WHEN detail OPERATOR(pg_catalog.<>) '' THEN pg_catalog.left(detail, 2000)
                                  ELSE pg_catalog.format('The scan of rule "%s" raised the error.', rule) END,
                    HINT = CASE WHEN hint OPERATOR(pg_catalog.<>) '' THEN pg_catalog.left(hint, 2000)
                                ELSE 'travel.status shows the error until a scan of the rule succeeds.' END;
            END IF;
        END LOOP;
    END LOOP;
    IF is_strict THEN
        COMMIT;
    END IF;
END
$$;
COMMENT ON PROCEDURE travel.rescan(text, timestamptz) IS
    'Evaluates the events after a time again, by the current rule, networks, suppressions and GeoIP databases. '
    'Requires the level admin';
REVOKE ALL ON PROCEDURE travel.rescan(text, timestamptz) FROM PUBLIC;

CREATE FUNCTION travel.accept_geoip(rule text DEFAULT NULL) RETURNS text[]
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'travel_accept_geoip';
COMMENT ON FUNCTION travel.accept_geoip(text) IS
    'Lets the scans of one rule, or of all rules (the default), continue without a GeoIP database that is missing. '
    'Returns the names of the files that supply coordinates, or the autonomous systems of named networks. Requires the '
    'level admin';
REVOKE ALL ON FUNCTION travel.accept_geoip(text) FROM PUBLIC;

CREATE FUNCTION travel.prune(
    older_than interval,
    OUT verdicts bigint, OUT alerts bigint, OUT known_places bigint, OUT known_transitions bigint
) RETURNS record
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'travel_prune';
COMMENT ON FUNCTION travel.prune(interval) IS
    'Deletes verdicts, archived or withdrawn alerts, and ended baseline entries that are older than an interval. Open'
    ' alerts are kept. From then on, scans ignore older events. Requires the level admin';
REVOKE ALL ON FUNCTION travel.prune(interval) FROM PUBLIC;
