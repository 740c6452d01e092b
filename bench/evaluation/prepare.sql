-- Prepares a database for the rules and the rivals: the table `cloudtrail` must have the events.

-- Each located event that proves possession of a credential, as other products see it: with a user, a key, and what
-- GeoIP knows of the address. `travel.detect` and rules select the same events by themselves.
CREATE TABLE located AS
SELECT event_id, event_time, event_name, identity_type, account_id, session_name,
       -- The person; or else the user, role or instance, which other products call the user.
       coalesce(actor, principal || ' ' || session_name, arn) AS user_name, user_name AS iam_user_name,
       access_key_id, user_agent, source_ip AS ip, place.city, place.country_code, place.latitude, place.longitude,
       place.asn, place.anonymizer,
       event_name = 'ConsoleLogin' AND outcome = 'success' AS is_sign_in
FROM cloudtrail
CROSS JOIN LATERAL travel.locate(source_ip) AS place
WHERE place.latitude IS NOT NULL AND outcome IS DISTINCT FROM 'failed_auth' AND invoked_by IS NULL;
CREATE INDEX ON located (user_name, event_time, event_id);
CREATE INDEX ON located (access_key_id, event_time, event_id);
ANALYZE located;

-- The rivals watch sign-ins, or API calls too. Where a product's rule watches sign-ins, it is evaluated both ways: as
-- published, and over all calls, which is kinder to it in CloudTrail, where a stolen access key never signs in. The
-- views of a rival read the relation `activity`, which each of these schemas has.
CREATE SCHEMA sign_ins;
CREATE VIEW sign_ins.activity AS SELECT * FROM public.located WHERE is_sign_in;
CREATE SCHEMA all_calls;
CREATE VIEW all_calls.activity AS SELECT * FROM public.located;

-- What a detection finds: the event at which it would alert, and the event before it with which it was compared, if
-- any.
CREATE TABLE signals (
    detection     text        NOT NULL,
    signal_time   timestamptz NOT NULL,
    from_event_id text,
    to_event_id   text        NOT NULL
);
