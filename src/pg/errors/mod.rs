//! Every error that the extension raises, split by area. Each variant stands beside its whole text: SQLSTATE, message,
//! detail and hint. docs/errors.md lists them all, and a test compares it with these files.
//!
//! | Errors | Area |
//! |---|---|
//! | [`UsageError`] | installation, and calls that PostgreSQL cannot make |
//! | [`GeodesyError`] | distances and velocities |
//! | [`GeoipError`] | GeoIP databases |
//! | [`CloudTrailError`] | CloudTrail documents and records |
//! | [`LegError`] | `travel.leg` and `travel.impossible_legs` |
//! | [`SourceError`] | the source that `travel.detect`, `travel.coverage` or a rule reads, and the SQL over it |
//! | [`EventsError`] | tables of events: creating, partitioning and filling them |
//! | [`FilesError`] | `travel.load_files` |
//! | [`RuleError`] | detection rules |
//! | [`AccessError`] | owners, privileges and the objects that a rule may use |
//! | [`ScanError`] | `travel.scan`, `travel.rescan`, `travel.prune` and `travel.assert_healthy` |
//! | [`GuardError`] | what analysts write into the tables of the extension |
//!
//! [`TravelError`] is any of them. An error of PostgreSQL itself is never one of these: it unwinds as pgrx raises it.
//!
//! Texts follow PostgreSQL's error message style guide: the message is a lower-case phrase without a period, detail and
//! hint are full sentences, names stand in double quotes, and the hint says what to do.

/// Declares the errors of one area. A block is a variant, its fields, and the report that they make.
macro_rules! errors {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $( $(#[$about:meta])* $variant:ident $({ $($field:ident: $type:ty),+ $(,)? })? => $report:expr, )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug)]
        pub enum $name {
            $( $(#[$about])* $variant $({ $($field: $type),+ })?, )+
        }

        impl $name {
            /// Its SQLSTATE, message, detail and hint.
            pub fn report(self) -> $crate::pg::report::Report {
                match self {
                    $( Self::$variant $({ $($field),+ })? => $report, )+
                }
            }
        }
    };
}

mod access;
mod alerts;
mod cloudtrail;
mod events;
mod files;
mod geodesy;
mod geoip;
mod guards;
mod legs;
mod rules;
mod scans;
mod source;
mod usage;

pub use access::AccessError;
pub use alerts::AlertError;
pub use cloudtrail::CloudTrailError;
pub use events::EventsError;
pub use files::FilesError;
pub use geodesy::GeodesyError;
pub use geoip::GeoipError;
pub use guards::GuardError;
pub use legs::LegError;
pub use rules::RuleError;
pub use scans::ScanError;
pub use source::SourceError;
pub use usage::UsageError;

use super::report::Report;
use pgrx::PgSqlErrorCode as Code;

/// An error of any area.
macro_rules! travel_error {
    ($($area:ident($error:ident),)+) => {
        /// Any error of the extension.
        #[derive(Debug)]
        pub enum TravelError {
            $( $area($error), )+
        }

        $(
            impl From<$error> for TravelError {
                fn from(error: $error) -> Self {
                    Self::$area(error)
                }
            }
        )+

        impl TravelError {
            /// Its SQLSTATE, message, detail and hint.
            pub fn report(self) -> Report {
                match self {
                    $( Self::$area(error) => error.report(), )+
                }
            }
        }
    };
}

travel_error! {
    Usage(UsageError),
    Geodesy(GeodesyError),
    Geoip(GeoipError),
    CloudTrail(CloudTrailError),
    Leg(LegError),
    Source(SourceError),
    Events(EventsError),
    Files(FilesError),
    Rule(RuleError),
    Access(AccessError),
    Scan(ScanError),
    Guard(GuardError),
    Alert(AlertError),
}

impl TravelError {
    /// Ends the statement with this error.
    pub fn raise(self) -> ! {
        self.report().raise()
    }

    /// Reports it as a warning, whose message begins with `prefix`.
    pub fn warn(self, prefix: &str) {
        self.report().into_warning(prefix).send();
    }

    /// Its message and SQLSTATE in one line, as `travel.status` shows errors.
    pub fn in_one_line(self) -> String {
        let report = self.report();
        format!("{} ({})", report.message, sqlstate(report.code))
    }
}

/// The five characters of an SQLSTATE. PostgreSQL packs them into an integer, six bits each, the first lowest.
fn sqlstate(code: Code) -> String {
    (0..5).map(|n| char::from(((code as i32 >> (6 * n)) & 0x3f) as u8 + b'0')).collect()
}

/// A number as PostgreSQL writes it.
fn number(value: f64) -> String {
    // SAFETY: gives a C string in the current memory context.
    unsafe { std::ffi::CStr::from_ptr(pgrx::pg_sys::float8out_internal(value)) }
        .to_string_lossy()
        .into_owned()
}
