-- Events: a table for CloudTrail events, and how documents are loaded into it -----------------------------------------

CREATE FUNCTION travel.create_events_table(
    name text, partitioned boolean DEFAULT false, keep_record boolean DEFAULT true, distributed_by text DEFAULT NULL
) RETURNS regclass
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_create_events_table';
COMMENT ON FUNCTION travel.create_events_table(text, boolean, boolean, text) IS
    'Creates a table for CloudTrail events, which the caller owns, with the indexes that detection uses, and an inbox '
    'for documents. With distributed_by, Citus can distribute it by that column';

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

-- An inbox is a view, so any client that can insert a row can load a document.
CREATE FUNCTION travel.inbox() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_inbox';
COMMENT ON FUNCTION travel.inbox() IS
    'Trigger function for INSTEAD OF INSERT on a view: inserts the records of the document in a column, which the '
    'argument of the trigger names (document by default), into the table that the view reads';

CREATE FUNCTION travel.create_inbox(target regclass) RETURNS regclass
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_create_inbox';
COMMENT ON FUNCTION travel.create_inbox(regclass) IS
    'Creates a view beside an events table, with the column document. Inserting a document into it inserts the records '
    'of the document into the table';

CREATE FUNCTION travel_internal.months_to_make(target regclass, until timestamptz) RETURNS timestamptz[]
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_months_to_make';
COMMENT ON FUNCTION travel_internal.months_to_make(regclass, timestamptz) IS
    'Months for which travel.make_partitions creates a partition: those that begin before a time, and those of which '
    'the DEFAULT partition has rows';

CREATE FUNCTION travel_internal.make_partition(target regclass, month timestamptz) RETURNS bigint
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_make_partition';
COMMENT ON FUNCTION travel_internal.make_partition(regclass, timestamptz) IS
    'Creates the partition of a month, and returns the number of rows that were moved into it; NULL if it exists';

CREATE PROCEDURE travel.make_partitions(
    target regclass, until timestamptz, INOUT made bigint DEFAULT NULL, INOUT moved bigint DEFAULT NULL
)
    LANGUAGE plpgsql
AS $$
DECLARE
    -- Qualified, because the search_path of the caller may contain other types with these names.
    month pg_catalog.timestamptz;
    of_month pg_catalog.int8;
    can_commit CONSTANT boolean := travel_internal.may_commit();
    -- As in travel.scan: at these isolation levels, PostgreSQL would end some of the transactions with 40001.
    is_strict CONSTANT boolean := can_commit AND pg_catalog.current_setting('transaction_isolation')
        OPERATOR(pg_catalog.=) ANY ('{repeatable read,serializable}'::pg_catalog.text[]);
BEGIN
    made := 0;
    moved := 0;
    IF is_strict THEN
        COMMIT;
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    END IF;
    FOREACH month IN ARRAY travel_internal.months_to_make(target, until) LOOP
        of_month := travel_internal.make_partition(target, month);
        IF of_month IS NOT NULL THEN
            made := made OPERATOR(pg_catalog.+) 1;
            moved := moved OPERATOR(pg_catalog.+) of_month;
        END IF;
        -- Other sessions can use the new partition from now on, and need not wait for the locks that it took.
        IF can_commit THEN
            COMMIT AND CHAIN;
        END IF;
    END LOOP;
    IF is_strict THEN
        COMMIT;
    END IF;
END
$$;
COMMENT ON PROCEDURE travel.make_partitions(regclass, timestamptz, bigint, bigint) IS
    'Creates the monthly partitions of an events table that begin before a time, and those for the rows of its DEFAULT '
    'partition, which it moves. It commits after each partition';
