-- The baseline: where people usually are; and what analysts know better ----------------------------------------------

CREATE TABLE travel.known_places (
    rule            text        NOT NULL REFERENCES travel.rules ON DELETE CASCADE,
    baseline_entity text        NOT NULL CHECK (baseline_entity <> ''),
    country_code    text        NOT NULL,
    subdivision     text,
    city            text,
    state           text        NOT NULL DEFAULT 'known' CHECK (state IN ('known', 'trial', 'held')),
    origin          text        NOT NULL DEFAULT 'analyst' CHECK (origin IN ('learnt', 'analyst', 'alert')),
    first_seen      timestamptz,
    last_seen       timestamptz,
    valid_from      timestamptz,
    valid_until     timestamptz,
    alert_id        bigint,
    note            text
);
CREATE INDEX known_places_entity ON travel.known_places (rule, baseline_entity);
CREATE INDEX known_places_alert ON travel.known_places (alert_id) WHERE alert_id IS NOT NULL;
CREATE UNIQUE INDEX known_places_learnt
    ON travel.known_places (rule, baseline_entity, country_code, subdivision, city) NULLS NOT DISTINCT
    WHERE origin = 'learnt';
COMMENT ON TABLE travel.known_places IS
    'the places of each person: those that scans learnt, and those that analysts entered';
COMMENT ON COLUMN travel.known_places.rule IS 'whose baseline it is';
COMMENT ON COLUMN travel.known_places.baseline_entity IS 'who is known there';
COMMENT ON COLUMN travel.known_places.country_code IS 'two capitals';
COMMENT ON COLUMN travel.known_places.subdivision IS 'state or region; NULL where learn is encountered';
COMMENT ON COLUMN travel.known_places.city IS 'NULL: none is known of these addresses';
COMMENT ON COLUMN travel.known_places.state IS 'known | trial: watched until it is known | held: impossible to reach from known places';
COMMENT ON COLUMN travel.known_places.origin IS
    'learnt: the scan''s own | analyst: entered by hand | alert: by archiving an alert as expected';
COMMENT ON COLUMN travel.known_places.first_seen IS 'of a learnt place: its first event since it was last forgotten';
COMMENT ON COLUMN travel.known_places.last_seen IS 'the same: its last event';
COMMENT ON COLUMN travel.known_places.valid_from IS 'of an entered place: known strictly after this';
COMMENT ON COLUMN travel.known_places.valid_until IS 'and before this; NULL: for good';
COMMENT ON COLUMN travel.known_places.alert_id IS 'with origin alert: the one that was archived';
COMMENT ON COLUMN travel.known_places.note IS 'for whoever reads it later';
SELECT pg_catalog.pg_extension_config_dump('travel.known_places', '');

CREATE TABLE travel.known_transitions (
    rule              text        NOT NULL REFERENCES travel.rules ON DELETE CASCADE,
    baseline_entity   text        NOT NULL CHECK (baseline_entity <> ''),
    from_country_code text        NOT NULL,
    from_subdivision  text,
    from_city         text,
    to_country_code   text        NOT NULL,
    to_subdivision    text,
    to_city           text,
    state             text        NOT NULL DEFAULT 'known' CHECK (state = 'known'),
    origin            text        NOT NULL DEFAULT 'analyst' CHECK (origin IN ('learnt', 'analyst')),
    first_seen        timestamptz,
    last_seen         timestamptz,
    valid_from        timestamptz,
    valid_until       timestamptz,
    alert_id          bigint,
    note              text
);
CREATE INDEX known_transitions_entity ON travel.known_transitions (rule, baseline_entity);
CREATE UNIQUE INDEX known_transitions_learnt
    ON travel.known_transitions (rule, baseline_entity, from_country_code, from_subdivision, from_city,
                                 to_country_code, to_subdivision, to_city) NULLS NOT DISTINCT
    WHERE origin = 'learnt';
COMMENT ON TABLE travel.known_transitions IS
    'moves between two places that are no news: those that scans learnt, and those that analysts entered';
COMMENT ON COLUMN travel.known_transitions.rule IS 'whose baseline it is';
COMMENT ON COLUMN travel.known_transitions.baseline_entity IS 'who makes the move';
COMMENT ON COLUMN travel.known_transitions.from_country_code IS 'two capitals';
COMMENT ON COLUMN travel.known_transitions.from_subdivision IS 'state or region; NULL where learn is encountered';
COMMENT ON COLUMN travel.known_transitions.from_city IS 'NULL: none is known of these addresses';
COMMENT ON COLUMN travel.known_transitions.to_country_code IS 'two capitals';
COMMENT ON COLUMN travel.known_transitions.to_subdivision IS 'as from_subdivision';
COMMENT ON COLUMN travel.known_transitions.to_city IS 'as from_city';
COMMENT ON COLUMN travel.known_transitions.state IS 'always known';
COMMENT ON COLUMN travel.known_transitions.origin IS 'learnt: the scan''s own | analyst: entered by hand';
COMMENT ON COLUMN travel.known_transitions.first_seen IS 'of a learnt move: when it was first made';
COMMENT ON COLUMN travel.known_transitions.last_seen IS 'the same: when it was last made';
COMMENT ON COLUMN travel.known_transitions.valid_from IS 'of an entered move: known strictly after this';
COMMENT ON COLUMN travel.known_transitions.valid_until IS 'and before this; NULL: for good';
COMMENT ON COLUMN travel.known_transitions.alert_id IS 'none yet';
COMMENT ON COLUMN travel.known_transitions.note IS 'for whoever reads it later';
SELECT pg_catalog.pg_extension_config_dump('travel.known_transitions', '');

CREATE TABLE travel.suppressions (
    id             bigint      GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    rule           text        REFERENCES travel.rules ON DELETE CASCADE,
    entity_like    text,
    country_code_a text,
    country_code_b text,
    network        cidr,
    valid_from     timestamptz,
    valid_until    timestamptz,
    reason         text        NOT NULL CHECK (reason <> ''),
    created_by     text        NOT NULL DEFAULT CURRENT_USER,
    CONSTRAINT valid_from_before_valid_until CHECK (valid_from < valid_until)
);
COMMENT ON TABLE travel.suppressions IS
    'travel that is not to be raised for a time: a leg is suppressed where every criterion that is given fits';
COMMENT ON COLUMN travel.suppressions.id IS 'given by the table';
COMMENT ON COLUMN travel.suppressions.rule IS 'NULL: every rule';
COMMENT ON COLUMN travel.suppressions.entity_like IS 'a pattern as in LIKE';
COMMENT ON COLUMN travel.suppressions.country_code_a IS 'the countries of the two ends, in either order';
COMMENT ON COLUMN travel.suppressions.country_code_b IS 'with country_code_a';
COMMENT ON COLUMN travel.suppressions.network IS 'a prefix that contains the address of either end of the leg';
COMMENT ON COLUMN travel.suppressions.valid_from IS 'by the time at which the leg arrives; NULL: always';
COMMENT ON COLUMN travel.suppressions.valid_until IS 'exclusive; NULL: for good';
COMMENT ON COLUMN travel.suppressions.reason IS 'why, for whoever asks later';
SELECT pg_catalog.pg_extension_config_dump('travel.suppressions', '');
COMMENT ON SEQUENCE travel.suppressions_id_seq IS 'the ids of suppressions';
SELECT pg_catalog.pg_extension_config_dump('travel.suppressions_id_seq', '');
