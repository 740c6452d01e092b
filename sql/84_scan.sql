-- Scans: what a rule has judged, and how it goes on ------------------------------------------------------------------

CREATE TABLE travel.scans (
    rule              text        PRIMARY KEY REFERENCES travel.rules ON DELETE CASCADE,
    source            text,
    system_identifier bigint,
    scanned           pg_snapshot,
    target            pg_snapshot,
    arrived           timestamptz,
    arriving          timestamptz,
    pass              bigint      NOT NULL DEFAULT 0,
    judge_from        timestamptz,
    position          timestamptz,
    under_way         boolean     NOT NULL DEFAULT false,
    started_at        timestamptz,
    finished_at       timestamptz,
    events            bigint      NOT NULL DEFAULT 0,
    placed            bigint      NOT NULL DEFAULT 0,
    newest_event      timestamptz,
    pruned_before     timestamptz,
    last_error        text,
    last_error_at     timestamptz
);
COMMENT ON TABLE travel.scans IS 'where the scan of each rule stands';
COMMENT ON COLUMN travel.scans.source IS 'what was scanned: another source is scanned from its beginning';
COMMENT ON COLUMN travel.scans.system_identifier IS 'of the cluster whose transactions the snapshots are about';
COMMENT ON COLUMN travel.scans.scanned IS 'every row that this snapshot sees was judged';
COMMENT ON COLUMN travel.scans.target IS 'of a pass that is under way: it judges what this snapshot sees and the last did not';
COMMENT ON COLUMN travel.scans.arrived IS 'the same by the rule''s arrival_column';
COMMENT ON COLUMN travel.scans.pass IS 'the number of the pass that is under way, or of the last';
COMMENT ON COLUMN travel.scans.judge_from IS 'the pass judges again what is later, whether it is new or not';
COMMENT ON COLUMN travel.scans.position IS 'how far in event time the pass has come';
COMMENT ON COLUMN travel.scans.events IS 'how many events were read, and how many of them had a place';
COMMENT ON COLUMN travel.scans.pruned_before IS 'nothing older is judged any more: travel.prune';
SELECT pg_catalog.pg_extension_config_dump('travel.scans', '');

-- One row of a member stands as of one of its events, and holds until its next one.
CREATE TABLE travel.entity_states (
    rule         text        NOT NULL REFERENCES travel.rules ON DELETE CASCADE,
    entity       text        NOT NULL,
    judged_until timestamptz NOT NULL,
    valid_until  timestamptz NOT NULL,
    pass         bigint,
    judged_from  timestamptz,
    state        json,
    PRIMARY KEY (rule, entity, judged_until)
);
COMMENT ON TABLE travel.entity_states IS 'what a scan must know of an entity to go on from there';
COMMENT ON COLUMN travel.entity_states.judged_until IS 'the event that it stands as of; -infinity: before the first';
COMMENT ON COLUMN travel.entity_states.valid_until IS 'the next event; infinity: none yet';
COMMENT ON COLUMN travel.entity_states.pass IS 'of the newest row: the pass that read all its events later than judged_from';
SELECT pg_catalog.pg_extension_config_dump('travel.entity_states', '');

CREATE TABLE travel.baseline_states (
    rule            text        NOT NULL REFERENCES travel.rules ON DELETE CASCADE,
    baseline_entity text        NOT NULL,
    judged_until    timestamptz NOT NULL,
    valid_until     timestamptz NOT NULL,
    pass            bigint,
    judged_from     timestamptz,
    state           json,
    PRIMARY KEY (rule, baseline_entity, judged_until)
);
COMMENT ON TABLE travel.baseline_states IS 'what a scan must know of a person to go on from there';
COMMENT ON COLUMN travel.baseline_states.judged_until IS 'the event that it stands as of; -infinity: before the first';
COMMENT ON COLUMN travel.baseline_states.valid_until IS 'the next event; infinity: none yet';
COMMENT ON COLUMN travel.baseline_states.pass IS 'of the newest row: the pass that read all its events later than judged_from';
SELECT pg_catalog.pg_extension_config_dump('travel.baseline_states', '');

CREATE FUNCTION travel.scan_step(rule text) RETURNS boolean
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'travel_scan_step';
COMMENT ON FUNCTION travel.scan_step(text) IS
    'one step of travel.scan, in one transaction; true where there is more to do';
REVOKE ALL ON FUNCTION travel.scan_step(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION travel.scan_step(text) TO @extowner@;

CREATE FUNCTION travel.may_commit() RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_may_commit';
COMMENT ON FUNCTION travel.may_commit() IS 'whether the procedure that asks may commit: it is not in a transaction block';

CREATE PROCEDURE travel.scan(rule text DEFAULT NULL)
    LANGUAGE plpgsql
AS $$
DECLARE
    name text;
    is_more boolean;
BEGIN
    FOR name IN
        SELECT r.name FROM travel.rules AS r
        WHERE (scan.rule IS NULL AND r.enabled) OR r.name = scan.rule
        ORDER BY r.name
    LOOP
        LOOP
            is_more := travel.scan_step(name);
            IF travel.may_commit() THEN
                COMMIT;
            END IF;
            EXIT WHEN NOT is_more;
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE travel.scan(text) IS 'judges what arrived since the last scan, by one rule or by all';
