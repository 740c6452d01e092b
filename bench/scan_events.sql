-- Creates a table of events, a rule with the same name over it, and the procedure add_events. Each key is used in bursts
-- of ten events; two keys belong to one user; one event in a thousand is far away. scan.sh and the test checkpoint_size
-- call it.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SELECT travel.create_events_table(:'table');
INSERT INTO :table (event_id, event_time, event_name, event_source, aws_region, account_id, source_ip, source_text, source_kind,
                    identity_type, arn, user_name, session_name, principal, actor, access_key_id, user_agent, outcome)
SELECT 'e' || n, timestamptz '2026-01-01 00:00Z' + (n::float8 / :events) * interval '100 days', 'GetObject', 's3.amazonaws.com',
       'eu-west-1', '123456789012', address::inet, address, 'public', 'IAMUser', arn, 'u' || who, 'u' || who, arn, arn,
       'AKIA' || lpad(key::text, 16, '0'), 'aws-cli/2.15', 'success'
FROM (SELECT n, key, key / 2 AS who, 'arn:aws:iam::123456789012:user/u' || key / 2 AS arn,
             CASE WHEN n % 997 = 0 THEN '203.0.113.' || n % 32 ELSE '192.0.2.' || key % 32 END AS address
      FROM (SELECT n, (n / 10 * 7919::bigint) % :keys AS key FROM generate_series(1, :events) AS n) AS k) AS e;
VACUUM ANALYZE :table;
SELECT travel.create_rule('access_key', :'table', :'table');

-- Inserts events of 1,000 keys into the table events_<history>, either the newest of all or between two and three hours
-- late.
CREATE OR REPLACE PROCEDURE add_events(history bigint, what text, round int, keys bigint)
    LANGUAGE plpgsql
AS $$
DECLARE
    source text := 'events_' || history;
BEGIN
    EXECUTE format(
        $i$INSERT INTO %I (event_id, event_time, event_name, source_ip, source_kind, identity_type, arn, user_name, session_name, principal,
                           actor, access_key_id, outcome)
           SELECT format('%%s %%s %%s', $1, $2, n), $3 + n * interval '1 second', 'GetObject', address::inet, 'public', 'IAMUser', arn,
                  'u' || key / 2, 'u' || key / 2, arn, arn, 'AKIA' || lpad(key::text, 16, '0'), 'success'
           FROM (SELECT n, key, 'arn:aws:iam::123456789012:user/u' || key / 2 AS arn,
                        CASE WHEN n %% 97 = 0 THEN '203.0.113.' || n %% 32 ELSE '192.0.2.' || key %% 32 END AS address
                 FROM (SELECT n, (n * 7919::bigint + $2) %% $4 AS key FROM generate_series(1, 1000) AS n) AS k) AS e$i$, source)
    USING what, round,
          (SELECT newest_event FROM travel.status WHERE rule = source)
              + CASE what WHEN 'in order' THEN interval '1 hour' ELSE interval '-3 hours' END,
          keys;
END
$$;
