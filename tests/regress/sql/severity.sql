-- A severity is text with five values: what works with text works with it. Sorting is by travel.alerts.severity_rank.
SET timezone = 'UTC';
\pset null '-'

-- What filters of dashboards write.
CREATE TEMP TABLE s (n int, severity travel.severity);
INSERT INTO s VALUES (1, 'info'), (2, 'low'), (3, 'medium'), (4, 'high'), (5, 'critical'), (6, NULL);
SELECT n, severity, upper(severity) AS upper, lower(severity) AS lower, severity LIKE '%i%' AS like,
       severity = 'high'::varchar AS varchar, coalesce(severity, 'none') AS coalesce,
       severity IN ('medium', 'All') AS in_list, severity || '!' AS concatenated,
       CASE severity WHEN 'low' THEN 'x' ELSE severity END AS in_case, to_jsonb(severity) AS json
FROM s ORDER BY n;
SELECT array_agg(severity ORDER BY n) AS array, max(severity) AS alphabetical FROM s;
-- To a client the column is text, whose binary form is the text itself.
CREATE TEMP TABLE sent AS SELECT severity FROM s WHERE n = 3;
SELECT typbasetype::regtype AS base, typsend::regproc = 'textsend'::regproc AS sent_as_text
FROM pg_type WHERE oid = 'travel.severity'::regtype;
SELECT textsend(severity) = textsend('medium') AS same_bytes FROM sent;

-- Any other value is refused, with the values that there are.
CREATE FUNCTION pg_temp.why(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE state text; message text; detail text; hint text;
BEGIN
    EXECUTE statement;
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
        detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(E'\n', state || ' ' || message, detail, hint);
END $$;
\pset format unaligned
SELECT pg_temp.why($$SELECT 'Medium'::travel.severity$$);
SELECT pg_temp.why($$SELECT ' HIGH '::travel.severity$$);
SELECT pg_temp.why($$SELECT 'urgent'::travel.severity$$);
SELECT pg_temp.why($$SELECT ''::travel.severity$$);
SELECT pg_temp.why($$INSERT INTO travel.rules (name, source, severity) VALUES ('r', 'pg_class', 'severe')$$);
SELECT pg_temp.why($$INSERT INTO s VALUES (7, 'low' || '')$$);
\pset format aligned

-- An alert has the rank of its severity, which cannot be written.
SELECT attname, attgenerated, format_type(atttypid, NULL), attnotnull,
       attnum = (SELECT max(attnum) FROM pg_attribute WHERE attrelid = 'travel.alerts'::regclass) AS is_last
FROM pg_attribute WHERE attrelid = 'travel.alerts'::regclass AND attname = 'severity_rank';
INSERT INTO travel.alerts (rule, severity, first_seen, last_seen, leg_count, evidence, signal)
SELECT 'severity', severity, '2026-03-02', '2026-03-02', 1, '{}', '{}' FROM s WHERE severity IS NOT NULL;
SELECT severity, severity_rank FROM travel.alerts WHERE rule = 'severity' ORDER BY severity_rank DESC;
SELECT count(*) FROM travel.alerts WHERE rule = 'severity' AND severity_rank >= 3;
SELECT pg_temp.why($$UPDATE travel.alerts SET severity_rank = 5 WHERE rule = 'severity'$$);
-- An analyst's edit keeps it.
UPDATE travel.alerts SET status = 'archived', archive_reason = 'other' WHERE rule = 'severity';
SELECT severity, severity_rank, status FROM travel.alerts WHERE rule = 'severity' ORDER BY severity_rank;
SET session_replication_role = replica;
DELETE FROM travel.alert_history WHERE alert_id IN (SELECT id FROM travel.alerts WHERE rule = 'severity');
DELETE FROM travel.alerts WHERE rule = 'severity';
RESET session_replication_role;
