//! CloudTrail documents, records and events. Knows no PostgreSQL.
