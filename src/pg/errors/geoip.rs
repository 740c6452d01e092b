//! Errors in GeoIP databases.

use crate::pg::identifier::literal;
use crate::pg::report::Report;
use pgrx::PgSqlErrorCode as Code;

errors! {
    /// A GeoIP database is missing or cannot be used.
    pub enum GeoipError {
        /// `tried` has the folders, and is empty where the client may not know them.
        NoDatabase { setting: String, tried: Vec<String> } => {
            let report = Report::error(Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "no GeoIP database found");
            if tried.is_empty() {
                report
                    .detail(format!(
                        "No address can be located. The folders in the setting {setting} have no usable .mmdb file."
                    ))
                    .hint(
                        "Ask an administrator to put a GeoIP database, for example GeoLite2-City.mmdb, into one of these \
                         folders. To an administrator, travel.geoip_databases() shows the files that were found.",
                    )
            } else {
                let folders = tried.join(" or ");
                report
                    .detail(format!("No address can be located. There is no usable .mmdb file in {folders}."))
                    .hint(format!(
                        "Put a GeoIP database, for example GeoLite2-City.mmdb, into {folders}. Or add its folder to the \
                         setting {setting} and run SELECT pg_reload_conf(). travel.geoip_databases() shows the files that \
                         were found."
                    ))
            }
        },

        NoCoordinates { files: Vec<String> } =>
            Report::error(Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "no GeoIP database with coordinates found")
                .detail(format!("No address can be located. The databases in use are {}.", files.join(", ")))
                .hint(
                    "Add a database that has coordinates, for example GeoLite2-City.mmdb, or insert networks with \
                     coordinates into travel.networks. travel.geoip_databases() shows what each file provides.",
                ),

        /// `missing` describes each database that the last scan used and that is not there any more.
        Missing { rule: String, missing: Vec<String> } =>
            Report::error(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("a GeoIP database that rule \"{rule}\" depends on is missing"),
            )
            .detail(format!(
                "The last scan used {}. No database with the same file name or type provides this now.",
                missing.join("; and ")
            ))
            .hint(format!(
                "Restore the database: travel.geoip_databases() shows the files that were found. If the change is \
                 intended, SELECT travel.accept_geoip({}) lets the scans of the rule continue without it.",
                literal(&rule)
            )),

        Changed { detail: String } =>
            Report::error(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                "a GeoIP database changed while the statement ran, or just before",
            )
            .detail(detail)
            .hint(
                "Run the statement again. If it fails again, free disk space in the data directory, which holds copies of \
                 the databases.",
            ),

        Unusable { detail: String } =>
            Report::error(Code::ERRCODE_IO_ERROR, "could not read a GeoIP database")
                .detail(detail)
                .hint("Run the statement again. If it fails again, look at the server log and travel.geoip_databases()."),

        Damaged { detail: String } =>
            Report::error(Code::ERRCODE_DATA_CORRUPTED, "a GeoIP database is damaged")
                .detail(detail)
                .hint("Replace the file with a good copy. The copy in use is dropped when the server restarts."),
    }
}
