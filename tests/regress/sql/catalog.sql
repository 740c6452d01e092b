-- What the catalog must say of the extension's objects: every one is documented, every table has a key, and the schema
-- travel holds only what users call and read.
SET search_path = public;

-- The objects of the extension, with their descriptions. Array types and the row types of tables, which belong to the
-- extension from PostgreSQL 18 on, share the COMMENT of what they are made for, and are left out.
CREATE TEMP TABLE objects AS
SELECT classid, objid, (pg_identify_object(classid, objid, 0)).*,
       obj_description(objid, classid::regclass::name) AS description
FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
  AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'impossible_travel')
  AND NOT (classid = 'pg_type'::regclass AND objid IN (
      SELECT t.oid FROM pg_type AS t LEFT JOIN pg_class AS c ON c.oid = t.typrelid
      WHERE t.typcategory = 'A' OR c.relkind <> 'c'));
SELECT type, count(*) > 0 AS some FROM objects GROUP BY type ORDER BY type;
SELECT type, schema, name FROM objects WHERE type <> 'schema' AND schema NOT IN ('travel', 'travel_internal');

-- Every object has a COMMENT, and so has every column, trigger and constraint of a domain.
SELECT type, identity FROM objects WHERE description IS NULL ORDER BY 1, 2;
SELECT attrelid::regclass AS relation, attname AS column_without_comment
FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid
WHERE relnamespace = ANY ('{travel,travel_internal}'::regnamespace[]) AND relkind IN ('r', 'v', 'c')
  AND attnum > 0 AND NOT attisdropped AND col_description(attrelid, attnum) IS NULL
ORDER BY 1, attnum;
SELECT tgrelid::regclass AS table, tgname AS trigger_without_comment
FROM pg_trigger JOIN pg_class AS c ON c.oid = tgrelid
WHERE relnamespace = ANY ('{travel,travel_internal}'::regnamespace[]) AND NOT tgisinternal
  AND obj_description(pg_trigger.oid, 'pg_trigger') IS NULL
ORDER BY 1, 2;

-- A COMMENT is a sentence or a noun phrase without a period at its end, and says what we say: none of these words.
CREATE TEMP TABLE comments AS
SELECT identity AS object, description FROM objects
UNION ALL
SELECT format('%s.%I', attrelid::regclass, attname), col_description(attrelid, attnum)
FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid
WHERE relnamespace = ANY ('{travel,travel_internal}'::regnamespace[]) AND attnum > 0 AND NOT attisdropped;
SELECT object, description FROM comments
WHERE description ~ '\.$|  |^(of|by|as|with|its|it|and|what|who|when|where|whether|why) '
   OR description ~* '\m(whom|whoever|somebody|nobody|judged?|marks?|learnt rows)\M'
   OR description ~* '\m(held|placed|standing|lowered|rejudged?|doors?)\M'
ORDER BY 1;
SELECT count(*) > 400 AS there_are_comments, max(length(description)) < 300 AS not_too_long FROM comments;

-- Every table has a primary key, and every foreign key has an index that begins with its columns. (The extension has no
-- foreign key; see sql/83_baseline.sql.)
SELECT c.oid::regclass AS table_without_key FROM pg_class AS c
WHERE relnamespace = ANY ('{travel,travel_internal}'::regnamespace[]) AND relkind IN ('r', 'p')
  AND NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = c.oid AND contype = 'p');
SELECT conrelid::regclass AS table, conname AS foreign_key_without_index FROM pg_constraint
WHERE connamespace = ANY ('{travel,travel_internal}'::regnamespace[]) AND contype = 'f'
  AND NOT EXISTS (
      SELECT FROM pg_index WHERE indrelid = conrelid AND (indkey::int2[])[0:cardinality(conkey) - 1] @> conkey);

-- The schema travel has no function that only PostgreSQL or the extension itself calls: no part of a type or of an
-- aggregate, and no trigger function but the one for triggers of users.
SELECT p.oid::regprocedure AS not_for_users FROM pg_proc AS p
WHERE pronamespace = 'travel'::regnamespace AND p.oid <> 'travel.inbox()'::regprocedure
  AND (prorettype IN ('trigger'::regtype, 'internal'::regtype, 'cstring'::regtype)
       OR proargtypes::oid[] && '{internal,cstring}'::regtype[]::oid[]
       OR EXISTS (
           SELECT FROM pg_aggregate
           WHERE p.oid IN (aggtransfn, aggfinalfn, aggcombinefn, aggserialfn, aggdeserialfn))
       OR EXISTS (SELECT FROM pg_type WHERE p.oid IN (typinput, typoutput, typreceive, typsend))
       OR EXISTS (SELECT FROM pg_proc AS q WHERE q.prosupport = p.oid));
SELECT c.oid::regclass AS table_of_users FROM pg_class AS c
WHERE relnamespace = 'travel'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY relname::text COLLATE "C";
SELECT string_agg(DISTINCT proname, ' ' ORDER BY proname) AS functions_of_users, count(*) AS rows_of_df
FROM pg_proc WHERE pronamespace = 'travel'::regnamespace;

-- What is in travel_internal: everybody may use its functions, except those that change something of the
-- extension. Only the installer has privileges on its tables.
CREATE ROLE regress_catalog_user;
SELECT c.oid::regclass AS table,
       has_any_column_privilege('regress_catalog_user', c.oid, 'SELECT, INSERT, UPDATE, REFERENCES') AS may
FROM pg_class AS c
WHERE relnamespace = 'travel_internal'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
ORDER BY relname::text COLLATE "C";
SELECT string_agg(DISTINCT proname, ' ' ORDER BY proname) AS functions_of_everybody
FROM pg_proc
WHERE pronamespace = 'travel_internal'::regnamespace
  AND has_function_privilege('regress_catalog_user', oid, 'EXECUTE');

-- An administrator has each privilege that a level gives: every function of users, and every table of users. So a
-- function that is not for everybody, and that no level was given, is found here.
CREATE ROLE regress_catalog_admin;
SELECT travel.grant_to('regress_catalog_admin', 'admin');
SELECT p.oid::regprocedure AS not_for_administrators FROM pg_proc AS p
WHERE pronamespace = 'travel'::regnamespace AND NOT has_function_privilege('regress_catalog_admin', p.oid, 'EXECUTE');
SELECT c.oid::regclass AS not_for_administrators FROM pg_class AS c
WHERE relnamespace = 'travel'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
  AND NOT has_table_privilege('regress_catalog_admin', c.oid, 'SELECT');
DROP OWNED BY regress_catalog_admin;
DROP ROLE regress_catalog_admin, regress_catalog_user;
