-- Scans: what a rule has evaluated, and how it goes on ------------------------------------------------------------------

CREATE TABLE travel_internal.scans (
    rule              text        PRIMARY KEY,
    source            text,
    arrival           text,
    system_identifier bigint,
    scanned           pg_snapshot,
    target            pg_snapshot,
    arrived           timestamptz,
    arriving          timestamptz,
    pass              bigint      NOT NULL DEFAULT 0,
    evaluate_from        timestamptz,
    position          timestamptz,
    horizon           timestamptz,
    under_way         boolean     NOT NULL DEFAULT false,
    started_at        timestamptz,
    finished_at       timestamptz,
    events            bigint      NOT NULL DEFAULT 0,
    located            bigint      NOT NULL DEFAULT 0,
    newest_event      timestamptz,
    geoip_built_at    timestamptz,
    pruned_before     timestamptz,
    raised            bigint      NOT NULL DEFAULT 0,
    highest           travel.severity,
    last_error        text,
    last_error_at     timestamptz,
    located_by        jsonb,
    pass_events       bigint      NOT NULL DEFAULT 0,
    pass_located      bigint      NOT NULL DEFAULT 0,
    found_news        boolean     NOT NULL DEFAULT false,
    newest_past       timestamptz,
    news_at           timestamptz,
    longest_gap       interval,
    problem           text
);
COMMENT ON TABLE travel_internal.scans IS 'where the scan of each rule stands';
COMMENT ON COLUMN travel_internal.scans.rule IS 'the rule';
COMMENT ON COLUMN travel_internal.scans.source IS 'what was scanned: another source is scanned from its beginning';
COMMENT ON COLUMN travel_internal.scans.arrival IS 'how what is new was found: the column, or lookback; by another one everything is scanned again';
COMMENT ON COLUMN travel_internal.scans.raised IS 'alerts of the pass so far, and the highest severity of them';
COMMENT ON COLUMN travel_internal.scans.system_identifier IS 'of the cluster whose transactions the snapshots are about';
COMMENT ON COLUMN travel_internal.scans.scanned IS 'every row that this snapshot sees was evaluated';
COMMENT ON COLUMN travel_internal.scans.target IS 'of a pass that is under way: it evaluates what this snapshot sees and the last did not';
COMMENT ON COLUMN travel_internal.scans.arrived IS 'the same by the rule''s arrival_column';
COMMENT ON COLUMN travel_internal.scans.arriving IS 'of a pass that is under way: how far it will have come';
COMMENT ON COLUMN travel_internal.scans.pass IS 'the number of the pass that is under way, or of the last';
COMMENT ON COLUMN travel_internal.scans.evaluate_from IS 'the pass evaluates again what is later, whether it is new or not';
COMMENT ON COLUMN travel_internal.scans.position IS 'how far in event time the pass has come';
COMMENT ON COLUMN travel_internal.scans.horizon IS 'the newest event that the pass will come to';
COMMENT ON COLUMN travel_internal.scans.events IS 'how many events were read, and how many of them had a place';
COMMENT ON COLUMN travel_internal.scans.geoip_built_at IS 'of the newest GeoIP database that located an event';
COMMENT ON COLUMN travel_internal.scans.pruned_before IS 'nothing older is evaluated any more: travel.prune';
COMMENT ON COLUMN travel_internal.scans.highest IS 'with raised';
COMMENT ON COLUMN travel_internal.scans.under_way IS 'whether a pass has begun and not ended';
COMMENT ON COLUMN travel_internal.scans.started_at IS 'when the last pass began';
COMMENT ON COLUMN travel_internal.scans.finished_at IS 'when the last pass ended';
COMMENT ON COLUMN travel_internal.scans.located IS 'with events';
COMMENT ON COLUMN travel_internal.scans.newest_event IS 'of those that were read';
COMMENT ON COLUMN travel_internal.scans.last_error IS
    'of the last scan or of the rule as it was written; NULL once a scan succeeds';
COMMENT ON COLUMN travel_internal.scans.last_error_at IS 'when it came';
COMMENT ON COLUMN travel_internal.scans.located_by IS
    'the GeoIP databases that located addresses in the last step, by coordinates or by the AS of a named network; without one of them the next step stops; see travel.accept_geoip';
COMMENT ON COLUMN travel_internal.scans.pass_events IS 'the events that the pass has read so far';
COMMENT ON COLUMN travel_internal.scans.pass_located IS 'those of them that were located';
COMMENT ON COLUMN travel_internal.scans.found_news IS 'whether the pass has read events that are newer than all before';
COMMENT ON COLUMN travel_internal.scans.newest_past IS
    'as newest_event, without events that claim to come from the future: they would hide that others stay away';
COMMENT ON COLUMN travel_internal.scans.news_at IS 'when a pass last found new events; before that, when the first pass began';
COMMENT ON COLUMN travel_internal.scans.longest_gap IS
    'the longest time between two passes that found new events; it is halved every 14 days';
COMMENT ON COLUMN travel_internal.scans.problem IS
    'why nothing that the last pass with rows read could be evaluated; NULL: something could';
SELECT pg_catalog.pg_extension_config_dump('travel_internal.scans', '');

-- One row of a member stands as of one of its events, and holds until its next one.
CREATE TABLE travel_internal.entity_states (
    rule         text        NOT NULL,
    entity       text        NOT NULL,
    evaluated_until timestamptz NOT NULL,
    valid_until  timestamptz NOT NULL,
    pass         bigint,
    evaluated_from  timestamptz,
    state        json,
    edition      bigint,
    PRIMARY KEY (rule, entity, evaluated_until)
);
COMMENT ON TABLE travel_internal.entity_states IS 'what a scan must know of an entity to go on from there';
COMMENT ON COLUMN travel_internal.entity_states.rule IS 'the rule';
COMMENT ON COLUMN travel_internal.entity_states.entity IS 'the member';
COMMENT ON COLUMN travel_internal.entity_states.evaluated_until IS 'the event that it stands as of; -infinity: before the first';
COMMENT ON COLUMN travel_internal.entity_states.valid_until IS 'the next event; infinity: none yet';
COMMENT ON COLUMN travel_internal.entity_states.pass IS 'of the newest row: the pass that read all its events later than evaluated_from';
COMMENT ON COLUMN travel_internal.entity_states.evaluated_from IS 'with pass';
COMMENT ON COLUMN travel_internal.entity_states.state IS 'as the library writes it; NULL: there is nothing to know';
COMMENT ON COLUMN travel_internal.entity_states.edition IS
    'the edition of place data (GeoIP databases and named networks) that located its addresses; a member of another edition is read again';
SELECT pg_catalog.pg_extension_config_dump('travel_internal.entity_states', '');

CREATE TABLE travel_internal.baseline_states (
    rule            text        NOT NULL,
    baseline_entity text        NOT NULL,
    evaluated_until    timestamptz NOT NULL,
    valid_until     timestamptz NOT NULL,
    pass            bigint,
    evaluated_from     timestamptz,
    state           json,
    edition         bigint,
    PRIMARY KEY (rule, baseline_entity, evaluated_until)
);
COMMENT ON TABLE travel_internal.baseline_states IS 'what a scan must know of a person to go on from there';
COMMENT ON COLUMN travel_internal.baseline_states.rule IS 'the rule';
COMMENT ON COLUMN travel_internal.baseline_states.baseline_entity IS 'the member';
COMMENT ON COLUMN travel_internal.baseline_states.evaluated_until IS 'the event that it stands as of; -infinity: before the first';
COMMENT ON COLUMN travel_internal.baseline_states.valid_until IS 'the next event; infinity: none yet';
COMMENT ON COLUMN travel_internal.baseline_states.pass IS 'of the newest row: the pass that read all its events later than evaluated_from';
COMMENT ON COLUMN travel_internal.baseline_states.evaluated_from IS 'with pass';
COMMENT ON COLUMN travel_internal.baseline_states.state IS 'as the library writes it; NULL: there is nothing to know';
COMMENT ON COLUMN travel_internal.baseline_states.edition IS
    'the edition of place data (GeoIP databases and named networks) that located its addresses; a member of another edition is read again';
SELECT pg_catalog.pg_extension_config_dump('travel_internal.baseline_states', '');

CREATE FUNCTION travel_internal.forget_rule() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'travel_forget_rule';
COMMENT ON FUNCTION travel_internal.forget_rule() IS
    'trigger: archives the open alerts of a deleted rule, and deletes its verdicts, baseline, suppressions and states';
REVOKE ALL ON FUNCTION travel_internal.forget_rule() FROM PUBLIC;
CREATE TRIGGER forget AFTER DELETE ON travel.rules
    FOR EACH ROW EXECUTE FUNCTION travel_internal.forget_rule();
COMMENT ON TRIGGER forget ON travel.rules IS 'archives the open alerts of the rule and deletes what belongs to it';
CREATE TRIGGER forget_all AFTER TRUNCATE ON travel.rules
    FOR EACH STATEMENT EXECUTE FUNCTION travel_internal.forget_rule();
COMMENT ON TRIGGER forget_all ON travel.rules IS 'the same for all rules';

-- Who calls it must not matter: neither how a session shows times and numbers, nor how it reads and quotes SQL, nor what
-- a condition makes of its zone.
CREATE FUNCTION travel_internal.scan_step(rule text) RETURNS boolean
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC' SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres' SET extra_float_digits = 1
    SET bytea_output = 'hex' SET standard_conforming_strings = on SET quote_all_identifiers = off
    SET transform_null_equals = off SET row_security = on
    AS 'MODULE_PATHNAME', 'travel_scan_step';
COMMENT ON FUNCTION travel_internal.scan_step(text) IS
    'one step of travel.scan, in one transaction; true where there is more to do';
REVOKE ALL ON FUNCTION travel_internal.scan_step(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION travel_internal.scan_step(text) TO @extowner@;

CREATE FUNCTION travel_internal.may_commit() RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_may_commit';
COMMENT ON FUNCTION travel_internal.may_commit() IS 'whether the procedure that asks may commit: it is not in a transaction block';

CREATE FUNCTION travel_internal.scan_step_ended() RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_scan_step_ended';
COMMENT ON FUNCTION travel_internal.scan_step_ended() IS
    'how the last travel_internal.scan_step of this session ended: none, failed, busy (another session scans the rule) or cancelled';

CREATE FUNCTION travel_internal.note_scan_error(rule text, error text) RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'travel_note_scan_error';
COMMENT ON FUNCTION travel_internal.note_scan_error(text, text) IS 'what the scan of a rule ended with, for travel.status';
REVOKE ALL ON FUNCTION travel_internal.note_scan_error(text, text) FROM PUBLIC;

CREATE FUNCTION travel_internal.note_rule() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET standard_conforming_strings = on SET quote_all_identifiers = off SET transform_null_equals = off
    AS 'MODULE_PATHNAME', 'travel_note_rule';
COMMENT ON FUNCTION travel_internal.note_rule() IS 'a rule that cannot be used as it was written is a line in travel.status';
REVOKE ALL ON FUNCTION travel_internal.note_rule() FROM PUBLIC;
CREATE TRIGGER note AFTER INSERT OR UPDATE ON travel.rules
    FOR EACH ROW EXECUTE FUNCTION travel_internal.note_rule();
COMMENT ON TRIGGER note ON travel.rules IS 'what does not resolve is seen before the next scan';

CREATE PROCEDURE travel.scan(rule text DEFAULT NULL)
    LANGUAGE plpgsql
AS $$
DECLARE
    -- Qualified, as a search_path of the caller's might have other types of these names.
    names pg_catalog.text[] := ARRAY(
        SELECT r.name FROM travel.rules AS r
        WHERE (scan.rule IS NULL AND r.enabled) OR r.name OPERATOR(pg_catalog.=) scan.rule
        ORDER BY r.name);
    name pg_catalog.text;
    can_commit CONSTANT boolean := travel_internal.may_commit();
    is_more boolean;
    is_cancelled boolean;
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
    FOREACH name IN ARRAY names LOOP
        is_more := true;
        WHILE is_more LOOP
            state := NULL;
            is_cancelled := false;
            -- One rule's error stops no other, whatever its functions raise. Only the cancel of the session does.
            BEGIN
                is_more := travel_internal.scan_step(name);
            EXCEPTION WHEN OTHERS OR ASSERT_FAILURE OR QUERY_CANCELED THEN
                GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
                    detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
                ended := travel_internal.scan_step_ended();
                is_cancelled := state OPERATOR(pg_catalog.=) '57014' AND ended OPERATOR(pg_catalog.<>) 'failed';
                IF is_cancelled AND NOT can_commit THEN
                    RAISE;
                END IF;
                is_more := false;
            END;
            -- COMMIT may not stand in a block that catches errors. What is noted of an error is a transaction of its own.
            IF can_commit THEN
                COMMIT;
            END IF;
            IF state IS NOT NULL THEN
                -- Of a rule that another session scans, that session says how it ended.
                IF ended OPERATOR(pg_catalog.<>) 'busy' THEN
                    BEGIN
                        PERFORM travel_internal.note_scan_error(name, pg_catalog.format('%s (%s)', pg_catalog.left(message, 1000), state));
                    EXCEPTION WHEN OTHERS THEN
                        -- What travel.status does not show ends the call: at once in the caller's transaction, which must
                        -- be tried again; else once the other rules are scanned.
                        IF NOT can_commit THEN
                            RAISE;
                        END IF;
                        not_noted := SQLERRM;
                        not_noted_state := SQLSTATE;
                    END;
                    IF can_commit THEN
                        COMMIT;
                    END IF;
                END IF;
                -- None of these is NULL; nullif would take an operator of the search_path.
                detail := CASE WHEN detail OPERATOR(pg_catalog.<>) '' THEN pg_catalog.left(detail, 2000)
                               ELSE pg_catalog.format('The SQLSTATE is %s.', state) END;
                hint := CASE WHEN hint OPERATOR(pg_catalog.<>) '' THEN pg_catalog.left(hint, 2000)
                             ELSE 'travel.status shows the error until a scan of the rule succeeds.' END;
                IF is_cancelled THEN
                    RAISE EXCEPTION USING MESSAGE = message, HINT = hint, ERRCODE = state,
                        DETAIL = pg_catalog.format('The scan of rule "%s" raised the error.', name);
                END IF;
                -- Nobody is told of it but the caller, who asked for this rule.
                IF ended OPERATOR(pg_catalog.=) 'busy' AND scan.rule IS NOT NULL THEN
                    RAISE EXCEPTION USING MESSAGE = message, DETAIL = detail, HINT = hint, ERRCODE = state;
                END IF;
                RAISE WARNING 'scan of rule "%" failed: %', name, pg_catalog.left(message, 1000)
                    USING DETAIL = detail, HINT = hint, ERRCODE = state;
            END IF;
        END LOOP;
    END LOOP;
    IF not_noted IS NOT NULL THEN
        RAISE EXCEPTION 'could not store the error of a rule for travel.status: %', not_noted
            USING DETAIL = 'A warning shows the error of the rule. All other rules were scanned.', ERRCODE = not_noted_state;
    END IF;
END
$$;
COMMENT ON PROCEDURE travel.scan(text) IS
    'evaluates what arrived since the last scan, by one rule or by all that are enabled; commits as it goes';
REVOKE ALL ON PROCEDURE travel.scan(text) FROM PUBLIC;

CREATE FUNCTION travel_internal.begin_rescan(rule text, since timestamptz) RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'travel_begin_rescan';
COMMENT ON FUNCTION travel_internal.begin_rescan(text, timestamptz) IS
    'the next steps of a rule''s scan evaluate again what is later';
REVOKE ALL ON FUNCTION travel_internal.begin_rescan(text, timestamptz) FROM PUBLIC;

CREATE PROCEDURE travel.rescan(rule text, since timestamptz)
    LANGUAGE plpgsql
AS $$
DECLARE
    can_commit CONSTANT boolean := travel_internal.may_commit();
    is_more boolean;
    is_again boolean;
    has_begun boolean := false;
    ended pg_catalog.text;
    state pg_catalog.text;
    message pg_catalog.text;
    detail pg_catalog.text;
    hint pg_catalog.text;
BEGIN
    -- A pass that is under way comes first.
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
                IF NOT can_commit THEN
                    RAISE;
                END IF;
                GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
                    detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
                ended := travel_internal.scan_step_ended();
            END;
            IF can_commit THEN
                COMMIT;
            END IF;
            -- As travel.scan notes it; then it is raised again, for there is no other rule to go on with.
            IF state IS NOT NULL THEN
                IF ended OPERATOR(pg_catalog.<>) 'busy' THEN
                    BEGIN
                        PERFORM travel_internal.note_scan_error(rule, pg_catalog.format('%s (%s)', pg_catalog.left(message, 1000), state));
                    EXCEPTION WHEN OTHERS THEN
                        RAISE WARNING 'could not store the following error for travel.status: %', SQLERRM;
                    END;
                    COMMIT;
                END IF;
                RAISE EXCEPTION USING MESSAGE = pg_catalog.left(message, 1000), ERRCODE = state,
                    DETAIL = CASE WHEN detail OPERATOR(pg_catalog.<>) '' THEN pg_catalog.left(detail, 2000)
                                  ELSE pg_catalog.format('The SQLSTATE is %s.', state) END,
                    HINT = CASE WHEN hint OPERATOR(pg_catalog.<>) '' THEN pg_catalog.left(hint, 2000)
                                ELSE 'travel.status shows the error until a scan of the rule succeeds.' END;
            END IF;
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE travel.rescan(text, timestamptz) IS
    'evaluates the past again, from a time on, by the settings, networks, suppressions and GeoIP data of now';
REVOKE ALL ON PROCEDURE travel.rescan(text, timestamptz) FROM PUBLIC;

CREATE FUNCTION travel.accept_geoip(rule text DEFAULT NULL) RETURNS text[]
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'travel_accept_geoip';
COMMENT ON FUNCTION travel.accept_geoip(text) IS
    'lets the scans of a rule, or of all rules, go on with the GeoIP databases that are there now, although one is missing; their files';
REVOKE ALL ON FUNCTION travel.accept_geoip(text) FROM PUBLIC;

CREATE FUNCTION travel.prune(
    older_than interval,
    OUT verdicts bigint, OUT alerts bigint, OUT known_places bigint, OUT known_transitions bigint
) RETURNS record
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'travel_prune';
COMMENT ON FUNCTION travel.prune(interval) IS
    'deletes old verdicts, old alerts that are archived or withdrawn, and entries that ended; no event that old is evaluated any more';
REVOKE ALL ON FUNCTION travel.prune(interval) FROM PUBLIC;

CREATE VIEW travel.status AS
SELECT r.name AS rule,
       r.enabled,
       s.finished_at AS last_scan,
       extract(epoch FROM pg_catalog.now() - s.newest_event)::float8 AS lag_seconds,
       s.newest_event,
       s.located::float8 / nullif(s.events, 0) AS share_located,
       (SELECT pg_catalog.count(*) FROM travel.alerts AS a
        WHERE a.rule = r.name AND a.status = 'open' AND a.withdrawn_at IS NULL) AS open_alerts,
       s.geoip_built_at,
       (extract(epoch FROM pg_catalog.now() - s.geoip_built_at) / 86400)::float8 AS geoip_age_days,
       s.under_way,
       s.position,
       s.last_error,
       s.last_error_at,
       nullif(pg_catalog.concat_ws('; ',
           s.problem,
           CASE
               WHEN s.finished_at IS NULL
                    AND (s.under_way IS NOT TRUE OR s.started_at < pg_catalog.now() - interval '1 day') THEN
                   'no scan has ended yet'
               WHEN s.finished_at < pg_catalog.now() - interval '1 day' THEN
                   'no scan has ended since ' || to_char(s.finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')
               WHEN s.news_at < pg_catalog.now() - greatest(interval '1 day', 10 * s.longest_gap) THEN
                   'no new events since ' || to_char(s.news_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')
           END,
           CASE
               WHEN s.geoip_built_at < pg_catalog.now() - interval '30 days' THEN
                   pg_catalog.format('the GeoIP data is %s days old',
                                     floor(extract(epoch FROM pg_catalog.now() - s.geoip_built_at) / 86400))
           END
       ), '') AS problem,
       s.pruned_before AS evaluates_from
FROM travel.rules AS r
LEFT JOIN travel_internal.scans AS s ON s.rule = r.name;
COMMENT ON VIEW travel.status IS 'how each rule stands: its last scan, how far it has come, what it found, what went wrong';
COMMENT ON COLUMN travel.status.rule IS 'the rule';
COMMENT ON COLUMN travel.status.enabled IS 'whether travel.scan without a name evaluates by it';
COMMENT ON COLUMN travel.status.last_scan IS 'when its last scan ended';
COMMENT ON COLUMN travel.status.newest_event IS 'of those that were read';
COMMENT ON COLUMN travel.status.lag_seconds IS 'since the newest event that was evaluated';
COMMENT ON COLUMN travel.status.share_located IS 'of the events that count: how many had a place, 0 to 1';
COMMENT ON COLUMN travel.status.position IS 'of a scan that is under way: how far in event time it has come';
COMMENT ON COLUMN travel.status.open_alerts IS 'with status open, without those that were withdrawn';
COMMENT ON COLUMN travel.status.geoip_built_at IS 'of the newest GeoIP database at the last scan';
COMMENT ON COLUMN travel.status.geoip_age_days IS 'its age';
COMMENT ON COLUMN travel.status.under_way IS 'whether a scan has begun and not ended';
COMMENT ON COLUMN travel.status.last_error IS
    'of the last scan, or of the rule as it was written; NULL once a scan succeeds';
COMMENT ON COLUMN travel.status.last_error_at IS 'when it came';
COMMENT ON COLUMN travel.status.problem IS
    'why a rule without an error may still miss travel: nothing could be evaluated, no scan, no new events, old GeoIP data; NULL: fine';
COMMENT ON COLUMN travel.status.evaluates_from IS
    'older events are not evaluated any more, as travel.prune has been called; NULL: all are';

CREATE FUNCTION travel.assert_healthy() RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'travel_assert_healthy';
COMMENT ON FUNCTION travel.assert_healthy() IS
    'raises an error that names every enabled rule with an error or a problem in travel.status';
REVOKE ALL ON FUNCTION travel.assert_healthy() FROM PUBLIC;
