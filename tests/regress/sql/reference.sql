-- docs/reference.md and the catalog agree: each object that users call or read has a heading, each function its
-- signature, attributes and privileges, each table, view and type its columns with their types and defaults; and the
-- page documents nothing else.
\set page `cat "$PG_ABS_SRCDIR/../../docs/reference.md"`

-- Writes types as the page does, without the casts of constants.
CREATE FUNCTION short(sql text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT replace(regexp_replace(regexp_replace(regexp_replace(sql,
        '::[a-z][a-z_. ]*(\[\])?', '', 'g'), 'timestamp with time zone', 'timestamptz', 'g'), '\s+', ' ', 'g'),
        'double precision', 'float8')
$$;

-- A default without its quotes; an interval as PostgreSQL writes it.
CREATE FUNCTION short_default(type text, value text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN value = '' THEN '' WHEN type = 'interval' THEN v::interval::text ELSE v END
    FROM (SELECT trim(short(value), '''`')) AS t (v)
$$;

-- A function that takes a timestamp is documented by the one that takes a timestamptz: the page says so once for all.
CREATE FUNCTION in_catalog() RETURNS SETOF text LANGUAGE sql STABLE AS $$
    WITH functions AS (
        SELECT p.*, 'travel.' || proname AS object,
               CASE prokind WHEN 'p' THEN 'CALL ' ELSE '' END
                   || short(format('travel.%s(%s)', proname,
                       regexp_replace(pg_get_function_arguments(oid), '(^|, )OUT .*|\mIN ', '', 'g')))
                   || CASE prokind WHEN 'p' THEN '' ELSE ' → ' || short(pg_get_function_result(oid)) END AS signature
        FROM pg_proc AS p
        WHERE pronamespace = 'travel'::regnamespace AND NOT EXISTS (
            SELECT FROM pg_proc AS q
            WHERE 'timestamp'::regtype = ANY (p.proargtypes)
              AND (q.pronamespace, q.proname, q.provolatile, q.proisstrict, q.proparallel, q.proargtypes::oid[])
                = (p.pronamespace, p.proname, p.provolatile, p.proisstrict, p.proparallel,
                   array_replace(p.proargtypes::oid[], 'timestamp'::regtype, 'timestamptz'::regtype)))
    ), relations AS (
        SELECT c.*, 'travel.' || relname AS object FROM pg_class AS c
        WHERE relnamespace = 'travel'::regnamespace AND relkind IN ('c', 'r', 'p', 'v', 'm', 'f')
    ), columns AS (
        SELECT object, attname::text AS name, short(format_type(atttypid, atttypmod)) AS type,
               CASE WHEN attidentity <> '' OR attgenerated <> '' OR pg_get_expr(adbin, adrelid) ~ '^nextval'
                    THEN 'generated' ELSE coalesce(pg_get_expr(adbin, adrelid), '') END AS value
        FROM relations AS r JOIN pg_attribute AS a ON attrelid = r.oid AND attnum > 0 AND NOT attisdropped
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        UNION ALL
        SELECT object, name, short(format_type(type, NULL)), ''
        FROM functions, unnest(proallargtypes, proargmodes, proargnames) AS a (type, mode, name)
        WHERE mode IN ('o', 't')
    )
    SELECT 'heading: ' || object FROM functions
    UNION SELECT 'heading: ' || object FROM relations
    UNION SELECT 'heading: travel.' || typname FROM pg_type
          WHERE typnamespace = 'travel'::regnamespace AND typtype IN ('b', 'd', 'e', 'r') AND typelem = 0
    UNION SELECT 'signature: ' || signature FROM functions
    UNION SELECT 'attributes: ' || signature || ': ' || concat_ws(', ',
              CASE WHEN prokind <> 'a' THEN
                  CASE provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END END,
              CASE WHEN proisstrict THEN 'strict' END,
              'parallel ' || CASE proparallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' ELSE 'unsafe' END,
              CASE WHEN prosecdef THEN 'security definer' END)
          FROM functions WHERE prokind <> 'p'
    UNION SELECT 'not for every role: ' || object
          FROM functions WHERE NOT has_function_privilege('public', oid, 'EXECUTE')
    UNION SELECT format('column: %s.%s %s %s', object, name, type, short_default(type, value)) FROM columns
$$;

-- What the page documents, in the same words.
--   A heading is "### travel.name". Signatures are the text blocks that begin with travel. or CALL travel. and are not
--   the output of a block of SQL; further lines of a signature are indented. The line after them has the attributes.
--   A function whose "Privileges:" begins with roles or members is for these only.
--   In tables whose first heading is "column", a row documents one or several columns of the object.
CREATE FUNCTION in_reference(page text) RETURNS SETOF text LANGUAGE plpgsql STABLE AS $$
DECLARE
    line text;
    object text;
    fence text;
    block text := '';
    is_function boolean := false;
    is_output boolean := false;
    signatures text[] := '{}';
    header text[];
    cells text[];
    names text[];
    types text[];
BEGIN
    FOREACH line IN ARRAY string_to_array(page, E'\n') LOOP
        IF fence IS NOT NULL AND line NOT LIKE '```%' THEN
            block := block || line || E'\n';
        ELSIF fence IS NOT NULL THEN
            IF fence = 'text' AND NOT is_output AND block ~ '^(CALL )?travel\.' THEN
                signatures := ARRAY(
                    SELECT short(trim(s)) FROM regexp_split_to_table(trim(block, E'\n'), '\n(?!\s)') AS s);
                is_function := true;
                RETURN QUERY SELECT 'signature: ' || s FROM unnest(signatures) AS s;
            END IF;
            is_output := fence = 'sql';
            fence := NULL;
        ELSIF line LIKE '```%' THEN
            fence := substr(line, 4);
            block := '';
        ELSIF line LIKE '|%' THEN
            -- A bar inside a cell is escaped.
            cells := ARRAY(SELECT trim(c) FROM regexp_split_to_table(trim(line, '|'), '(?<!\\)\|') AS c);
            IF header IS NULL THEN
                header := cells;
            ELSIF header[1] = 'column' AND cells[1] LIKE 'the columns of %' THEN
                RETURN QUERY
                    SELECT format('column: %s.%s %s ', object, attname, short(format_type(atttypid, atttypmod)))
                    FROM pg_attribute
                    WHERE attrelid = to_regclass(substring(cells[1] FROM '`(travel\.\w+)`')) AND attnum > 0;
            ELSIF header[1] = 'column' AND cells[1] LIKE '`%' THEN
                names := ARRAY(SELECT m[1] FROM regexp_matches(cells[1], '`(\w+)`', 'g') AS m);
                types := string_to_array(cells[2], ', ');
                RETURN QUERY SELECT format('column: %s.%s %s %s', object, names[n], type,
                        short_default(type, CASE WHEN header[3] = 'default' THEN cells[3] ELSE '' END))
                    FROM generate_subscripts(names, 1) AS n,
                         LATERAL (SELECT types[CASE WHEN cardinality(types) = 1 THEN 1 ELSE n END]) AS t (type);
            END IF;
            CONTINUE;
        ELSIF line ~ '^(Immutable|Stable|Volatile|Parallel)\M.*\.$' THEN
            RETURN QUERY SELECT 'attributes: ' || s || ': ' || lower(rtrim(line, '.')) FROM unnest(signatures) AS s;
        ELSIF is_function AND line ~ '^Privileges: (roles|members)' THEN
            RETURN NEXT 'not for every role: ' || object;
        ELSIF line ~ '^##' THEN
            is_function := false;
            object := substring(line FROM '^### (travel\.\w+)');
            RETURN QUERY SELECT 'heading: ' || object WHERE object IS NOT NULL;
        ELSIF line <> '' THEN
            is_output := false;
        END IF;
        header := NULL;
    END LOOP;
END
$$;

CREATE FUNCTION differences(page text) RETURNS TABLE (only_in text, what text) LANGUAGE sql STABLE AS $$
    WITH c AS MATERIALIZED (SELECT in_catalog()), r AS MATERIALIZED (SELECT in_reference(page))
    SELECT 'catalog', e FROM (TABLE c EXCEPT TABLE r) AS e (e)
    UNION ALL
    SELECT 'reference', e FROM (TABLE r EXCEPT TABLE c) AS e (e)
    ORDER BY 2, 1
$$;

\pset format unaligned
\pset tuples_only on
CREATE TEMPORARY TABLE difference AS SELECT * FROM differences(:'page');
SELECT * FROM difference ORDER BY what, only_in;

-- What another page changes.
CREATE FUNCTION changes(page text) RETURNS TABLE (only_in text, what text) LANGUAGE sql STABLE AS $$
    SELECT * FROM differences(page) EXCEPT TABLE difference ORDER BY 2, 1
$$;

-- The comparison sees a missing object; a wrong argument, default, volatility and privilege of a function; a missing
-- column; and a wrong name, type and default of a column.
SELECT * FROM changes(replace(:'page', '### travel.try_number', '### travel.try_numeral'));
SELECT * FROM changes(replace(:'page', '(distance_km float8, elapsed', '(km float8, elapsed'));
SELECT * FROM changes(replace(:'page',
    'events_table(name text, partitioned boolean DEFAULT false',
    'events_table(name text, partitioned boolean DEFAULT true'));
SELECT * FROM changes(regexp_replace(:'page', 'Immutable, strict', 'Stable, strict'));
SELECT * FROM changes(regexp_replace(:'page', '\n\| `reopened_at` [^\n]*', ''));
SELECT * FROM changes(replace(:'page', '| `leg_count` | integer |', '| `legs` | bigint |'));
SELECT * FROM changes(replace(:'page', '| interval | `6 hours` |', '| interval | `8 hours` |'));
SELECT * FROM changes(replace(:'page', 'Privileges: members of `pg_monitor`', 'Privileges: `SELECT`'));
\pset tuples_only off
\pset format aligned
DROP TABLE difference;
DROP FUNCTION changes, differences, in_reference, in_catalog, short_default, short;
