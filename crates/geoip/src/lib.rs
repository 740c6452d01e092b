//! GeoIP files: MMDB layouts, verified copies, a stack of databases. Knows no PostgreSQL.
