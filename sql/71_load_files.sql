-- Files: loading files of the server into an events table -------------------------------------------------------------

CREATE FUNCTION travel_internal.begin_loading(target regclass, path text, OUT root text, OUT list text) RETURNS record
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_begin_loading';
COMMENT ON FUNCTION travel_internal.begin_loading(regclass, text) IS
    'Checks the arguments of travel.load_files, and returns the path without links and the name of the list of files';
REVOKE ALL ON FUNCTION travel_internal.begin_loading(regclass, text) FROM PUBLIC;

CREATE FUNCTION travel_internal.find_files(
    root text, OUT file text, OUT path text, OUT size bigint, OUT modified_at timestamptz, OUT refused text
) RETURNS SETOF record
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 10000
    AS 'MODULE_PATHNAME', 'travel_find_files';
COMMENT ON FUNCTION travel_internal.find_files(text) IS
    'Files in a folder of the server and all folders in it, with their paths in the folder and their whole paths. For '
    'a file that is not loaded, such as a pipe, refused says why';
REVOKE ALL ON FUNCTION travel_internal.find_files(text) FROM PUBLIC;

CREATE FUNCTION travel_internal.note_files(files bigint, bytes bigint) RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_note_files';
COMMENT ON FUNCTION travel_internal.note_files(bigint, bigint) IS
    'Notes how much travel.load_files has to load, for the notices about its progress';
REVOKE ALL ON FUNCTION travel_internal.note_files(bigint, bigint) FROM PUBLIC;

CREATE FUNCTION travel_internal.load_file(
    target regclass, root text, file text, refused text,
    OUT outcome text, OUT records bigint, OUT inserted bigint, OUT duplicates bigint, OUT skipped bigint
) RETURNS record
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'travel_load_file';
COMMENT ON FUNCTION travel_internal.load_file(regclass, text, text, text) IS
    'Loads one file for travel.load_files and notes it in the list of files. The outcome is loaded, failed or known';
REVOKE ALL ON FUNCTION travel_internal.load_file(regclass, text, text, text) FROM PUBLIC;

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
    SELECT b.root, b.list INTO root, list
    FROM travel_internal.begin_loading(load_files.target, load_files.path) AS b;
    -- A file whose size and time are those in the list was loaded before. One that failed is tried again.
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
            is_first := false;
        END IF;
        SELECT l.outcome, l.records, l.inserted, l.duplicates, l.skipped INTO loaded
        FROM travel_internal.load_file(load_files.target, root, found.file, found.refused) AS l;
        IF loaded.outcome OPERATOR(pg_catalog.=) 'loaded' THEN
            files := files OPERATOR(pg_catalog.+) 1;
        ELSIF loaded.outcome OPERATOR(pg_catalog.=) 'failed' THEN
            failed := failed OPERATOR(pg_catalog.+) 1;
        END IF;
        records := records OPERATOR(pg_catalog.+) loaded.records;
        inserted := inserted OPERATOR(pg_catalog.+) loaded.inserted;
        duplicates := duplicates OPERATOR(pg_catalog.+) loaded.duplicates;
        skipped := skipped OPERATOR(pg_catalog.+) loaded.skipped;
        IF can_commit THEN
            COMMIT;
        END IF;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE travel.load_files(regclass, text, bigint, bigint, bigint, bigint, bigint, bigint) IS
    'Loads a CloudTrail file of the server, or all files in a folder of it, into an events table. Files that were '
    'loaded before are not loaded again. It commits after each file';
REVOKE ALL ON PROCEDURE travel.load_files(regclass, text, bigint, bigint, bigint, bigint, bigint, bigint) FROM PUBLIC;

-- Whoever may read files of the server can load them.
GRANT EXECUTE ON FUNCTION travel_internal.begin_loading(regclass, text), travel_internal.find_files(text),
    travel_internal.note_files(bigint, bigint), travel_internal.load_file(regclass, text, text, text)
    TO pg_read_server_files;
GRANT EXECUTE ON PROCEDURE travel.load_files(regclass, text, bigint, bigint, bigint, bigint, bigint, bigint)
    TO pg_read_server_files;
