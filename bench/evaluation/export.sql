-- Writes what bench/evaluation/report.py counts to files in the folder :folder.
\cd :folder
-- Each signal, with the number of the intruder who made one of its two calls, if one did.
CREATE TEMP VIEW attributed AS
SELECT detection, later.subject, extract(epoch FROM signal_time)::bigint AS signal_time,
       coalesce(later.intruder, earlier.intruder) AS intruder
FROM signals
JOIN truth AS later ON later.event_id = to_event_id
LEFT JOIN truth AS earlier ON earlier.event_id = from_event_id;
CREATE TEMP VIEW intrusions AS
SELECT intruder, intruders.subject, level, extract(epoch FROM min(event_time))::bigint AS begins
FROM intruders
JOIN truth USING (intruder)
JOIN cloudtrail USING (event_id)
GROUP BY intruder, intruders.subject, level;
\copy (SELECT * FROM attributed ORDER BY detection, subject, signal_time, intruder) TO 'signals.tsv'
\copy (SELECT * FROM intrusions ORDER BY intruder) TO 'intruders.tsv'
\copy (SELECT * FROM subjects ORDER BY subject) TO 'subjects.tsv'
\copy (SELECT count(*), (SELECT count(*) FROM located) FROM cloudtrail) TO 'events.tsv'
