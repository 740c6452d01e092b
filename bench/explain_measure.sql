-- Measures the functions that answer an analyst's questions about an alert or a key. explain.sh calls it.
\set ON_ERROR_STOP on
\pset footer off
SET client_min_messages = warning;
CREATE TEMP TABLE timing (question text, ms float8, answers bigint, rows_read bigint);
CREATE TEMP TABLE chosen AS
SELECT id, entity, first_seen FROM travel.alerts ORDER BY pg_catalog.md5(id::text) LIMIT :alerts;

CREATE FUNCTION index_entries_read() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT pg_catalog.sum(pg_catalog.pg_stat_get_xact_tuples_returned(indexrelid))::bigint
    FROM pg_catalog.pg_index WHERE indrelid = 'events'::regclass $$;

-- Asks each question about each alert. The first round warms up. The counters of rows are those of the transaction.
CREATE PROCEDURE measure()
    LANGUAGE plpgsql
AS $$
DECLARE
    alert record;
    asked record;
    began timestamptz;
    answers bigint;
    read_before bigint;
BEGIN
    FOR round IN 0..1 LOOP
        FOR alert IN SELECT * FROM chosen LOOP
            FOR asked IN
                SELECT question, pg_catalog.format(call, alert.id, alert.entity, alert.first_seen - interval '12 hours',
                                                   alert.first_seen + interval '12 hours') AS call
                FROM (VALUES ('explain, of a key', 'travel.explain(''events'', %2$L)'),
                             ('explain, of a key on one day', 'travel.explain(''events'', %2$L, %3$L, %4$L)'),
                             ('explain_alert', 'travel.explain_alert(%1$s)'),
                             ('alert_events', 'travel.alert_events(%1$s)'),
                             ('activity_after', 'travel.activity_after(%1$s)'),
                             ('containment', 'travel.containment(%1$s)'),
                             ('report', 'travel.report(%1$s)')) AS q (question, call)
            LOOP
                read_before := index_entries_read();
                began := pg_catalog.clock_timestamp();
                EXECUTE 'SELECT count(*) FROM ' || asked.call INTO answers;
                IF round > 0 THEN
                    INSERT INTO timing VALUES (
                        asked.question, extract(epoch FROM pg_catalog.clock_timestamp() - began) * 1000, answers,
                        index_entries_read() - read_before);
                END IF;
            END LOOP;
        END LOOP;
    END LOOP;
END
$$;
CALL measure();

SELECT question, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms)::numeric, 1) AS "ms (median)",
       round(max(ms)::numeric, 1) AS "ms (slowest)",
       percentile_cont(0.5) WITHIN GROUP (ORDER BY answers) AS "rows (median)",
       percentile_cont(0.5) WITHIN GROUP (ORDER BY rows_read) AS "index entries read (median)"
FROM timing GROUP BY question ORDER BY question;
