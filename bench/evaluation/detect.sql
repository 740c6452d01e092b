-- Evaluates the events by all detections, and writes what they find to the table `signals`.

-- Ours: travel.detect without any setting, and each preset as it is.
INSERT INTO signals
SELECT 'travel.detect', to_time, from_event_id, to_event_id FROM travel.detect('cloudtrail');

SELECT format('SELECT travel.create_rule(%L, ''cloudtrail'')', preset) FROM travel.presets ORDER BY preset
\gexec
CALL travel.scan();
-- The preset access_key as an organization would tune it: a temporary key belongs to the key that minted it, and the
-- exits of the company's VPN have a name. Other presets are not affected, because their scans are over.
SELECT travel.create_rule('access_key', 'cloudtrail', 'access_key, tuned');
UPDATE travel.rules SET lineage = true WHERE name = 'access_key, tuned';
INSERT INTO travel.networks (asn, name, treatment) VALUES (4200001000, 'company VPN', 'vpn');
CALL travel.scan('access_key, tuned');
INSERT INTO signals
SELECT rule, to_time, from_event_id, to_event_id FROM travel.verdicts WHERE raised;

-- The others. Each file creates a view of the same name, over the relation `activity` of the first schema.
SET search_path = sign_ins, public;
\ir rivals/buffalogs.sql
\ir rivals/panther.sql
\ir rivals/runreveal_new_country.sql
\ir rivals/elastic_two_countries.sql
SET search_path = all_calls, public;
\ir rivals/buffalogs.sql
\ir rivals/panther.sql
\ir rivals/elastic_two_countries.sql
\ir rivals/elastic_new_address.sql
\ir rivals/runreveal_new_network.sql
\ir rivals/reference.sql
RESET search_path;
INSERT INTO signals SELECT 'Datadog''s method', * FROM all_calls.reference;
INSERT INTO signals SELECT 'BuffaLogs, sign-ins', * FROM sign_ins.buffalogs;
INSERT INTO signals SELECT 'BuffaLogs, all calls', * FROM all_calls.buffalogs;
INSERT INTO signals SELECT 'Panther, sign-ins', * FROM sign_ins.panther;
INSERT INTO signals SELECT 'Panther, all calls', * FROM all_calls.panther;
INSERT INTO signals SELECT 'Elastic, two countries, sign-ins', * FROM sign_ins.elastic_two_countries;
INSERT INTO signals SELECT 'Elastic, two countries, all calls', * FROM all_calls.elastic_two_countries;
INSERT INTO signals SELECT 'Elastic, new address of a key', * FROM all_calls.elastic_new_address;
INSERT INTO signals SELECT 'RunReveal, new country of a sign-in', * FROM sign_ins.runreveal_new_country;
INSERT INTO signals SELECT 'RunReveal, new network of a key', * FROM all_calls.runreveal_new_network;
