-- Makes the tables of citus.sh from the table raw, and a rule over each. The user of a key has only this key, so keys
-- and users have the same legs. The events arrived a day ago, because a scan reads the arrivals of the last hour again.
\set ON_ERROR_STOP on
SET client_min_messages = error;
SELECT travel.create_events_table('public.plain', distributed_by => 'access_key_id');
SELECT travel.create_events_table('public.distributed', distributed_by => 'access_key_id');
SELECT create_distributed_table('distributed', 'access_key_id', shard_count => 8);
INSERT INTO plain (event_id, event_time, event_name, event_source, source_ip, source_text, source_kind, identity_type,
                   user_name, session_name, principal, actor, access_key_id, user_agent, outcome, ingested_at)
SELECT event_id, event_time, 'GetObject', 's3.amazonaws.com', source_ip, host(source_ip), 'public', 'IAMUser',
       'user of ' || access_key_id, 'user of ' || access_key_id, 'user of ' || access_key_id, 'user of ' || access_key_id,
       access_key_id, 'aws-cli/2.15', 'success', now() - interval '1 day'
FROM raw;
INSERT INTO distributed SELECT * FROM plain;
CREATE TABLE columnar (LIKE plain) USING columnar;
INSERT INTO columnar SELECT * FROM plain ORDER BY access_key_id, event_time;
-- An address of each key, for new events.
CREATE TABLE homes AS SELECT access_key_id, min(source_ip) AS source_ip FROM raw GROUP BY access_key_id;

CREATE TABLE days_of_plain (access_key_id text, day date, journey travel.journey NOT NULL, PRIMARY KEY (access_key_id, day));
CREATE TABLE days_of_distributed (LIKE days_of_plain INCLUDING ALL);
SELECT create_distributed_table('days_of_distributed', 'access_key_id', colocate_with => 'distributed');
VACUUM ANALYZE plain;
VACUUM ANALYZE distributed;
ANALYZE columnar;

SELECT travel.create_rule('access_key', 'public.' || source, source) FROM (VALUES ('plain'), ('distributed')) AS s (source);
UPDATE travel.rules SET arrival_column = 'ingested_at';
CALL travel.scan();
