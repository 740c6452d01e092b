-- Calls that a session repeats. Neither the process nor a statement may need more memory for more calls. Each bound is
-- 1 MB. A measurement has three rounds, because caches may grow once, and fails with XX000 if no round is within the
-- bound. Each statement runs in a session of its own, because memory that a session has freed would hide growth. The
-- server's log has the number of calls.
CREATE FUNCTION hostile.resident_kb() RETURNS bigint LANGUAGE sql AS $$
    SELECT substring(pg_read_file('/proc/self/status') FROM 'RssAnon:\s*(\d+)')::bigint
$$;
-- Runs a query, and returns the largest resident memory that the process had meanwhile, without the shared memory that it
-- has touched, such as the buffers of new rows. What a query allocates in its own memory context is free again at its
-- end, so only the peak shows it. Writing 5 to clear_refs resets the peak.
CREATE FUNCTION hostile.peak_kb(query text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    COPY (SELECT 5) TO '/proc/self/clear_refs';
    EXECUTE query;
    RETURN substring(status FROM 'VmHWM:\s*(\d+)')::bigint - substring(status FROM 'RssShmem:\s*(\d+)')::bigint
        FROM pg_read_file('/proc/self/status') AS status;
END $$;

-- Repeats calls of a routine within one statement. The query has %s in place of the number of calls. A round runs it with
-- a tenth of the calls, and then with all, and compares the peaks. It makes at most `calls` calls, or as many as take
-- about `seconds`. A query that fails repeats nothing, so it is an error, too, unless the routine refuses good arguments.
-- What the calls write is rolled back. `bytes_per_call` adds to the bound what each call is known to take.
CREATE FUNCTION hostile.grow_within(routine regprocedure, query text, calls bigint, seconds float8, bytes_per_call int DEFAULT 0) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    began timestamptz;
    bound bigint;
    tenth bigint;
    excess bigint;
BEGIN
    BEGIN
        EXECUTE format(query, 10);
        RAISE 'rolled back' USING ERRCODE = '22H01';
    EXCEPTION
        WHEN SQLSTATE '22H01' THEN NULL;
        WHEN OTHERS THEN
            IF hostile.may_refuse(routine, sqlstate, sqlerrm) THEN
                RETURN;
            END IF;
            RAISE '% %: %', sqlstate, sqlerrm, query USING ERRCODE = 'XX000';
    END;
    BEGIN
        began := clock_timestamp();
        EXECUTE format(query, 100);
        calls := least(calls, 100 * seconds / extract(epoch FROM clock_timestamp() - began));
        bound := 1024 + calls * bytes_per_call / 1024;
        FOR round IN 1..3 LOOP
            tenth := hostile.peak_kb(format(query, calls / 10));
            excess := hostile.peak_kb(format(query, calls)) - tenth;
            EXIT WHEN excess <= bound;
        END LOOP;
        RAISE 'rolled back' USING ERRCODE = '22H01';
    EXCEPTION WHEN SQLSTATE '22H01' THEN
        IF excess <= bound THEN
            RAISE LOG 'repeated % calls', calls;
            RETURN;
        END IF;
    END;
    RAISE '% calls took % kB more than a tenth of them: %', calls, excess, query USING ERRCODE = 'XX000';
END $$;
-- Repeats a statement, each time in a subtransaction that is rolled back. It must always fail, with an error of the caller,
-- or never.
CREATE FUNCTION hostile.repeat(statement text, fails boolean, calls bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR n IN 1..calls LOOP
        BEGIN
            EXECUTE statement;
            RAISE 'rolled back' USING ERRCODE = '22H01';
        EXCEPTION
            WHEN SQLSTATE '22H01' THEN
                IF fails THEN
                    RAISE 'did not fail: %', statement USING ERRCODE = 'XX000';
                END IF;
            WHEN OTHERS THEN
                IF NOT (fails AND (sqlstate ~ '^(22|23|42|54|55|0A000|27000|2BP01|2D000|34000|3F000|58P01)'
                                   OR sqlstate = 'XX001' AND sqlerrm LIKE 'could not read the checkpoint%')) THEN
                    RAISE '% %: %', sqlstate, sqlerrm, statement USING ERRCODE = 'XX000';
                END IF;
        END;
    END LOOP;
END $$;
-- Returns calls with hostile arguments, of the first 100 of each routine that the seed chooses: at most `wanted` that fail,
-- each with another message, and, unless the routine may write, one that does not. A call that PostgreSQL's parser
-- refuses does not count, because the routine does not run.
CREATE FUNCTION hostile.calls_to_repeat(seed text, wanted int, OUT statement text, OUT fails boolean) RETURNS SETOF record
LANGUAGE plpgsql AS $$
DECLARE
    r hostile.routine;
    messages text[];
    message text;
    has_result boolean;
BEGIN
    FOR r IN SELECT * FROM hostile.routine WHERE prorettype <> 'trigger'::regtype ORDER BY name, oid LOOP
        messages := '{}';
        has_result := r.provolatile = 'v';
        FOR statement IN SELECT hostile.statement(c) FROM hostile.call AS c WHERE oid = r.oid AND NOT heavy
                         ORDER BY md5(seed || n) LIMIT 100 LOOP
            EXIT WHEN cardinality(messages) = wanted AND has_result;
            IF r.prokind <> 'p' THEN
                BEGIN
                    EXECUTE 'PREPARE parsed AS ' || statement;
                    DEALLOCATE parsed;
                EXCEPTION WHEN OTHERS THEN CONTINUE;
                END;
            END IF;
            BEGIN
                EXECUTE statement;
                RAISE 'rolled back' USING ERRCODE = '22H01';
            EXCEPTION
                WHEN SQLSTATE '22H01' THEN fails := false;
                WHEN OTHERS THEN
                    fails := true;
                    message := sqlstate || regexp_replace(sqlerrm, '"[^"]*"|[0-9]+', '', 'g');
            END;
            IF fails AND cardinality(messages) < wanted AND message <> ALL (messages) THEN
                messages := messages || message;
                RETURN NEXT;
            ELSIF NOT fails AND NOT has_result THEN
                has_result := true;
                RETURN NEXT;
            END IF;
        END LOOP;
    END LOOP;
END $$;
-- Repeats a statement with good arguments, each time in a transaction that is rolled back. Each round repeats it at most
-- `calls` times, for so many seconds or less. The statement must not fail, unless the routine refuses good
-- arguments. `kb_per_call` adds to the bound what each call is known to take.
CREATE PROCEDURE hostile.grow_across(routine regprocedure, statement text, calls bigint, seconds float8, kb_per_call int DEFAULT 0) LANGUAGE plpgsql AS $$
DECLARE
    before bigint;
    done bigint;
    until timestamptz;
BEGIN
    FOR round IN 0..3 LOOP
        done := 0;
        before := hostile.resident_kb();
        until := clock_timestamp() + seconds * interval '1 second';
        FOR n IN 1 .. CASE round WHEN 0 THEN calls / 10 ELSE calls END LOOP
            BEGIN
                EXECUTE statement;
            EXCEPTION WHEN OTHERS THEN
                IF NOT hostile.may_refuse(routine, sqlstate, sqlerrm) THEN
                    RAISE '% %: %', sqlstate, sqlerrm, statement USING ERRCODE = 'XX000';
                END IF;
            END;
            ROLLBACK;
            done := done + 1;
            EXIT WHEN clock_timestamp() > until;
        END LOOP;
        IF round > 0 AND hostile.resident_kb() <= before + 1024 + done * kb_per_call THEN
            RAISE LOG 'repeated % calls', done;
            RETURN;
        END IF;
    END LOOP;
    RAISE 'grew by % kB in % calls: %', hostile.resident_kb() - before, done, statement USING ERRCODE = 'XX000';
END $$;

-- Repeats calls of a procedure that commits. Each call has something to do: its effects are undone before the next one,
-- a scan has new events, and a rescan evaluates everything again.
SELECT travel.create_events_table('hostile.loaded');
CREATE TABLE hostile.loaded_files_of_test (path text);
DO $$
DECLARE
    file text := current_setting('data_directory') || '/hostile.growth.json';
    large oid := lo_from_bytea(0, convert_to((SELECT jsonb_build_object('Records', jsonb_agg(jsonb_build_object(
        'eventID', n, 'eventTime', '2026-03-02T09:00:00Z', 'sourceIPAddress', '192.0.2.1', 'userAgent', repeat('a', 1000))))
        FROM generate_series(1, 50) AS n)::text, 'UTF8'));
BEGIN
    PERFORM lo_export(large, file), lo_unlink(large);
    INSERT INTO hostile.loaded_files_of_test VALUES (file);
END $$;
SELECT travel.create_events_table('hostile.by_month', partitioned => true);
SELECT travel.create_events_table('hostile.scanned');
-- Two events, between which there is impossible travel.
CREATE FUNCTION hostile.add_leg(number bigint) RETURNS void LANGUAGE sql AS $$
    INSERT INTO hostile.scanned (event_id, event_time, event_name, event_source, source_ip, access_key_id, actor)
    SELECT format('%s-%s', number, n), timestamptz '2026-03-02 09:00Z' + n * interval '10 minutes', 'GetObject',
        's3.amazonaws.com', ('{192.0.2.1,203.0.113.1}'::inet[])[n], 'key ' || number, 'user ' || number
    FROM generate_series(1, 2) AS n
$$;
CREATE PROCEDURE hostile.grow_committed(routine text, calls bigint, seconds float8) LANGUAGE plpgsql AS $$
DECLARE
    file text := (SELECT path FROM hostile.loaded_files_of_test);
    before bigint;
    until timestamptz;
    files bigint;
    records bigint;
    inserted bigint;
    duplicates bigint;
    skipped bigint;
    failed bigint;
    made bigint;
    moved bigint;
    legs bigint := 0;
    done bigint;
    open xid8;
BEGIN
    IF routine IN ('travel.scan', 'travel.rescan') THEN
        TRUNCATE hostile.scanned;
        INSERT INTO travel.rules (name, owner, source) VALUES (routine, current_user, 'hostile.scanned');
        IF routine = 'travel.rescan' THEN
            legs := 20;
            PERFORM hostile.add_leg(n) FROM generate_series(1, legs) AS n;
            CALL travel.scan(routine);
        END IF;
        COMMIT;
    END IF;
    FOR round IN 0..3 LOOP
        done := 0;
        before := hostile.resident_kb();
        until := clock_timestamp() + seconds * interval '1 second';
        FOR n IN 1 .. CASE round WHEN 0 THEN calls / 10 ELSE calls END LOOP
            IF routine IN ('travel.scan', 'travel.rescan') THEN
                open := pg_current_xact_id();
                IF routine = 'travel.scan' THEN
                    legs := legs + 1;
                    PERFORM hostile.add_leg(legs);
                    CALL travel.scan(routine);
                ELSE
                    CALL travel.rescan(routine, '-infinity');
                END IF;
                IF open = pg_current_xact_id() OR (SELECT count(*) FROM travel.verdicts WHERE rule = routine) <> legs
                   OR EXISTS (SELECT FROM travel.status WHERE rule = routine AND last_error IS NOT NULL) THEN
                    RAISE '% did not commit, or did not evaluate % legs', routine, legs USING ERRCODE = 'XX000';
                END IF;
            ELSIF routine = 'travel.load_files' THEN
                CALL travel.load_files('hostile.loaded', file, files, records, inserted, duplicates, skipped, failed);
                IF (files, records, inserted, duplicates, skipped, failed) <> (1, 50, 50, 0, 0, 0) THEN
                    RAISE 'travel.load_files inserted %, failed %', inserted, failed USING ERRCODE = 'XX000';
                END IF;
                TRUNCATE hostile.loaded, hostile.loaded_files;
            ELSE
                -- Makes the partition for the month of the event, and those for three months from the present one on.
                INSERT INTO hostile.by_month (event_id, event_time) VALUES ('1', '2020-02-02Z');
                CALL travel.make_partitions('hostile.by_month',
                    (date_trunc('month', now() AT TIME ZONE 'UTC') + interval '3 months') AT TIME ZONE 'UTC', made, moved);
                IF (made, moved) <> (4, 1) THEN
                    RAISE 'travel.make_partitions returned % and %', made, moved USING ERRCODE = 'XX000';
                END IF;
                PERFORM hostile.drop_partitions('hostile.by_month');
            END IF;
            COMMIT;
            done := done + 1;
            EXIT WHEN clock_timestamp() > until;
        END LOOP;
        -- PostgreSQL keeps about 25 kB in its caches for four partitions that were created and dropped.
        IF round > 0 AND hostile.resident_kb() <= before + 1024 + (CASE routine WHEN 'travel.make_partitions' THEN 32 * done ELSE 0 END) THEN
            RAISE LOG 'repeated % calls', done;
            RETURN;
        END IF;
    END LOOP;
    RAISE 'grew by % kB in % calls: %', hostile.resident_kb() - before, done, routine USING ERRCODE = 'XX000';
END $$;
-- Drops the partitions of months. The DEFAULT partition stays.
CREATE FUNCTION hostile.drop_partitions(target regclass) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    part regclass;
BEGIN
    FOR part IN SELECT inhrelid FROM pg_inherits JOIN pg_class ON oid = inhrelid
                WHERE inhparent = target AND pg_get_expr(relpartbound, oid) <> 'DEFAULT' LOOP
        EXECUTE format('DROP TABLE %s', part);
    END LOOP;
END $$;
SELECT hostile.drop_partitions('hostile.by_month');

-- The good arguments are columns, and the first one depends on the number of the row, or the planner would make the call
-- once. A call without arguments is in a subquery that is executed anew for each row. The results are counted, or the
-- planner would make no call.
CREATE FUNCTION hostile.repeated_query(r hostile.routine) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT format('SELECT count(x) FROM (SELECT generate_series(1, %%s) AS g OFFSET 0) AS g, LATERAL (SELECT %s OFFSET 0) AS a, '
        'LATERAL (SELECT %s OFFSET 0) AS c', string_agg(format(CASE typtype WHEN 'p' THEN '%s AS a%s' ELSE '(%s)::%3$s AS a%2$s' END,
            hostile.good(t.oid, r.known_names[i]), i, t.oid::regtype), ', ' ORDER BY i),
        format(CASE r.prokind WHEN 'f' THEN '%s(%s)%s AS x FROM (VALUES (g)) AS v (n)'
                ELSE '%s(%s)%s AS x FROM (VALUES (g), (g + 1)) AS v (n)' END, r.name,
            string_agg(concat(CASE WHEN i = r.pronargs AND r.provariadic <> 0 AND r.provariadic <> '"any"'::regtype THEN 'VARIADIC ' END,
                CASE i WHEN 1 THEN 'CASE WHEN n > 0 THEN a1 END' ELSE 'a' || i END), ', ' ORDER BY i),
            CASE r.prokind WHEN 'w' THEN ' OVER (ORDER BY n)' END))
    FROM generate_series(1, r.pronargs) AS i JOIN pg_type AS t ON t.oid = r.types[i - 1]
$$;
-- Calls with good arguments are repeated in one statement, unless they create what one transaction can create only once.
-- Calls that may write are also repeated in transactions. Calls with hostile arguments are repeated in subtransactions of
-- one statement. The bindings to PostgreSQL (pgrx 0.18) lose the 12 bytes of a text, and so an allocation of 32 bytes,
-- whenever they pass on an error of PostgreSQL, such as one of the planner. PostgreSQL itself keeps some kB in its caches for
-- each table that was created, even if that is rolled back, and some kB for each direct call of a trigger function in
-- PL/pgSQL, which fails. Until a transaction ends, it also keeps 53 bytes for each row that the transaction wrote and then
-- wrote again, as travel_internal.note_scan_error does, and a list of the catalog rows that it changed, of 2.6 kB for each call of
-- travel.grant_to. Both are freed by COMMIT. A call that writes a row again takes longer than the one before, because it
-- finds all versions of the row, so at most 5,000 calls that may write are made in one transaction.
CREATE FUNCTION hostile.growing_statements(seed text, calls bigint, caught bigint, transactions bigint, hostile_calls int, seconds float8)
RETURNS SETOF text LANGUAGE sql STABLE AS $$
    SELECT format('SELECT hostile.grow_within(%L, %L, %s, %s, %s)', r.oid::regprocedure, hostile.repeated_query(r),
        CASE provolatile WHEN 'v' THEN least(calls, 5000) ELSE calls END, seconds,
        CASE name WHEN 'travel.grant_to' THEN 3072 WHEN 'travel_internal.note_scan_error' THEN 64 ELSE 0 END)
    FROM hostile.routine AS r
    WHERE prokind <> 'p' AND pronargs > 0 AND NOT types && '{internal,cstring}'::regtype[]
        AND name <> ALL ('{travel.adopt,travel.create_events_table,travel.create_inbox,travel.create_rule,'
            'travel_internal.begin_rescan}')
    UNION ALL
    SELECT format('SELECT hostile.grow_within(NULL, %L, %s, %s, %s)',
        format('SELECT hostile.repeat(%L, %L, %%s)', replace(statement, '%', '%%'), fails), caught, seconds,
        CASE WHEN fails THEN 36 ELSE 0 END)
    FROM hostile.calls_to_repeat(seed, hostile_calls)
    UNION ALL
    SELECT format('CALL hostile.grow_across(%L, %L, %s, %s, %s)', r.oid::regprocedure, hostile.statement(r, hostile.arguments(r, '{}')),
        transactions, seconds, CASE WHEN name = ANY ('{travel.adopt,travel.create_events_table,travel.create_inbox,'
            'travel.make_partitions,travel_internal.make_partition}') THEN 12 ELSE 0 END)
    FROM hostile.routine AS r JOIN pg_proc AS p ON p.oid = r.oid JOIN pg_language AS l ON l.oid = p.prolang
    WHERE r.provolatile = 'v' AND NOT types && '{internal,cstring}'::regtype[]
        AND NOT (r.prorettype = 'trigger'::regtype AND lanname = 'plpgsql')
    UNION ALL
    SELECT format('CALL hostile.grow_committed(%L, %s, %s)', name, transactions, seconds)
    FROM unnest('{travel.load_files,travel.make_partitions,travel.scan,travel.rescan}'::text[]) AS name
$$;
