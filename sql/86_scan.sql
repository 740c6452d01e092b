-- Scans: what a rule has evaluated, and how a scan continues ---------------------------------------------------------

CREATE TABLE travel_internal.scans (
    rule           text        PRIMARY KEY,
    source         text,
    arrival        text,
    pass_name      uuid,
    scanned        pg_snapshot,
    target         pg_snapshot,
    arrived        timestamptz,
    arriving       timestamptz,
    pass           bigint      NOT NULL DEFAULT 0,
    evaluate_from  timestamptz,
    position       timestamptz,
    horizon        timestamptz,
    under_way      boolean     NOT NULL DEFAULT false,
    started_at     timestamptz,
    finished_at    timestamptz,
    events         bigint      NOT NULL DEFAULT 0,
    located        bigint      NOT NULL DEFAULT 0,
    newest_event   timestamptz,
    geoip_built_at timestamptz,
    pruned_before  timestamptz,
    raised         bigint      NOT NULL DEFAULT 0,
    highest        travel.severity,
    last_error     text,
    last_error_at  timestamptz,
    located_by     jsonb,
    pass_events    bigint      NOT NULL DEFAULT 0,
    pass_located   bigint      NOT NULL DEFAULT 0,
    found_news     boolean     NOT NULL DEFAULT false,
    newest_past    timestamptz,
    news_at        timestamptz,
    longest_gap    interval,
    problem        text
);
COMMENT ON TABLE travel_internal.scans IS 'Progress of the scan of each rule';
COMMENT ON COLUMN travel_internal.scans.rule IS 'Rule that is scanned';
COMMENT ON COLUMN travel_internal.scans.source IS
    'Source that was scanned; a different source is scanned from the beginning';
COMMENT ON COLUMN travel_internal.scans.arrival IS
    'How new rows were found: ingest_xid, the arrival column or lookback. If it changes, the source is scanned from '
    'the beginning';
COMMENT ON COLUMN travel_internal.scans.raised IS 'Number of alerts that the pass in progress has raised';
COMMENT ON COLUMN travel_internal.scans.pass_name IS
    'Random name of the last pass over new rows. If travel_internal.own_passes contains it, the pass began in this '
    'database';
COMMENT ON COLUMN travel_internal.scans.scanned IS 'Snapshot of which every visible row has been evaluated';
COMMENT ON COLUMN travel_internal.scans.target IS
    'Snapshot of the pass in progress: it evaluates the rows that this snapshot sees and scanned does not';
COMMENT ON COLUMN travel_internal.scans.arrived IS
    'Arrival time up to which rows have been evaluated, for rules with an arrival_column';
COMMENT ON COLUMN travel_internal.scans.arriving IS 'Arrival time that the pass in progress will reach';
COMMENT ON COLUMN travel_internal.scans.pass IS 'Number of the pass in progress, or of the last one';
COMMENT ON COLUMN travel_internal.scans.evaluate_from IS
    'Start of the event time that the pass in progress evaluates again, whether the events are new or not';
COMMENT ON COLUMN travel_internal.scans.position IS 'Event time that the pass in progress has reached';
COMMENT ON COLUMN travel_internal.scans.horizon IS 'Newest event time that the pass in progress will reach';
COMMENT ON COLUMN travel_internal.scans.events IS 'Number of events read so far';
COMMENT ON COLUMN travel_internal.scans.geoip_built_at IS
    'Build time of the newest GeoIP database that located an event';
COMMENT ON COLUMN travel_internal.scans.pruned_before IS
    'The latest cutoff of travel.prune: scans ignore older events';
COMMENT ON COLUMN travel_internal.scans.highest IS
    'Highest severity of the alerts that the pass in progress has raised';
COMMENT ON COLUMN travel_internal.scans.under_way IS 'Whether a pass is in progress';
COMMENT ON COLUMN travel_internal.scans.started_at IS 'Time at which the last pass began';
COMMENT ON COLUMN travel_internal.scans.finished_at IS 'Time at which the last pass ended';
COMMENT ON COLUMN travel_internal.scans.located IS 'Number of events read so far that were located';
COMMENT ON COLUMN travel_internal.scans.newest_event IS 'Time of the newest event read so far';
COMMENT ON COLUMN travel_internal.scans.last_error IS
    'Error of the last scan, or of the rule as it was written; NULL after a successful scan';
COMMENT ON COLUMN travel_internal.scans.last_error_at IS 'Time of last_error';
COMMENT ON COLUMN travel_internal.scans.located_by IS
    'GeoIP databases that located addresses in the last step. If one of them is missing, the next step raises an '
    'error; see travel.accept_geoip';
COMMENT ON COLUMN travel_internal.scans.pass_events IS 'Number of events that the pass in progress has read';
COMMENT ON COLUMN travel_internal.scans.pass_located IS 'Number of events that the pass in progress has located';
COMMENT ON COLUMN travel_internal.scans.found_news IS
    'Whether the pass in progress has read events that are newer than all before';
COMMENT ON COLUMN travel_internal.scans.newest_past IS
    'Like newest_event, but without events that claim to come from the future, which would hide that no new events '
    'arrive';
COMMENT ON COLUMN travel_internal.scans.news_at IS
    'Time at which a pass last found new events; before that, the time at which the first pass began';
COMMENT ON COLUMN travel_internal.scans.longest_gap IS
    'Longest time between two passes that found new events; halved every 14 days';
COMMENT ON COLUMN travel_internal.scans.problem IS
    'Why nothing that the last pass with rows read could be evaluated; NULL if something could';
SELECT pg_catalog.pg_extension_config_dump('travel_internal.scans', '');

-- The snapshots in travel_internal.scans are compared with the transaction numbers of rows to find new rows. Other
-- servers give the same numbers to other transactions. A pass that continued from the snapshot of another server would
-- miss rows, and nobody would notice. The rows of this table prove that the last pass of a rule began in this database:
-- they are not part of a dump, and logical replication does not bring them. A copy of the server's files contains them
-- together with the events and the next transaction number: after a crash, in a base backup, on a promoted standby,
-- after pg_upgrade. The system identifier would prove less. All copies of the files share it, and a dump of one copy
-- can be loaded into another.
CREATE TABLE travel_internal.own_passes (
    rule text PRIMARY KEY,
    name uuid NOT NULL
);
COMMENT ON TABLE travel_internal.own_passes IS
    'The last pass over new rows of each rule, if it began in this database. Neither a dump nor logical replication '
    'carries the rows';
COMMENT ON COLUMN travel_internal.own_passes.rule IS 'Rule that is scanned';
COMMENT ON COLUMN travel_internal.own_passes.name IS 'Value of travel_internal.scans.pass_name when the pass began';

-- A publication FOR ALL TABLES includes the table.
CREATE FUNCTION travel_internal.skip_replicated() RETURNS trigger
    LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
COMMENT ON FUNCTION travel_internal.skip_replicated() IS
    'Trigger function: skips a row that logical replication brings';
REVOKE ALL ON FUNCTION travel_internal.skip_replicated() FROM PUBLIC;
CREATE TRIGGER skip_replicated BEFORE INSERT OR UPDATE ON travel_internal.own_passes
    FOR EACH ROW EXECUTE FUNCTION travel_internal.skip_replicated();
ALTER TABLE travel_internal.own_passes ENABLE REPLICA TRIGGER skip_replicated;
COMMENT ON TRIGGER skip_replicated ON travel_internal.own_passes IS
    'Skips rows that logical replication brings, because their passes began in another database';

CREATE TABLE travel_internal.coverage_days (
    rule            text        NOT NULL,
    day             date        NOT NULL,
    pass            bigint      NOT NULL,
    located         bigint      NOT NULL,
    ignored         bigint      NOT NULL,
    no_entity       bigint      NOT NULL,
    no_address      bigint      NOT NULL,
    private_address bigint      NOT NULL,
    unknown_address bigint      NOT NULL,
    is_exact        boolean     NOT NULL,
    counted_at      timestamptz NOT NULL,
    PRIMARY KEY (rule, day)
);
COMMENT ON TABLE travel_internal.coverage_days IS 'Events of each day that scans read, by whether they were located';
COMMENT ON COLUMN travel_internal.coverage_days.rule IS 'Rule whose scans read the events';
COMMENT ON COLUMN travel_internal.coverage_days.day IS 'Day of the events, in UTC';
COMMENT ON COLUMN travel_internal.coverage_days.pass IS 'Pass that last counted events of the day';
COMMENT ON COLUMN travel_internal.coverage_days.located IS 'Number of events that were located';
COMMENT ON COLUMN travel_internal.coverage_days.ignored IS 'Number of events that a named network excludes';
COMMENT ON COLUMN travel_internal.coverage_days.no_entity IS
    'Number of events whose entity has more than 2,000 bytes, so scans cannot store it';
COMMENT ON COLUMN travel_internal.coverage_days.no_address IS
    'Number of events without an address, or without coordinates if the source has these';
COMMENT ON COLUMN travel_internal.coverage_days.private_address IS
    'Number of events from private addresses that no named network locates';
COMMENT ON COLUMN travel_internal.coverage_days.unknown_address IS
    'Number of events from public addresses that are not located';
COMMENT ON COLUMN travel_internal.coverage_days.is_exact IS
    'Whether each event was counted once. It is false if scans read events again, or only a part of the day';
COMMENT ON COLUMN travel_internal.coverage_days.counted_at IS 'Time at which events of the day were last counted';
SELECT pg_catalog.pg_extension_config_dump('travel_internal.coverage_days', '');

-- The checkpoints of entities and of baseline users. A row describes the state after one event, and is valid until the
-- next event.
CREATE TABLE travel_internal.entity_states (
    rule            text        NOT NULL,
    entity          text        NOT NULL,
    evaluated_until timestamptz NOT NULL,
    valid_until     timestamptz NOT NULL,
    pass            bigint,
    evaluated_from  timestamptz,
    state           json,
    edition         bigint,
    PRIMARY KEY (rule, entity, evaluated_until)
);
COMMENT ON TABLE travel_internal.entity_states IS
    'Checkpoints from which a scan continues for one entity. Each row describes the state after one event and is '
    'valid until the next one';
COMMENT ON COLUMN travel_internal.entity_states.rule IS 'Rule that is scanned';
COMMENT ON COLUMN travel_internal.entity_states.entity IS 'Entity that the checkpoint describes';
COMMENT ON COLUMN travel_internal.entity_states.evaluated_until IS
    'Time of the event that the checkpoint describes; -infinity means before the first event';
COMMENT ON COLUMN travel_internal.entity_states.valid_until IS
    'Time of the next event; infinity means that there is none yet';
COMMENT ON COLUMN travel_internal.entity_states.pass IS
    'Pass that read all events after evaluated_from; only in the newest row';
COMMENT ON COLUMN travel_internal.entity_states.evaluated_from IS 'Start of what the pass has read; only with pass';
COMMENT ON COLUMN travel_internal.entity_states.state IS
    'State of the evaluation, as the core library writes it; NULL if there is nothing to keep';
COMMENT ON COLUMN travel_internal.entity_states.edition IS
    'Hash of the GeoIP databases and named networks that located the addresses; if it changes, the events are read '
    'again';
SELECT pg_catalog.pg_extension_config_dump('travel_internal.entity_states', '');

CREATE TABLE travel_internal.baseline_states (
    rule            text        NOT NULL,
    baseline_entity text        NOT NULL,
    evaluated_until timestamptz NOT NULL,
    valid_until     timestamptz NOT NULL,
    pass            bigint,
    evaluated_from  timestamptz,
    state           json,
    edition         bigint,
    PRIMARY KEY (rule, baseline_entity, evaluated_until)
);
COMMENT ON TABLE travel_internal.baseline_states IS
    'Checkpoints from which a scan continues for one baseline user. Each row describes the state after one event and '
    'is valid until the next one';
COMMENT ON COLUMN travel_internal.baseline_states.rule IS 'Rule that is scanned';
COMMENT ON COLUMN travel_internal.baseline_states.baseline_entity IS 'Baseline user that the checkpoint describes';
COMMENT ON COLUMN travel_internal.baseline_states.evaluated_until IS
    'Time of the event that the checkpoint describes; -infinity means before the first event';
COMMENT ON COLUMN travel_internal.baseline_states.valid_until IS
    'Time of the next event; infinity means that there is none yet';
COMMENT ON COLUMN travel_internal.baseline_states.pass IS
    'Pass that read all events after evaluated_from; only in the newest row';
COMMENT ON COLUMN travel_internal.baseline_states.evaluated_from IS 'Start of what the pass has read; only with pass';
COMMENT ON COLUMN travel_internal.baseline_states.state IS
    'State of the evaluation, as the core library writes it; NULL if there is nothing to keep';
COMMENT ON COLUMN travel_internal.baseline_states.edition IS
    'Hash of the GeoIP databases and named networks that located the addresses; if it changes, the events are read '
    'again';
SELECT pg_catalog.pg_extension_config_dump('travel_internal.baseline_states', '');

-- Which key minted a temporary key, for rules with lineage. The rule comes last in the indexes: the statistics of this
-- table are often older than the rule, and then an index that begins with the rule seems to find one row.
CREATE TABLE travel_internal.minted_keys (
    rule            text        NOT NULL,
    key             text        NOT NULL,
    issuer          text        NOT NULL,
    minted_at       timestamptz NOT NULL,
    site            json,
    baseline_entity text,
    root            text        NOT NULL,
    root_baseline   text,
    pass            bigint,
    PRIMARY KEY (key, rule)
);
COMMENT ON TABLE travel_internal.minted_keys IS
    'Temporary access keys of rules with lineage, each with the first event that minted it and the root of its chain';
COMMENT ON COLUMN travel_internal.minted_keys.rule IS 'Rule that is scanned';
COMMENT ON COLUMN travel_internal.minted_keys.key IS 'Temporary access key';
COMMENT ON COLUMN travel_internal.minted_keys.issuer IS 'Access key that made the call that minted the key';
COMMENT ON COLUMN travel_internal.minted_keys.minted_at IS 'Time of that call';
COMMENT ON COLUMN travel_internal.minted_keys.site IS
    'Address or coordinates of that call, as the core library writes them; NULL if it has none';
COMMENT ON COLUMN travel_internal.minted_keys.baseline_entity IS 'Baseline user that the columns of that call name';
COMMENT ON COLUMN travel_internal.minted_keys.root IS
    'First key of the chain, as which events of the key are evaluated; the key itself if a circle is cut here';
COMMENT ON COLUMN travel_internal.minted_keys.root_baseline IS
    'Baseline user of the events of the key: the one of the call by which the root minted the first key of the chain';
COMMENT ON COLUMN travel_internal.minted_keys.pass IS
    'Last pass that evaluated past events again and found the call in the source';
CREATE INDEX minted_keys_issuer ON travel_internal.minted_keys (issuer, rule);
CREATE INDEX minted_keys_root ON travel_internal.minted_keys (root, rule);
CREATE INDEX minted_keys_baseline ON travel_internal.minted_keys (root_baseline, rule);
SELECT pg_catalog.pg_extension_config_dump('travel_internal.minted_keys', '');

CREATE FUNCTION travel_internal.forget_rule() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'travel_forget_rule';
COMMENT ON FUNCTION travel_internal.forget_rule() IS
    'Trigger function: archives the open alerts of a deleted rule, and deletes its verdicts, baseline, suppressions '
    'and checkpoints';
REVOKE ALL ON FUNCTION travel_internal.forget_rule() FROM PUBLIC;
CREATE TRIGGER forget AFTER DELETE ON travel.rules
    FOR EACH ROW EXECUTE FUNCTION travel_internal.forget_rule();
COMMENT ON TRIGGER forget ON travel.rules IS
    'Archives the open alerts of a deleted rule and deletes what belongs to it';
CREATE TRIGGER forget_all AFTER TRUNCATE ON travel.rules
    FOR EACH STATEMENT EXECUTE FUNCTION travel_internal.forget_rule();
COMMENT ON TRIGGER forget_all ON travel.rules IS
    'Archives the open alerts of all rules and deletes what belongs to them';

-- The result must not depend on the caller: neither on how a session shows times and numbers, nor on how it reads and
-- quotes SQL, nor on its time zone, which a condition might use.
CREATE FUNCTION travel_internal.scan_step(rule text) RETURNS boolean
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC' SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres' SET extra_float_digits = 1
    SET bytea_output = 'hex' SET standard_conforming_strings = on SET quote_all_identifiers = off
    SET transform_null_equals = off SET row_security = on
    AS 'MODULE_PATHNAME', 'travel_scan_step';
COMMENT ON FUNCTION travel_internal.scan_step(text) IS
    'One step of travel.scan for a rule, in one transaction; returns whether there is more to do';
REVOKE ALL ON FUNCTION travel_internal.scan_step(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION travel_internal.scan_step(text) TO @extowner@;

CREATE FUNCTION travel_internal.may_commit() RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_may_commit';
COMMENT ON FUNCTION travel_internal.may_commit() IS
    'Whether the calling procedure may commit, which it may not in a transaction block';

CREATE FUNCTION travel_internal.scan_step_ended() RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_scan_step_ended';
COMMENT ON FUNCTION travel_internal.scan_step_ended() IS
    'How the last scan step of this session ended: none, failed, busy (another session scans the rule) or canceled';
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
    SET standard_conforming_strings = on SET quote_all_identifiers = off SET transform_null_equals = off
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
    -- Qualified, because the search_path of the caller may contain other types with these names.
    names pg_catalog.text[] := ARRAY(
        SELECT r.name FROM travel.rules AS r
        WHERE (scan.rule IS NULL AND r.enabled) OR r.name OPERATOR(pg_catalog.=) scan.rule
        ORDER BY r.name);
    name pg_catalog.text;
    can_commit CONSTANT boolean := travel_internal.may_commit();
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
                COMMIT;
            END IF;
            IF state IS NOT NULL THEN
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
                        COMMIT;
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
                -- The caller asked for this rule, and only an error tells the caller that it was not scanned.
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
                ERRCODE = not_noted_state;
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
                COMMIT;
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
                    COMMIT;
                END IF;
                RAISE EXCEPTION USING MESSAGE = pg_catalog.left(message, 1000), ERRCODE = state,
                    DETAIL = CASE WHEN detail OPERATOR(pg_catalog.<>) '' THEN pg_catalog.left(detail, 2000)
                                  ELSE pg_catalog.format('The scan of rule "%s" raised the error.', rule) END,
                    HINT = CASE WHEN hint OPERATOR(pg_catalog.<>) '' THEN pg_catalog.left(hint, 2000)
                                ELSE 'travel.status shows the error until a scan of the rule succeeds.' END;
            END IF;
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE travel.rescan(text, timestamptz) IS
    'Evaluates the events after a time again, by the present rule, networks, suppressions and GeoIP databases. '
    'Requires the level admin';
REVOKE ALL ON PROCEDURE travel.rescan(text, timestamptz) FROM PUBLIC;

CREATE FUNCTION travel.accept_geoip(rule text DEFAULT NULL) RETURNS text[]
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'travel_accept_geoip';
COMMENT ON FUNCTION travel.accept_geoip(text) IS
    'Lets the scans of one rule, or of all rules (the default), continue without a GeoIP database that is missing. '
    'Returns the files of the missing databases. Requires the level admin';
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
