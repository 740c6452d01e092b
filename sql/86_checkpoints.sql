-- Checkpoints: what a rule has evaluated, and how a scan continues ----------------------------------------------------

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
    'Build time of the oldest GeoIP database that was in use';
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
    'Why none of the rows of the last pass that read rows could be evaluated; NULL if at least one could';
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
    'Number of events without an address, or without coordinates if the source has coordinates';
COMMENT ON COLUMN travel_internal.coverage_days.private_address IS
    'Number of events from private addresses that no named network locates';
COMMENT ON COLUMN travel_internal.coverage_days.unknown_address IS
    'Number of events from public addresses that are not located';
COMMENT ON COLUMN travel_internal.coverage_days.is_exact IS
    'Whether each event was counted once. It is false if scans read events again, or only a part of the day';
COMMENT ON COLUMN travel_internal.coverage_days.counted_at IS 'Time at which events of the day were last counted';
SELECT pg_catalog.pg_extension_config_dump('travel_internal.coverage_days', '');

-- The checkpoints of entities and of baseline users. A rule has as many rows as the source has keys and users, and a
-- scan updates those of which it reads events. So rows are small, and updates do not change indexed columns.
CREATE TABLE travel_internal.entity_checkpoints (
    rule            text        NOT NULL,
    entity          text        NOT NULL,
    evaluated_until timestamptz NOT NULL,
    pass            bigint,
    evaluated_from  timestamptz,
    edition         bigint,
    newest          bytea       NOT NULL,
    earlier         bytea       NOT NULL,
    PRIMARY KEY (rule, entity)
) WITH (fillfactor = 80);
COMMENT ON TABLE travel_internal.entity_checkpoints IS
    'Checkpoints from which a scan continues, one row for each entity. travel_internal.entity_states shows them in '
    'readable form';
COMMENT ON COLUMN travel_internal.entity_checkpoints.rule IS 'Rule that is scanned';
COMMENT ON COLUMN travel_internal.entity_checkpoints.entity IS 'Entity that the checkpoints describe';
COMMENT ON COLUMN travel_internal.entity_checkpoints.evaluated_until IS 'Time of the last event that was evaluated';
COMMENT ON COLUMN travel_internal.entity_checkpoints.pass IS 'Pass that read all events after evaluated_from';
COMMENT ON COLUMN travel_internal.entity_checkpoints.evaluated_from IS 'Start of what the pass has read';
COMMENT ON COLUMN travel_internal.entity_checkpoints.edition IS
    'Hash of the GeoIP databases and named networks that located the addresses; if it changes, the events are read '
    'again';
COMMENT ON COLUMN travel_internal.entity_checkpoints.newest IS
    'State after the last event, in the binary form of the extension';
COMMENT ON COLUMN travel_internal.entity_checkpoints.earlier IS
    'States after earlier events, for events that come late, in the binary form of the extension';
SELECT pg_catalog.pg_extension_config_dump('travel_internal.entity_checkpoints', '');

CREATE TABLE travel_internal.baseline_checkpoints (
    rule            text        NOT NULL,
    baseline_entity text        NOT NULL,
    evaluated_until timestamptz NOT NULL,
    pass            bigint,
    evaluated_from  timestamptz,
    edition         bigint,
    newest          bytea       NOT NULL,
    earlier         bytea       NOT NULL,
    PRIMARY KEY (rule, baseline_entity)
) WITH (fillfactor = 80);
COMMENT ON TABLE travel_internal.baseline_checkpoints IS
    'Checkpoints from which a scan continues, one row for each baseline user. travel_internal.baseline_states shows '
    'them in readable form';
COMMENT ON COLUMN travel_internal.baseline_checkpoints.rule IS 'Rule that is scanned';
COMMENT ON COLUMN travel_internal.baseline_checkpoints.baseline_entity IS 'Baseline user that the checkpoints describe';
COMMENT ON COLUMN travel_internal.baseline_checkpoints.evaluated_until IS 'Time of the last event that was evaluated';
COMMENT ON COLUMN travel_internal.baseline_checkpoints.pass IS 'Pass that read all events after evaluated_from';
COMMENT ON COLUMN travel_internal.baseline_checkpoints.evaluated_from IS 'Start of what the pass has read';
COMMENT ON COLUMN travel_internal.baseline_checkpoints.edition IS
    'Hash of the GeoIP databases and named networks that located the addresses; if it changes, the events are read '
    'again';
COMMENT ON COLUMN travel_internal.baseline_checkpoints.newest IS
    'State after the last event, in the binary form of the extension';
COMMENT ON COLUMN travel_internal.baseline_checkpoints.earlier IS
    'States after earlier events, for events that come late, in the binary form of the extension';
SELECT pg_catalog.pg_extension_config_dump('travel_internal.baseline_checkpoints', '');

CREATE FUNCTION travel_internal.states_of(
    rule           text,
    newest_time    timestamptz,
    newest_edition bigint,
    newest         bytea,
    earlier        bytea
) RETURNS TABLE (evaluated_until timestamptz, valid_until timestamptz, state json, edition bigint)
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'travel_states_of';
COMMENT ON FUNCTION travel_internal.states_of(text, timestamptz, bigint, bytea, bytea) IS
    'The states of a row of checkpoints in readable form, in order of time';
-- It decompresses what it is given: a few bytes can become so many that they exhaust the memory of the server.
REVOKE ALL ON FUNCTION travel_internal.states_of(text, timestamptz, bigint, bytea, bytea) FROM PUBLIC;

CREATE VIEW travel_internal.entity_states AS
SELECT c.rule, c.entity, s.evaluated_until, s.valid_until,
    CASE WHEN s.valid_until = 'infinity' THEN c.pass END AS pass,
    CASE WHEN s.valid_until = 'infinity' THEN c.evaluated_from END AS evaluated_from,
    s.state, s.edition
FROM travel_internal.entity_checkpoints AS c
CROSS JOIN LATERAL travel_internal.states_of(c.rule, c.evaluated_until, c.edition, c.newest, c.earlier) AS s;
COMMENT ON VIEW travel_internal.entity_states IS
    'The checkpoints of entities in readable form. Each row describes the state after one event and is valid '
    'until the next one';
COMMENT ON COLUMN travel_internal.entity_states.rule IS 'Rule that is scanned';
COMMENT ON COLUMN travel_internal.entity_states.entity IS 'Entity that the state describes';
COMMENT ON COLUMN travel_internal.entity_states.evaluated_until IS
    'Time of the event that the state describes; -infinity means before the first event';
COMMENT ON COLUMN travel_internal.entity_states.valid_until IS
    'Time of the next event; infinity means that there is none yet';
COMMENT ON COLUMN travel_internal.entity_states.pass IS
    'Pass that read all events after evaluated_from; only in the newest row';
COMMENT ON COLUMN travel_internal.entity_states.evaluated_from IS 'Start of what the pass has read; only with pass';
COMMENT ON COLUMN travel_internal.entity_states.state IS 'State of the evaluation; NULL before the first event';
COMMENT ON COLUMN travel_internal.entity_states.edition IS
    'Hash of the GeoIP databases and named networks that located the addresses';

CREATE VIEW travel_internal.baseline_states AS
SELECT c.rule, c.baseline_entity, s.evaluated_until, s.valid_until,
    CASE WHEN s.valid_until = 'infinity' THEN c.pass END AS pass,
    CASE WHEN s.valid_until = 'infinity' THEN c.evaluated_from END AS evaluated_from,
    s.state, s.edition
FROM travel_internal.baseline_checkpoints AS c
CROSS JOIN LATERAL travel_internal.states_of(c.rule, c.evaluated_until, c.edition, c.newest, c.earlier) AS s;
COMMENT ON VIEW travel_internal.baseline_states IS
    'The checkpoints of baseline users in readable form. Each row describes the state after one event and is valid '
    'until the next one';
COMMENT ON COLUMN travel_internal.baseline_states.rule IS 'Rule that is scanned';
COMMENT ON COLUMN travel_internal.baseline_states.baseline_entity IS 'Baseline user that the state describes';
COMMENT ON COLUMN travel_internal.baseline_states.evaluated_until IS
    'Time of the event that the state describes; -infinity means before the first event';
COMMENT ON COLUMN travel_internal.baseline_states.valid_until IS
    'Time of the next event; infinity means that there is none yet';
COMMENT ON COLUMN travel_internal.baseline_states.pass IS
    'Pass that read all events after evaluated_from; only in the newest row';
COMMENT ON COLUMN travel_internal.baseline_states.evaluated_from IS 'Start of what the pass has read; only with pass';
COMMENT ON COLUMN travel_internal.baseline_states.state IS 'State of the evaluation; NULL before the first event';
COMMENT ON COLUMN travel_internal.baseline_states.edition IS
    'Hash of the GeoIP databases and named networks that located the addresses';

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
    'First key of the chain, which is the entity of the events of the key; the key itself if a circle of keys is cut '
    'here';
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
    'and checkpoints. Refuses TRUNCATE';
REVOKE ALL ON FUNCTION travel_internal.forget_rule() FROM PUBLIC;
CREATE TRIGGER forget AFTER DELETE ON travel.rules
    FOR EACH ROW EXECUTE FUNCTION travel_internal.forget_rule();
COMMENT ON TRIGGER forget ON travel.rules IS
    'Archives the open alerts of a deleted rule and deletes what belongs to it';
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON travel.rules
    FOR EACH STATEMENT EXECUTE FUNCTION travel_internal.forget_rule();
COMMENT ON TRIGGER guard_truncate ON travel.rules IS
    'Refuses TRUNCATE, which could end in a deadlock with sessions that work on alerts';
