-- Events: a table for CloudTrail events, and how documents are loaded into it -----------------------------------------

CREATE FUNCTION travel.create_events_table(
    name text, partitioned boolean DEFAULT false, keep_record boolean DEFAULT true
) RETURNS regclass
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_create_events_table';
COMMENT ON FUNCTION travel.create_events_table(text, boolean, boolean) IS
    'Creates a table for CloudTrail events, which the caller owns, with the indexes that detection uses';

CREATE FUNCTION travel.ingest(
    target regclass, document jsonb,
    OUT records bigint, OUT inserted bigint, OUT duplicates bigint, OUT skipped bigint
) RETURNS record
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_ingest';
COMMENT ON FUNCTION travel.ingest(regclass, jsonb) IS
    'Inserts the records of a CloudTrail document into an events table. Records that the table already contains are '
    'not changed';

CREATE FUNCTION travel.ingest(
    target regclass, document text,
    OUT records bigint, OUT inserted bigint, OUT duplicates bigint, OUT skipped bigint
) RETURNS record
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_ingest_text';
COMMENT ON FUNCTION travel.ingest(regclass, text) IS
    'Inserts the records of CloudTrail documents in JSON text, such as one per line. A document that cannot be read '
    'is skipped with a warning';
