-- Files: loading files of the server into an events table -------------------------------------------------------------

CREATE FUNCTION travel_internal.begin_loading(target regclass, path text, OUT root text, OUT list text) RETURNS record
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_begin_loading';
COMMENT ON FUNCTION travel_internal.begin_loading(regclass, text) IS
    'Checks the arguments of travel.load_files, and returns the path without links and the name of the list of loaded '
    'files';
REVOKE ALL ON FUNCTION travel_internal.begin_loading(regclass, text) FROM PUBLIC;

CREATE FUNCTION travel_internal.find_files(
    root text, OUT file text, OUT path text, OUT size bigint, OUT modified_at timestamptz, OUT refused text
) RETURNS SETOF record
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 10000
    AS 'MODULE_PATHNAME', 'travel_find_files';
COMMENT ON FUNCTION travel_internal.find_files(text) IS
    'Files in a folder of the server and in all folders below it, by their paths within the folder (file) and their '
    'absolute paths (path). For a file that is not loaded, such as a pipe, refused says why';
REVOKE ALL ON FUNCTION travel_internal.find_files(text) FROM PUBLIC;

CREATE FUNCTION travel_internal.note_files(files bigint, bytes bigint) RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_note_files';
COMMENT ON FUNCTION travel_internal.note_files(bigint, bigint) IS
    'Stores how much travel.load_files has to load, for the notices about its progress';
REVOKE ALL ON FUNCTION travel_internal.note_files(bigint, bigint) FROM PUBLIC;

CREATE FUNCTION travel_internal.begin_workers(target regclass, root text) RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_begin_workers';
COMMENT ON FUNCTION travel_internal.begin_workers(regclass, text) IS
    'Starts worker processes for travel.load_files, at most max_parallel_maintenance_workers, if there is much to load';
REVOKE ALL ON FUNCTION travel_internal.begin_workers(regclass, text) FROM PUBLIC;

CREATE FUNCTION travel_internal.load_file(
    target regclass, root text, file text, refused text,
    OUT files bigint, OUT records bigint, OUT inserted bigint, OUT duplicates bigint, OUT skipped bigint,
    OUT failed bigint
) RETURNS record
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_load_file';
COMMENT ON FUNCTION travel_internal.load_file(regclass, text, text, text) IS
    'Loads one file for travel.load_files and adds it to the list of loaded files, or hands it to a worker process. '
    'Returns the counts of the files that were finished since the last call';
REVOKE ALL ON FUNCTION travel_internal.load_file(regclass, text, text, text) FROM PUBLIC;

CREATE FUNCTION travel_internal.finish_file(
    target regclass, root text,
    OUT files bigint, OUT records bigint, OUT inserted bigint, OUT duplicates bigint, OUT skipped bigint,
    OUT failed bigint
) RETURNS record
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_finish_file';
COMMENT ON FUNCTION travel_internal.finish_file(regclass, text) IS
    'Waits until a worker process of travel.load_files has finished a file, and returns the counts. NULL if no file '
    'is left';
REVOKE ALL ON FUNCTION travel_internal.finish_file(regclass, text) FROM PUBLIC;

CREATE FUNCTION travel_internal.parsed_records(records jsonb[]) RETURNS SETOF record
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 1000
    AS 'MODULE_PATHNAME', 'travel_parsed_records';
COMMENT ON FUNCTION travel_internal.parsed_records(jsonb[]) IS
    'Rows with the columns of travel.try_parse for each record, and the record itself';

CREATE PROCEDURE travel.load_files(
    target regclass, path text,
    INOUT files bigint DEFAULT NULL, INOUT records bigint DEFAULT NULL, INOUT inserted bigint DEFAULT NULL,
    INOUT duplicates bigint DEFAULT NULL, INOUT skipped bigint DEFAULT NULL, INOUT failed bigint DEFAULT NULL
)
    LANGUAGE plpgsql
AS $$
DECLARE
    can_commit CONSTANT boolean := travel_internal.may_commit();
    -- As in travel.scan: at these isolation levels, PostgreSQL would end some of the transactions with 40001.
    is_strict CONSTANT boolean := can_commit AND pg_catalog.current_setting('transaction_isolation')
        OPERATOR(pg_catalog.=) ANY ('{repeatable read,serializable}'::pg_catalog.text[]);
    -- Qualified, because the search_path of the caller may contain other types with these names.
    root pg_catalog.text;
    list pg_catalog.text;
    found pg_catalog.record;
    loaded pg_catalog.record;
    is_first boolean := true;
BEGIN
    files := 0;
    records := 0;
    inserted := 0;
    duplicates := 0;
    skipped := 0;
    failed := 0;
    IF is_strict THEN
        COMMIT;
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    END IF;
    SELECT b.root, b.list INTO root, list
    FROM travel_internal.begin_loading(load_files.target, load_files.path) AS b;
    -- A file was loaded before if its size and its time are those in the list. One that failed is tried again.
    FOR found IN EXECUTE pg_catalog.format(
        'SELECT f.file, f.refused, pg_catalog.count(*) OVER () AS files,
                LEAST(pg_catalog.sum(f.size) OVER (), 9223372036854775807) AS bytes
         FROM travel_internal.find_files($1) AS f
         LEFT JOIN %s AS l ON l.path OPERATOR(pg_catalog.=) f.path AND l.error IS NULL
             AND l.size OPERATOR(pg_catalog.=) f.size AND l.modified_at OPERATOR(pg_catalog.=) f.modified_at
         WHERE l.path IS NULL
         ORDER BY f.path COLLATE pg_catalog."C"', list)
        USING root
    LOOP
        IF is_first THEN
            PERFORM travel_internal.note_files(found.files, found.bytes::pg_catalog.int8);
            IF can_commit THEN
                -- Workers must see the list of loaded files, which this call may have created.
                COMMIT AND CHAIN;
                PERFORM travel_internal.begin_workers(load_files.target, root);
            END IF;
            is_first := false;
        END IF;
        SELECT l.files, l.records, l.inserted, l.duplicates, l.skipped, l.failed INTO loaded
        FROM travel_internal.load_file(load_files.target, root, found.file, found.refused) AS l;
        files := files OPERATOR(pg_catalog.+) loaded.files;
        records := records OPERATOR(pg_catalog.+) loaded.records;
        inserted := inserted OPERATOR(pg_catalog.+) loaded.inserted;
        duplicates := duplicates OPERATOR(pg_catalog.+) loaded.duplicates;
        skipped := skipped OPERATOR(pg_catalog.+) loaded.skipped;
        failed := failed OPERATOR(pg_catalog.+) loaded.failed;
        IF can_commit THEN
            COMMIT AND CHAIN;
        END IF;
    END LOOP;
    LOOP
        SELECT l.files, l.records, l.inserted, l.duplicates, l.skipped, l.failed INTO loaded
        FROM travel_internal.finish_file(load_files.target, root) AS l;
        EXIT WHEN loaded.files IS NULL;
        files := files OPERATOR(pg_catalog.+) loaded.files;
        records := records OPERATOR(pg_catalog.+) loaded.records;
        inserted := inserted OPERATOR(pg_catalog.+) loaded.inserted;
        duplicates := duplicates OPERATOR(pg_catalog.+) loaded.duplicates;
        skipped := skipped OPERATOR(pg_catalog.+) loaded.skipped;
        failed := failed OPERATOR(pg_catalog.+) loaded.failed;
        IF can_commit THEN
            COMMIT AND CHAIN;
        END IF;
    END LOOP;
    IF is_strict THEN
        COMMIT;
    END IF;
END
$$;
COMMENT ON PROCEDURE travel.load_files(regclass, text, bigint, bigint, bigint, bigint, bigint, bigint) IS
    'Loads a CloudTrail file of the server, or all files in a folder of it, into an events table. Files that were '
    'loaded before are not loaded again. It commits after each file. '
    'Requires membership in pg_read_server_files';
REVOKE ALL ON PROCEDURE travel.load_files(regclass, text, bigint, bigint, bigint, bigint, bigint, bigint) FROM PUBLIC;

-- A role that may read the files of the server can load them.
GRANT EXECUTE ON FUNCTION travel_internal.begin_loading(regclass, text), travel_internal.find_files(text),
    travel_internal.note_files(bigint, bigint), travel_internal.begin_workers(regclass, text),
    travel_internal.load_file(regclass, text, text, text), travel_internal.finish_file(regclass, text)
    TO pg_read_server_files;
GRANT EXECUTE ON PROCEDURE travel.load_files(regclass, text, bigint, bigint, bigint, bigint, bigint, bigint)
    TO pg_read_server_files;
