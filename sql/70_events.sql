-- Events: a table for those who have none ----------------------------------------------------------------------------

CREATE FUNCTION travel.create_events_table(
    name text, partitioned boolean DEFAULT false, keep_record boolean DEFAULT true
) RETURNS regclass
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_create_events_table';
COMMENT ON FUNCTION travel.create_events_table(text, boolean, boolean) IS
    'makes a table of CloudTrail events, which belongs to the caller, with the indexes that detection wants';

CREATE FUNCTION travel.ingest(
    target regclass, document jsonb,
    OUT records bigint, OUT inserted bigint, OUT duplicates bigint, OUT skipped bigint
) RETURNS record
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_ingest';
COMMENT ON FUNCTION travel.ingest(regclass, jsonb) IS
    'puts the records of a CloudTrail document into an events table; what is there already is left as it is';

CREATE FUNCTION travel.ingest(
    target regclass, document text,
    OUT records bigint, OUT inserted bigint, OUT duplicates bigint, OUT skipped bigint
) RETURNS record
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_ingest_text';
COMMENT ON FUNCTION travel.ingest(regclass, text) IS
    'the same for JSON text, one document or several: a document that cannot be read is skipped with a warning, and loses no other';
