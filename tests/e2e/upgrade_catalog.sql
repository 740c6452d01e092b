-- One line for each thing that the catalog knows of the extension impossible_travel: its members, and what belongs to
-- them. Two databases with the same lines have the same objects. OIDs are left out, and the order of creation.
SET search_path = pg_catalog;
CREATE TEMP TABLE member AS
SELECT d.classid, d.objid FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'impossible_travel';
CREATE TEMP TABLE relation AS
SELECT c.*, c.oid AS relation FROM pg_class AS c JOIN member AS m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
UNION ALL
-- Composite types are members by their type.
SELECT c.*, c.oid FROM pg_class AS c JOIN pg_type AS t ON t.typrelid = c.oid
JOIN member AS m ON m.classid = 'pg_type'::regclass AND m.objid = t.oid WHERE c.relkind = 'c';

SELECT line FROM (
    SELECT concat_ws(' | ', 'member', identity, type, obj_description(objid, classid::regclass::name)) AS line
    FROM member, pg_identify_object(classid, objid, 0)
    UNION ALL
    SELECT concat_ws(' | ', 'function', p.oid::regprocedure, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid),
        p.prokind, l.lanname, p.provolatile, p.proparallel, p.proisstrict, p.prosecdef, p.proleakproof, p.procost, p.prorows,
        p.proconfig, p.prosrc, p.probin, p.prosupport, pg_get_userbyid(p.proowner), p.proacl)
    FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
    JOIN member AS m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
    UNION ALL
    SELECT concat_ws(' | ', 'aggregate', a.aggfnoid, a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggfinalmodify, a.aggtransspace,
        a.agginitval)
    FROM pg_aggregate AS a JOIN member AS m ON m.classid = 'pg_proc'::regclass AND m.objid = a.aggfnoid
    UNION ALL
    SELECT concat_ws(' | ', 'type', t.oid::regtype, t.typtype, t.typlen, t.typalign, t.typstorage, t.typinput, t.typoutput, t.typreceive,
        t.typsend, t.typdefault, t.typnotnull, format_type(t.typbasetype, t.typtypmod), t.typacl)
    FROM pg_type AS t JOIN member AS m ON m.classid = 'pg_type'::regclass AND m.objid = t.oid
    UNION ALL
    SELECT concat_ws(' | ', 'schema', n.nspname, n.nspacl)
    FROM pg_namespace AS n JOIN member AS m ON m.classid = 'pg_namespace'::regclass AND m.objid = n.oid
    UNION ALL
    SELECT concat_ws(' | ', 'relation', relation::regclass, relkind, relpersistence, pg_get_userbyid(relowner), relacl, reloptions,
        relreplident, relrowsecurity, CASE WHEN relkind IN ('v', 'm') THEN pg_get_viewdef(relation) END)
    FROM relation
    UNION ALL
    -- The position counts the columns that were not dropped.
    SELECT concat_ws(' | ', 'column', r.relation::regclass, rank() OVER (PARTITION BY r.relation ORDER BY a.attnum), a.attname,
        format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated, a.attstorage, a.attacl,
        a.attcollation::regcollation, pg_get_expr(d.adbin, d.adrelid), col_description(r.relation, a.attnum))
    FROM relation AS r JOIN pg_attribute AS a ON a.attrelid = r.relation AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    UNION ALL
    SELECT concat_ws(' | ', 'sequence', s.seqrelid::regclass, s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqcycle, s.seqcache)
    FROM relation AS r JOIN pg_sequence AS s ON s.seqrelid = r.relation
    UNION ALL
    SELECT concat_ws(' | ', 'constraint', coalesce(c.conrelid::regclass::text, c.contypid::regtype::text), c.conname,
        pg_get_constraintdef(c.oid), c.convalidated, obj_description(c.oid, 'pg_constraint'))
    FROM pg_constraint AS c
    WHERE c.conrelid IN (SELECT relation FROM relation)
        OR c.contypid IN (SELECT objid FROM member WHERE classid = 'pg_type'::regclass)
    UNION ALL
    SELECT concat_ws(' | ', 'index', pg_get_indexdef(i.indexrelid), i.indisreplident, obj_description(i.indexrelid, 'pg_class'))
    FROM relation AS r JOIN pg_index AS i ON i.indrelid = r.relation
    UNION ALL
    SELECT concat_ws(' | ', 'trigger', pg_get_triggerdef(t.oid), t.tgenabled, obj_description(t.oid, 'pg_trigger'))
    FROM relation AS r JOIN pg_trigger AS t ON t.tgrelid = r.relation AND NOT t.tgisinternal
    UNION ALL
    SELECT concat_ws(' | ', 'dumped', c.config::regclass, e.extcondition[c.n])
    FROM pg_extension AS e, unnest(e.extconfig) WITH ORDINALITY AS c (config, n) WHERE e.extname = 'impossible_travel'
    UNION ALL
    SELECT concat_ws(' | ', 'initial privileges', i.classoid::regclass, o.identity, i.objsubid, i.initprivs)
    FROM pg_init_privs AS i JOIN member AS m ON m.classid = i.classoid AND m.objid = i.objoid,
        pg_identify_object(i.classoid, i.objoid, 0) AS o
) AS s
ORDER BY line COLLATE "C";
