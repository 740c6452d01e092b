-- The database in which every SQL block of the documentation runs: the extension, and the sample events in cloudtrail.
-- The sample's files are in the table document (file, body) already.
SET impossible_travel.coverage_notice = off;
CREATE EXTENSION impossible_travel;
SELECT travel.create_events_table('cloudtrail');
SELECT sum(i.inserted) FROM document CROSS JOIN LATERAL travel.ingest('cloudtrail', body) AS i;
DROP TABLE document;
ANALYZE cloudtrail;
