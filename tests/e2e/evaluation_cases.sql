-- Single cases for tests/e2e/evaluation.sh: each is a user of its own, whose tested events have the IDs CASE:1 and so
-- on.
CREATE EXTENSION impossible_travel;
SELECT travel.create_events_table('cloudtrail', keep_record => false);

-- A sign-in (without a key) or a call (with the user's long-term key) at an offset from the first day.
CREATE FUNCTION act(what text, user_name text, at interval, ip inet, tested int DEFAULT NULL) RETURNS void
LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO cloudtrail (event_id, event_time, event_name, event_source, account_id, source_ip, source_kind,
        identity_type, arn, principal, actor, user_name, session_name, access_key_id, mfa_used, outcome)
    VALUES (coalesce(user_name || ':' || tested, gen_random_uuid()::text), '2026-03-01 00:00+00'::timestamptz + at,
        CASE what WHEN 'sign-in' THEN 'ConsoleLogin' ELSE 'GetCallerIdentity' END,
        CASE what WHEN 'sign-in' THEN 'signin.amazonaws.com' ELSE 'sts.amazonaws.com' END,
        '111122223333', ip, 'public', 'IAMUser', 'arn:aws:iam::111122223333:user/' || user_name,
        'arn:aws:iam::111122223333:user/' || user_name, 'arn:aws:iam::111122223333:user/' || user_name, user_name,
        user_name, CASE what WHEN 'call' THEN 'AKIA' || upper(user_name) END, false, 'success');
END;

\set london '''192.0.2.1'''
\set cambridge '''192.0.2.145'''
\set paris '''192.0.2.49'''
\set tokyo '''203.0.113.1'''
\set singapore '''203.0.113.65'''
\set moscow_by_vpn '''198.19.64.1'''

-- Everybody works in London for ten days.
SELECT act(what, user_name, day * interval '1 day' + interval '9 hours', :london)
FROM unnest(ARRAY['at_once', 'flight', 'known_address', 'near', 'slow', 'fast', 'faster', 'through_vpn', 'call_only',
                  'country_29_days', 'country_31_days', 'as_29_days', 'as_31_days', 'address_9_days', 'address_11_days',
                  'minutes_14', 'minutes_16', 'known_city', 'forgotten_city', 'known_move']) AS user_name
CROSS JOIN unnest(ARRAY['sign-in', 'call']) AS what
CROSS JOIN unnest(ARRAY[0, 3, 7, 10]) AS day;

-- 9,560 km in ten minutes, and in 16 hours.
SELECT act('sign-in', 'at_once', '10 days 9:10', :tokyo, 1), act('call', 'at_once', '10 days 9:11', :tokyo, 2);
SELECT act('sign-in', 'flight', '11 days 1:00', :tokyo, 1), act('call', 'flight', '11 days 1:01', :tokyo, 2);

-- From an address that the user came from before.
SELECT act('sign-in', 'known_address', '4 days', :tokyo), act('call', 'known_address', '4 days', :tokyo);
SELECT act('sign-in', 'known_address', '10 days 9:10', :tokyo, 1);
-- 79 km in a minute.
SELECT act('sign-in', 'near', '10 days 9:01', :cambridge, 1);
-- 344 km in 70, 60 and 20 minutes: at 295, 344 and 1,032 km/h.
SELECT act('sign-in', 'slow', '10 days 10:10', :paris, 1);
SELECT act('sign-in', 'fast', '10 days 10:00', :paris, 1);
SELECT act('sign-in', 'faster', '10 days 9:20', :paris, 1);
-- There through a VPN, and back.
SELECT act('sign-in', 'through_vpn', '10 days 9:10', :moscow_by_vpn, 1),
       act('sign-in', 'through_vpn', '10 days 9:20', :london, 2);
-- Without a sign-in.
SELECT act('call', 'call_only', '10 days 9:10', :tokyo, 1);
-- What was seen before, but not lately. The user is in London meanwhile.
SELECT act('sign-in', user_name, '20 days 9:00', :london), act('call', user_name, '20 days 9:00', :london),
       act('sign-in', user_name, '35 days 9:00', :london), act('call', user_name, '35 days 9:00', :london)
FROM unnest(ARRAY['country_29_days', 'country_31_days', 'as_29_days', 'as_31_days', 'address_9_days', 'address_11_days',
                  'forgotten_city', 'known_move']) AS user_name;
SELECT act('sign-in', 'country_29_days', '11 days 9:00', :tokyo), act('sign-in', 'country_29_days', '40 days 9:00', :tokyo, 1);
SELECT act('sign-in', 'country_31_days', '11 days 9:00', :tokyo), act('sign-in', 'country_31_days', '42 days 9:00', :tokyo, 1);
SELECT act('call', 'as_29_days', '11 days 9:00', :tokyo), act('call', 'as_29_days', '40 days 9:00', :tokyo, 1);
SELECT act('call', 'as_31_days', '11 days 9:00', :tokyo), act('call', 'as_31_days', '42 days 9:00', :tokyo, 1);
SELECT act('call', 'address_9_days', '31 days 9:00', :tokyo), act('call', 'address_9_days', '40 days 9:00', :tokyo, 1);
SELECT act('call', 'address_11_days', '29 days 9:00', :tokyo), act('call', 'address_11_days', '40 days 9:00', :tokyo, 1);
-- Paris after 14 and after 16 minutes.
SELECT act('sign-in', 'minutes_14', '10 days 9:14', :paris, 1);
SELECT act('sign-in', 'minutes_16', '10 days 9:16', :paris, 1);
-- Tokyo, by a flight before; in the last 30 days, or not; then by a move that was made before, or by another one.
SELECT act('call', 'known_city', '5 days', :tokyo), act('call', 'known_city', '10 days 9:10', :tokyo, 1);
SELECT act('call', 'forgotten_city', '4 days', :singapore), act('call', 'forgotten_city', '5 days', :tokyo),
       act('call', 'forgotten_city', '35 days 9:10', :tokyo, 1);
SELECT act('call', 'known_move', '4 days', :tokyo), act('call', 'known_move', '35 days 9:10', :tokyo, 1);
-- In the first 24 hours of a user, and the first sign-in of a user.
SELECT act('sign-in', 'first_day', '0 days 9:00', :london), act('sign-in', 'first_day', '0 days 9:10', :tokyo, 1);
SELECT act('sign-in', 'first_sign_in', '0 days 9:00', :london, 1);
