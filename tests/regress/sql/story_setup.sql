-- Helpers of the stories of detection rules: cities by name, a table of calls for each story, and views of the results
-- in few columns.
CREATE SCHEMA stories;
SET search_path = stories, public;
CREATE TABLE city (name text PRIMARY KEY, ip inet NOT NULL);
INSERT INTO city VALUES
    ('London', '192.0.2.1'),
    ('Cambridge', '192.0.2.145'),
    ('Paris', '192.0.2.49'),
    ('Amsterdam', '192.0.2.33'),
    ('Frankfurt', '192.0.2.97'),
    ('Madrid', '192.0.2.81'),
    ('Stockholm', '192.0.2.161'),
    ('Moscow', '192.0.2.113'),
    ('New York', '198.51.100.1'),
    ('Seattle', '198.51.100.33'),
    ('Tokyo', '203.0.113.1'),
    ('Yokohama', '203.0.113.33'),
    ('Singapore', '203.0.113.65'),
    ('Sydney', '203.0.113.97'),
    ('a cloud in Ashburn', '198.51.100.65'),
    ('a cloud in Singapore', '198.19.0.1'),
    ('rented in Amsterdam', '198.18.128.1'),
    ('a VPN in Moscow', '198.19.64.1'),
    ('Tor in Paris', '198.19.128.1'),
    ('a telephone in Mumbai', '203.0.113.241'),
    ('London, IPv6', '2001:db8::1'),
    ('Tokyo, IPv6', '2001:db8:2000::1');
-- Each address is in the city of its name.
SELECT name, p.city, p.country_code, p.hosting, p.anonymizer, p.asn
FROM city
CROSS JOIN LATERAL travel.locate(ip) AS p
ORDER BY ip;

-- A story has a schema of its own. In it, a row of "calls" is a call of an IAM user, alice unless another is named;
-- "more" gives columns as JSON.
CREATE SEQUENCE calls_made;
CREATE FUNCTION make_call() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    who text := coalesce(NEW.who, 'alice');
    arn text := 'arn:aws:iam::111122223333:user/' || who;
    ip inet;
BEGIN
    IF NEW.city IS NOT NULL THEN
        SELECT c.ip INTO STRICT ip FROM stories.city AS c WHERE c.name = NEW.city;
    END IF;
    EXECUTE format('INSERT INTO %I.trail SELECT * FROM jsonb_populate_record(NULL::%1$I.trail, $1)',
        TG_TABLE_SCHEMA) USING jsonb_build_object(
        'event_id', to_char(nextval('stories.calls_made'), 'FM"call-"0000'), 'event_time', NEW.at, 'event_name',
            'ListBuckets', 'event_source', 's3.amazonaws.com', 'aws_region', 'us-east-1',
        'account_id', '111122223333', 'source_ip', ip, 'identity_type', 'IAMUser', 'principal', arn, 'actor', arn,
            'arn', arn, 'user_name', who, 'session_name', who,
        'access_key_id', 'AKIA' || upper(who) || 'EXAMPLE', 'user_agent', 'aws-cli/2.15', 'outcome', 'success',
            'ingested_at', now(), 'ingest_xid', pg_current_xact_id()::text) || coalesce(NEW.more, '{}');
    RETURN NEW;
END $$;
CREATE PROCEDURE stage() LANGUAGE plpgsql AS $$
BEGIN
    PERFORM travel.create_events_table('trail');
    CREATE VIEW calls AS SELECT NULL::timestamptz AS at, NULL::text AS city, NULL::text AS who, NULL::jsonb AS more;
    CREATE TRIGGER make_call INSTEAD OF INSERT ON calls FOR EACH ROW EXECUTE FUNCTION stories.make_call();
END $$;

-- The results. Times are UTC; the alerts of a rule are numbered from 1.
CREATE FUNCTION clock(t timestamptz) RETURNS text
    LANGUAGE sql AS $$ SELECT to_char(t AT TIME ZONE 'UTC', 'MM-DD HH24:MI') $$;
CREATE FUNCTION nth_alert(alert_id bigint) RETURNS bigint LANGUAGE sql AS $$
    SELECT nullif(count(*), 0)
    FROM travel.alerts AS a
    JOIN travel.alerts AS b ON b.rule = a.rule AND b.id <= a.id
    WHERE a.id = alert_id $$;
CREATE VIEW evaluated AS
SELECT rule, entity, to_time, clock(to_time) AS at,
    coalesce(from_city, from_country) || ' - ' || coalesce(to_city, to_country) AS leg, raised,
    nth_alert(alert_id) AS alert, reasons
FROM travel.verdicts;
CREATE VIEW told AS
SELECT rule, nth_alert(id) AS alert, entity, severity, status, archive_reason AS reason,
    clock(first_seen) AS first_seen, clock(last_seen) AS last_seen, leg_count AS legs, evidence,
       reopened_at IS NOT NULL AS reopened, withdrawn_at IS NOT NULL AS withdrawn
FROM travel.alerts;
CREATE VIEW known AS
SELECT rule, substring(baseline_entity FROM '[^/]*$') AS who, country_code AS cc, subdivision, city, state, origin,
    clock(first_seen) AS first_seen, clock(last_seen) AS last_seen,
       clock(valid_from) AS valid_from, valid_until IS NOT NULL AS ended
FROM travel.known_places;
CREATE VIEW moves AS
SELECT rule, substring(baseline_entity FROM '[^/]*$') AS who, from_city || ' - ' || to_city AS move, from_subdivision,
    to_subdivision, origin, clock(first_seen) AS first_seen, clock(last_seen) AS last_seen
FROM travel.known_transitions;
