//! Every mistake that this extension reports, with its SQLSTATE, a detail and a hint. docs/errors.md lists them.

use super::identifier::literal;
use super::report::{Report, Text};
use super::time::{looks_like_a_time, utc};
use pgrx::PgSqlErrorCode as Code;

#[derive(Debug)]
pub enum TravelError {
    NotUtf8,
    WrongRowType { expected: usize, found: usize },
    QueryColumns { expected: usize, found: usize },
    ColumnTypeChanged { column: String, expected: &'static str, found: String },
    ExtensionDropped,
    NotInAggregate { function: &'static str },
    NotAWindow,
    NotATrigger,
    SetNotAccepted,

    CoordinateOutOfRange { argument: &'static str, value: f64, range: &'static str },
    DistanceNegative { value: f64 },

    NoGeoipDatabase { setting: String, tried: Vec<String> },
    NoCoordinates { files: Vec<String> },
    GeoipMissing { rule: String, missing: Vec<String> },
    GeoipChanged { detail: String },
    GeoipUnusable { detail: String },
    GeoipDamaged { detail: String },

    NotCloudTrail { found: String },
    BadValue { field: &'static str, expected: &'static str, value: String, event_id: Option<String> },

    ThresholdNull { name: &'static str },
    ThresholdNotANumber { name: &'static str, value: f64 },
    ThresholdVaries { over: &'static str },
    InfiniteTime,
    DescendingTime,
    AddressIsANumber { text: String },
    StatesDiffer,
    TooManyEvents,
    TooManyLegs,
    StateText { detail: String },
    StateBinary { detail: String },

    ArgumentNull { name: &'static str },
    EmptyRange { since: String, until: String },
    NoSuchSource { oid: u32 },
    SourceNotATable { name: String },
    SourceNotReadable { name: String, role: String },
    ColumnsNotAnObject { found: &'static str },
    ColumnsKey { key: String, known: String },
    ColumnsValue { key: String, found: &'static str },
    NoSuchColumn { key: String, name: String, source: String, available: String },
    ColumnType { column: String, is: String, wanted: &'static str, hint: String },
    EntitySyntax { argument: &'static str, entity: String },
    NoEntityColumn { name: String, source: String, available: String, hint: String },
    NoTimeColumn { source: String, available: String },
    NoPlaceColumn { source: String, available: String },
    NotOneExpression { what: String, text: String },
    ExpressionIsAStar { what: String, text: String },
    ExpressionIsARow { what: String, text: String },
    NameSyntax { name: String },
    NotYetPartitioned,
    NotAnEventsTable { name: String, column: &'static str },
    TargetGenerated { table: String, column: String },
    TimeAsEntity { function: &'static str },
    RulesUnhealthy { names: Vec<String>, lines: Vec<String> },
    NoSuchRule { name: String, known: String },
    RuleUnreadable { name: String, detail: String },
    ScanUnderWay { rule: String },
    ScannedElsewhere { rule: String },
    PruneTooYoung { given: String, least: &'static str },
    PruneTooOld { given: String, most: &'static str },
    StateUnreadable { rule: String, detail: String },
    EventsUnordered { rule: String, event: i64, evaluated_until: i64 },
    NoSuchOwner { rule: String, owner: String },
    NoRuleSource { rule: String, source: String },
    RuleSourceTemporary { rule: String, source: String },
    SourceOwnerChanged { rule: String, source: String, was: Option<String>, is: String },
    SourceNotTrusted { rule: String, owner: String, object: String, object_owner: String },
    FunctionNotTrusted { function: String, owner: String, role: String },
    TemporaryFunction { function: String },
    RuleNamesTemporary { rule: String, object: String },
    ArrivalNotExact { rule: String, column: String, why: String },
    RuleColumn { rule: String, column: String, name: String, source: String, available: String },
    ConditionHas { code: Code, found: &'static str, text: String },
    ColumnsVolatile { key: String, text: String },
    RuleSetting { column: &'static str, value: String, wanted: Text, hint: &'static str },
    RuleRenamed { name: String, to: String },
    RuleLineage,
    RuleNotOwned { rule: String, owner: String, role: String },
    RuleExists { name: String },
    RuleMessage { names: String },
    RuleUnresolved { code: Code, message: String },
    NoSuchPreset { preset: String, known: String },
    ExpressionFailed { code: Code, what: String, text: String, message: String, available: String },

    LearntRow { table: String },
    OriginNotYours { table: String, origin: String },
    FixedColumn { table: String, column: String },
    EnteredState { state: String },
    EnteredSeen { column: &'static str },
    ValidityEmpty { from: String, until: String },
    CountryCode { column: String, value: String },
    AlertColumn { column: String },
    ColumnValue { table: String, column: String, value: String, wanted: Text, hint: &'static str },
    ColumnIsNull { table: String, column: String },
    ReasonWithoutArchive { reason: String },
    AlertsAreKept,
    BlankReason,
    PatternEscape { pattern: String },
    SuppressesEverything,
    RowOfNoRule { table: String, rule: String },
    NoSuchLevel { level: String },
    NoSuchRole { role: String },
}

const TYPES_CHANGED: &str = "A function, a view or a table that the query uses was replaced while the statement ran, or a \
                             table of the schema travel was altered. Undo that, or run the statement again.";

impl TravelError {
    /// Ends the statement with this error.
    pub fn raise(self) -> ! {
        self.report().raise()
    }

    /// Reports it as a warning, whose message begins with `prefix`.
    pub fn warn(self, prefix: &str) {
        self.report().into_warning(prefix).send();
    }

    /// Its message and SQLSTATE in one line, as travel.status shows errors.
    pub fn in_one_line(self) -> String {
        let report = self.report();
        format!("{} ({})", report.message, sqlstate(report.code))
    }

    /// Its SQLSTATE, message, detail and hint.
    pub fn report(self) -> Report {
        match self {
            Self::NotUtf8 => Report::error(
                Code::ERRCODE_FEATURE_NOT_SUPPORTED,
                "impossible_travel works only in databases whose encoding is UTF8",
            )
            .hint("Create the database with ENCODING 'UTF8' TEMPLATE template0."),
            Self::WrongRowType { expected, found } => Report::error(
                Code::ERRCODE_DATATYPE_MISMATCH,
                "the library and the SQL objects of impossible_travel do not fit each other",
            )
            .detail(format!("A row type has {found} columns, the library writes {expected}."))
            .hint("Run ALTER EXTENSION impossible_travel UPDATE, and restart sessions that are older than the library."),
            Self::QueryColumns { expected, found } => Report::error(
                Code::ERRCODE_DATATYPE_MISMATCH,
                "a query of impossible_travel does not give the columns that it should",
            )
            .detail(format!("It gives {found} columns where {expected} are read."))
            .hint(TYPES_CHANGED),
            Self::ColumnTypeChanged { column, expected, found } => Report::error(
                Code::ERRCODE_DATATYPE_MISMATCH,
                format!("the column \"{column}\" has the type {found} where {expected} is read"),
            )
            .detail("Nothing was read from it.")
            .hint(TYPES_CHANGED),
            Self::ExtensionDropped => Report::error(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                "the extension impossible_travel was dropped while the statement ran",
            )
            .hint("Create it again, with CREATE EXTENSION impossible_travel, and run the statement again."),
            Self::NotInAggregate { function } => Report::error(
                Code::ERRCODE_FEATURE_NOT_SUPPORTED,
                format!("travel_internal.{function} can only be called by its aggregate"),
            )
            .hint("Call travel.impossible_legs(event_time, ip) in a query, with GROUP BY the entity."),
            Self::SetNotAccepted => Report::error(
                Code::ERRCODE_FEATURE_NOT_SUPPORTED,
                "this function returns rows, which cannot be used here",
            )
            .hint("Call it in FROM: SELECT * FROM travel.…(…)."),
            Self::NotAWindow => {
                Report::error(Code::ERRCODE_FEATURE_NOT_SUPPORTED, "travel.leg can only be called with an OVER clause")
                    .hint("Write travel.leg(event_time, ip) OVER (PARTITION BY access_key_id ORDER BY event_time, ip).")
            }

            Self::NotATrigger => Report::error(
                Code::ERRCODE_FEATURE_NOT_SUPPORTED,
                "this function can only be called as a trigger",
            )
            .hint("It guards a table of the schema travel; there is no need to call it."),

            Self::CoordinateOutOfRange { argument, value, range } => Report::error(
                Code::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
                format!("{argument} is out of range: {}", number(value)),
            )
            .detail(format!("It must be {range} degrees."))
            .hint("The arguments are latitude, longitude, latitude, longitude, in degrees."),
            Self::DistanceNegative { value } => Report::error(
                Code::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
                format!("distance_km is out of range: {}", number(value)),
            )
            .detail("It must be 0 or more.")
            .hint("Take the distance from travel.distance_km."),

            Self::NoGeoipDatabase { setting, tried } if tried.is_empty() => Report::error(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                "there is no GeoIP database, so no address can be located",
            )
            .detail(format!("No usable .mmdb file was found in the folders that the setting {setting} names."))
            .hint(
                "Ask an administrator to put a GeoIP database (GeoLite2-City.mmdb, for example) into one of them. \
                 travel.geoip_databases() shows an administrator what was found.",
            ),
            Self::NoGeoipDatabase { setting, tried } => Report::error(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                "there is no GeoIP database, so no address can be located",
            )
            .detail(format!("No usable .mmdb file was found in: {}.", tried.join(", ")))
            .hint(format!(
                "Put a GeoIP database (GeoLite2-City.mmdb, for example) into {}, or name its folder in the setting \
                 {setting} and run SELECT pg_reload_conf(). travel.geoip_databases() shows what was found.",
                tried.join(" or ")
            )),
            Self::NoCoordinates { files } => Report::error(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                "no GeoIP database supplies coordinates, so no address can be located",
            )
            .detail(format!("The databases in use are {}.", files.join(", ")))
            .hint(
                "Add a database with coordinates (GeoLite2-City.mmdb, for example), or enter networks with coordinates \
                 into travel.networks. travel.geoip_databases() shows what each file provides.",
            ),
            Self::GeoipMissing { rule, missing } => Report::error(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("a GeoIP database that the rule \"{rule}\" depends on is missing"),
            )
            .detail(format!(
                "The last scan located addresses by {}. No database of that file name or type supplies the same \
                 now.",
                missing.join("; by ")
            ))
            .hint(format!(
                "Put it back: travel.geoip_databases() shows what is there. If the change is meant, SELECT \
                 travel.accept_geoip({}) lets the scans of the rule go on without it.",
                literal(&rule)
            )),
            Self::GeoipChanged { detail } => Report::error(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                "a GeoIP database changed during the statement, and there was no room for a copy of it",
            )
            .detail(detail)
            .hint("Run the statement again. Free space in the data directory, so that copies can be kept."),
            Self::GeoipUnusable { detail } => {
                Report::error(Code::ERRCODE_IO_ERROR, "a GeoIP database cannot be read").detail(detail).hint(
                    "Run the statement again. If it fails again, the server's log and travel.geoip_databases() say more.",
                )
            }
            Self::GeoipDamaged { detail } => {
                Report::error(Code::ERRCODE_DATA_CORRUPTED, "a GeoIP database is damaged").detail(detail).hint(
                    "Replace the file by a good one. The copy in use is dropped when the server restarts.",
                )
            }

            Self::NotCloudTrail { found } => Report::error(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                "the document is not a CloudTrail document",
            )
            .detail(format!("It is {found}."))
            .hint(travel_cloudtrail::NotCloudTrail::HINT),
            Self::BadValue { field, expected, value, event_id } => Report::error(
                if field == "eventTime" {
                    Code::ERRCODE_INVALID_DATETIME_FORMAT
                } else {
                    Code::ERRCODE_INVALID_PARAMETER_VALUE
                },
                if field == "record" {
                    format!("a CloudTrail record must be {expected}, this is {value}")
                } else {
                    format!("{field} of a CloudTrail record is not {expected}: {value}")
                },
            )
            .detail(match event_id {
                Some(id) => format!("The record's eventID is {id}."),
                None => "The record has no eventID.".to_owned(),
            })
            .hint(
                "travel.try_parse reads such a value as NULL. So do travel.ingest and travel.detect, which leave out \
                 what has no readable time.",
            ),

            Self::ThresholdNull { name } => {
                Report::error(Code::ERRCODE_NULL_VALUE_NOT_ALLOWED, format!("{name} must not be NULL"))
                    .hint("Leave the argument out for its default: 500 km, 1000 km/h, use_accuracy false.")
            }
            Self::ThresholdNotANumber { name, value } => Report::error(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("{name} is out of range: {}", number(value)),
            )
            .detail("It must be finite and not negative.")
            .hint("The defaults are 500 km and 1000 km/h."),
            Self::ThresholdVaries { over } => Report::error(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("the thresholds vary within one {over}"),
            )
            .hint(
                "min_distance_km, min_velocity_kmh and use_accuracy must be the same for all rows of an entity: use \
                 constants, or columns of the entity.",
            ),
            Self::InfiniteTime => Report::error(Code::ERRCODE_DATETIME_FIELD_OVERFLOW, "an event's time is infinite")
                .hint("Filter such rows: WHERE isfinite(event_time)."),
            Self::DescendingTime => Report::error(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                "the rows of a window come in descending order of time",
            )
            .hint("Order the window by time, ascending: OVER (PARTITION BY access_key_id ORDER BY event_time, ip)."),
            Self::AddressIsANumber { text } => Report::error(
                Code::ERRCODE_INVALID_TEXT_REPRESENTATION,
                format!("an IP address is expected, this is a number: \"{text}\""),
            )
            .hint("If it is a coordinate, cast both coordinates to float8: (event_time, latitude::float8, longitude::float8)."),
            Self::StatesDiffer => Report::error(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                "a state with event ids and one without cannot be combined",
            )
            .hint("Make both with the same form of travel.impossible_legs."),
            Self::TooManyEvents => Report::error(
                Code::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
                "one entity has more events than an aggregate can hold",
            )
            .detail("The state of travel.impossible_legs would pass PostgreSQL's limit of 1 GB for a value.")
            .hint(
                "Use the window function, which streams: travel.leg(event_time, ip) OVER (PARTITION BY access_key_id \
                 ORDER BY event_time, ip). Or leave the event ids out: without them an event takes a few bytes.",
            ),
            Self::TooManyLegs => Report::error(
                Code::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
                "one entity has more impossible legs than an array can hold",
            )
            .detail("The result of travel.impossible_legs would pass PostgreSQL's limit of 1 GB for a value.")
            .hint(
                "Narrow the range of time, raise the thresholds, or use the window function, which streams: \
                 travel.leg(event_time, ip) OVER (PARTITION BY access_key_id ORDER BY event_time, ip).",
            ),
            Self::StateText { detail } => Report::error(
                Code::ERRCODE_INVALID_TEXT_REPRESENTATION,
                "invalid input for type travel_internal.legs_state",
            )
            .detail(detail)
            .hint("Its text is what the type itself writes: \\x and hex digits."),
            Self::StateBinary { detail } => Report::error(
                Code::ERRCODE_INVALID_BINARY_REPRESENTATION,
                "invalid binary input for type travel_internal.legs_state",
            )
            .detail(detail)
            .hint("Both servers must run versions of impossible_travel with the same format."),

            Self::ArgumentNull { name } => Report::error(
                Code::ERRCODE_NULL_VALUE_NOT_ALLOWED,
                format!("the argument {name} must not be NULL"),
            )
            .hint("Give it a value, or leave it out where it has a default."),
            Self::EmptyRange { since, until } => Report::error(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                "the range of time is empty: since must be before until",
            )
            .detail(format!("since is {since}, until is {until}."))
            .hint("A leg is in the range when since <= to_time < until; NULL leaves a side open."),
            Self::NoSuchSource { oid } => Report::error(
                Code::ERRCODE_UNDEFINED_TABLE,
                format!("the source does not exist: there is no table with OID {oid}"),
            )
            .hint("Give the source as a name: 'audit.cloudtrail'."),
            Self::SourceNotATable { name } => {
                Report::error(Code::ERRCODE_WRONG_OBJECT_TYPE, format!("{name} is not a table or a view")).hint(
                    "The source must be a table, a partitioned table, a view, a materialized view or a foreign table.",
                )
            }
            Self::SourceNotReadable { name, role } => Report::error(
                Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("permission denied for {name}"),
            )
            .detail(format!("The role {role} may read no column of it; detection runs with its caller's rights."))
            .hint(format!("Its owner can run GRANT SELECT ON {name} TO {role}.")),
            Self::ColumnsNotAnObject { found } => Report::error(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                "the argument columns must be a JSON object",
            )
            .detail(format!("It is {found}."))
            .hint("For example: {\"event_time\": \"created_at\", \"source_ip\": \"(payload->>'ip')\"}."),
            Self::ColumnsKey { key, known } => Report::error(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("columns has an unknown key: \"{key}\""),
            )
            .hint(format!("Known keys are: {known}.")),
            Self::ColumnsValue { key, found } => Report::error(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("the value of \"{key}\" in columns must be a string"),
            )
            .detail(format!("It is {found}."))
            .hint("A value is a column's name, or an SQL expression in parentheses."),
            Self::NoSuchColumn { key, name, source, available } => Report::error(
                Code::ERRCODE_UNDEFINED_COLUMN,
                format!("columns takes \"{key}\" from a column that {source} does not have: {name}"),
            )
            .detail(format!("Its columns are: {available}."))
            .hint("Name one of them, or write an SQL expression in parentheses."),
            Self::ColumnType { column, is, wanted, hint } => Report::error(
                Code::ERRCODE_DATATYPE_MISMATCH,
                format!("{column} has the type {is}"),
            )
            .detail(format!("It must be {wanted}."))
            .hint(hint),
            Self::EntitySyntax { argument, entity } => Report::error(
                Code::ERRCODE_INVALID_NAME,
                format!("{argument} is no list of column names: \"{entity}\""),
            )
            .hint(if looks_like_a_time(&entity) {
                "The second argument is the entity. Name a range of time: since => '2026-03-01', until => '2026-03-02'."
            } else {
                "Write SQL identifiers, separated by commas: 'access_key_id', 'account_id, session_name'."
            }),
            Self::NoEntityColumn { name, source, available, hint } => Report::error(
                Code::ERRCODE_UNDEFINED_COLUMN,
                format!("there is no column {name} for the entity in {source}"),
            )
            .detail(format!("Its columns are: {available}."))
            .hint(hint),
            Self::NoTimeColumn { source, available } => Report::error(
                Code::ERRCODE_UNDEFINED_COLUMN,
                format!("there is no column event_time in {source}"),
            )
            .detail(format!("Its columns are: {available}."))
            .hint("Say in columns where the time is: {\"event_time\": \"the_column\"}."),
            Self::NoPlaceColumn { source, available } => Report::error(
                Code::ERRCODE_UNDEFINED_COLUMN,
                format!("there is no address and no pair of coordinates in {source}"),
            )
            .detail(format!(
                "Looked for were source_ip, source_text, and latitude with longitude. Its columns are: {available}."
            ))
            .hint("Say in columns where it is: {\"source_ip\": \"the_column\"}."),
            Self::NotOneExpression { what, text } => Report::error(
                Code::ERRCODE_SYNTAX_ERROR,
                format!("{what} is not one SQL expression"),
            )
            .detail(format!("It is: {text}"))
            .hint("Write what could stand after WHERE, without further clauses or statements."),
            Self::ExpressionIsAStar { what, text } => Report::error(
                Code::ERRCODE_SYNTAX_ERROR,
                format!("{what} is not one SQL expression but a star, which stands for several columns"),
            )
            .detail(format!("It is: {text}"))
            .hint("Name the one column that is meant: (s.the_column)."),
            Self::ExpressionIsARow { what, text } => Report::error(
                Code::ERRCODE_SYNTAX_ERROR,
                format!("{what} is a whole row, not one value"),
            )
            .detail(format!("It is: {text}"))
            .hint("Name the one column that is meant: (s.the_column), or a field of the row: ((s.the_row).the_field)."),
            Self::NameSyntax { name } => Report::error(
                Code::ERRCODE_INVALID_NAME,
                format!("this is no name of a table: \"{name}\""),
            )
            .hint("Write it as SQL does: cloudtrail, audit.cloudtrail, \"Odd name\"."),
            Self::NotYetPartitioned => Report::error(
                Code::ERRCODE_FEATURE_NOT_SUPPORTED,
                "events tables cannot be partitioned yet",
            )
            .hint("Call travel.create_events_table without partitioned."),
            Self::NotAnEventsTable { name, column } => Report::error(
                Code::ERRCODE_UNDEFINED_COLUMN,
                format!("{name} is no table of events: it has no column {column}"),
            )
            .hint("Make one with travel.create_events_table('cloudtrail')."),
            Self::TargetGenerated { table, column } => Report::error(
                Code::ERRCODE_GENERATED_ALWAYS,
                format!("travel.ingest cannot write the column {column} of {table}, which is generated"),
            )
            .detail("It has the name of a column of travel.event, all of which travel.ingest fills from the records.")
            .hint(format!(
                "Rename it, or let it be a plain column: ALTER TABLE {table} ALTER {column} DROP EXPRESSION (for an \
                 identity column: DROP IDENTITY)."
            )),
            Self::TimeAsEntity { function } => Report::error(
                Code::ERRCODE_UNDEFINED_FUNCTION,
                format!("the second argument of travel.{function} is the entity, this is a time"),
            )
            .hint(format!(
                "Name a range of time: travel.{function}('cloudtrail', since => '2026-03-01', until => '2026-03-02')."
            )),
            Self::RulesUnhealthy { names, lines } => Report::error(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                match &names[..] {
                    [one] => format!("the rule \"{one}\" has a problem"),
                    several => format!("{} rules have a problem: {}", several.len(), several.join(", ")),
                },
            )
            .detail(lines.join("\n"))
            .hint(
                "While a rule has a problem, it may miss travel. The columns last_error and problem of travel.status show \
                 this, too; travel.check_rule says more about one rule.",
            ),
            Self::NoSuchRule { name, known } => Report::error(
                Code::ERRCODE_UNDEFINED_OBJECT,
                format!("there is no rule \"{name}\""),
            )
            .detail(format!("The rules are: {known}."))
            .hint("SELECT name FROM travel.rules shows them; travel.create_rule makes one."),
            Self::RuleUnreadable { name, detail } => Report::error(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("the rule \"{name}\" cannot be used"),
            )
            .detail(detail)
            .hint("Correct its row in travel.rules; travel.check_rule says whether it is right then."),
            Self::ScannedElsewhere { rule } => Report::error(
                Code::ERRCODE_LOCK_NOT_AVAILABLE,
                format!("another session is scanning the rule \"{rule}\""),
            )
            .detail("The wait for it to commit a step took longer than impossible_travel.scan_lock_timeout allows.")
            .hint(
                "That session does the work of this scan. If it is idle in a transaction (pg_stat_activity shows it), \
                 end it: until then the rule is not evaluated.",
            ),
            Self::PruneTooYoung { given, least } => Report::error(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("older_than is too short: {given}"),
            )
            .detail(format!("It must be at least {least}: what is younger still changes with events that come late."))
            .hint("For example: SELECT * FROM travel.prune('400 days')."),
            Self::PruneTooOld { given, most } => Report::error(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("older_than is too long: {given}"),
            )
            .detail(format!("It must be at most {most}: PostgreSQL has no earlier times."))
            .hint("For example: SELECT * FROM travel.prune('400 days')."),
            Self::ScanUnderWay { rule } => Report::error(
                Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("a scan of the rule \"{rule}\" is under way"),
            )
            .hint(format!("CALL travel.rescan({}, …) continues the scan first.", literal(&rule))),
            Self::StateUnreadable { rule, detail } => Report::error(
                Code::ERRCODE_DATA_CORRUPTED,
                format!("what was kept of the rule \"{rule}\" between scans cannot be read"),
            )
            .detail(detail)
            .hint(format!("CALL travel.rescan({}, '-infinity') evaluates everything again.", literal(&rule))),
            Self::EventsUnordered { rule, event, evaluated_until } => Report::error(
                Code::ERRCODE_DATA_EXCEPTION,
                format!("the events of the rule \"{rule}\" did not come in order of time"),
            )
            .detail(format!(
                "One of {} came after one of {}.",
                utc(event),
                utc(evaluated_until)
            ))
            .hint("The source must give the same rows in each query of one scan. Scan again."),
            Self::NoSuchOwner { rule, owner } => Report::error(
                Code::ERRCODE_UNDEFINED_OBJECT,
                format!("the owner of the rule \"{rule}\" does not exist: {owner}"),
            )
            .hint("UPDATE travel.rules SET owner = … : the rule's query runs with that role's rights."),
            Self::NoRuleSource { rule, source } => Report::error(
                Code::ERRCODE_UNDEFINED_TABLE,
                format!("the source of the rule \"{rule}\" does not exist: {source}"),
            )
            .hint("Make the table or view again, or name another in the rule's source, with its schema."),
            Self::RuleSourceTemporary { rule, source } => Report::error(
                Code::ERRCODE_WRONG_OBJECT_TYPE,
                format!("the source of the rule \"{rule}\" is a temporary relation: {source}"),
            )
            .detail("It ends with its session, and another session can make a relation of the same name.")
            .hint("Make a table or view that lasts, and name it with its schema in the rule's source."),
            Self::SourceOwnerChanged { rule, source, was, is } => Report::error(
                Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("the source of the rule \"{rule}\" has another owner than when the rule was written: {source}"),
            )
            .detail(match was {
                Some(was) => format!("It belonged to {was}, and belongs to {is} now."),
                None => format!("It did not exist, and belongs to {is} now."),
            })
            .hint(format!(
                "The functions of a view run with the rights of the rule's owner. If you trust {is} with these, a member \
                 of the rule's owner can run SELECT travel.confirm_source({});",
                literal(&rule)
            )),
            Self::SourceNotTrusted { rule, owner, object, object_owner } => Report::error(
                Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("the rule \"{rule}\" would give {object_owner} the rights of a superuser"),
            )
            .detail(format!(
                "It runs with the rights of {owner}, a superuser, and reads or runs what {object_owner} owns: {object}."
            ))
            .hint(
                "Let the owner of the source own the rule, or any other role that is not a superuser and may read the source: \
                 UPDATE travel.rules SET owner = …",
            ),
            Self::FunctionNotTrusted { function, owner, role } => Report::error(
                Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("the function {function} of {owner} must not run with the rights of {role}, a superuser"),
            )
            .detail("A rule runs it, directly or in the body of another function.")
            .hint(
                "Let the owner of the source own the rule, or any other role that is not a superuser and may read the source: \
                 UPDATE travel.rules SET owner = …",
            ),
            Self::TemporaryFunction { function } => Report::error(
                Code::ERRCODE_WRONG_OBJECT_TYPE,
                format!("a rule must not run a temporary function: {function}"),
            )
            .hint("Make a function that lasts, and name it with its schema in the rule."),
            Self::RuleNamesTemporary { rule, object } => Report::error(
                Code::ERRCODE_WRONG_OBJECT_TYPE,
                format!("the rule \"{rule}\" reads or runs something temporary: {object}"),
            )
            .detail("It ends with its session, and another session can make one of the same name.")
            .hint("Create a permanent one, and name it with its schema in the rule."),
            Self::ArrivalNotExact { rule, column, why } => Report::error(
                Code::ERRCODE_FEATURE_NOT_SUPPORTED,
                format!("the rule \"{rule}\" cannot find new rows by {column}"),
            )
            .detail(format!("The column must hold this server's transaction that inserted the row, but {why}."))
            .hint(
                "Name in the rule's arrival_column a timestamptz column that says when a row arrived; or take the column \
                 out of the source, so that scans find new rows by lookback.",
            ),
            Self::RuleColumn { rule, column, name, source, available } => Report::error(
                Code::ERRCODE_UNDEFINED_COLUMN,
                format!("{column} of the rule \"{rule}\" names a column that {source} does not have: {name}"),
            )
            .detail(format!("Its columns are: {available}."))
            .hint(format!("Name one of them in {column}.")),
            Self::ConditionHas { code, found, text } => {
                Report::error(code, format!("the condition of a rule must not have {found}"))
                    .detail(format!("It is: {text}"))
                    .hint(
                        "Each event is evaluated by its own columns, and must be evaluated alike in every scan. What needs \
                         other rows can be a column of a view, which is the rule's source.",
                    )
            }
            Self::ColumnsVolatile { key, text } => Report::error(
                Code::ERRCODE_FEATURE_NOT_SUPPORTED,
                format!("columns.{key} of a rule must not have a volatile function"),
            )
            .detail(format!("It is: {text}"))
            .hint(
                "An event must be the same in every scan. What varies can be kept in a column of the source when the row \
                 is written.",
            ),
            Self::RuleSetting { column, value, wanted, hint } => Report::error(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("{column} of a rule cannot be {value}"),
            )
            .detail(format!("It must be {wanted}."))
            .hint(hint),
            Self::RuleRenamed { name, to } => Report::error(
                Code::ERRCODE_FEATURE_NOT_SUPPORTED,
                format!("the rule \"{name}\" cannot be renamed to \"{to}\""),
            )
            .detail("Its verdicts, alerts and known places go by its name.")
            .hint("Make a rule of the other name, and set enabled of this one to false."),
            Self::RuleLineage => Report::error(
                Code::ERRCODE_FEATURE_NOT_SUPPORTED,
                "lineage of a rule is not supported yet",
            )
            .detail("Temporary keys cannot be evaluated together with the keys that minted them.")
            .hint("Leave lineage false. The entity actor, or session_name, holds the keys of one person together."),
            Self::RuleNotOwned { rule, owner, role } => Report::error(
                Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("permission denied for the rule \"{rule}\""),
            )
            .detail(format!("It runs with the rights of {owner}, of which {role} is not a member."))
            .hint("A member of its owner can change it. owner must be a role that you are a member of."),
            Self::RuleExists { name } => Report::error(
                Code::ERRCODE_UNIQUE_VIOLATION,
                format!("there is a rule \"{name}\" already"),
            )
            .hint("Give the new one another name: travel.create_rule(preset, source, 'another name')."),
            Self::RuleMessage { names } => Report::error(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("the message of a rule names what no alert has: {names}"),
            )
            .hint(
                "{{column}} is a column of travel.finding, or id, rule, severity, first_seen, last_seen, leg_count or \
                 evidence; {{@path}} is an attribute of the signal, such as \
                 @impossible_travel.triggering_locations.first_location.city or @userIdentity.accessKeyId.",
            ),
            Self::RuleUnresolved { code, message } => Report::error(code, message).hint(
                "Correct the rule, or what it names; travel.check_rule says whether it is right then.",
            ),
            Self::NoSuchPreset { preset, known } => Report::error(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("there is no preset \"{preset}\""),
            )
            .hint(format!("Presets are: {known}. SELECT * FROM travel.presets shows them.")),
            Self::ExpressionFailed { code, what, text, message, available } => {
                let report = Report::error(code, format!("{what} cannot be used: {message}")).detail(format!("It is: {text}"));
                if available.is_empty() {
                    report.hint("Write one SQL expression, as it could stand after WHERE.")
                } else {
                    report.hint(format!("It may name the source's own columns: {available}."))
                }
            }

            Self::LearntRow { table } => Report::error(
                Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("a learnt row of {table} can be changed by scans only"),
            )
            .hint("Enter a row of your own, with origin 'analyst': it overlays what was learnt."),
            Self::OriginNotYours { table, origin } => Report::error(
                Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("a row of {table} with origin \"{origin}\" cannot be entered by hand"),
            )
            .detail("Scans write those that are learnt; archiving an alert as expected writes those of an alert.")
            .hint("Leave origin out: what is entered by hand has 'analyst'."),
            Self::FixedColumn { table, column } => Report::error(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("{column} of a row of {table} cannot be changed"),
            )
            .hint("Delete the row, which ends it, and enter another."),
            Self::EnteredState { state } => Report::error(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("the state of a row that is entered must be known, this is \"{state}\""),
            )
            .hint("Leave it out. Only what scans learn is on trial or held."),
            Self::EnteredSeen { column } => Report::error(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("{column} of a row that is entered must be NULL"),
            )
            .hint("It is about what scans learn. valid_from and valid_until say when the row holds."),
            Self::ValidityEmpty { from, until } => Report::error(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                "valid_from must be before valid_until",
            )
            .detail(format!("valid_from is {from}, valid_until is {until}."))
            .hint("Without a valid_from a row holds from now on; without a valid_until it holds for good."),
            Self::CountryCode { column, value } => Report::error(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("{column} is no code of a country: \"{value}\""),
            )
            .hint("Write two capitals, as ISO 3166-1 has them: GB, JP."),
            Self::AlertColumn { column } => Report::error(
                Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("{column} of an alert can be changed by scans only"),
            )
            .hint("status, archive_reason and assignee are the analyst's."),
            Self::ColumnValue { table, column, value, wanted, hint } => Report::error(
                Code::ERRCODE_CHECK_VIOLATION,
                format!("{column} of a row of {table} cannot be {value}"),
            )
            .detail(format!("It must be {wanted}."))
            .hint(hint),
            Self::ColumnIsNull { table, column } => Report::error(
                Code::ERRCODE_NOT_NULL_VIOLATION,
                format!("{column} of a row of {table} must not be NULL"),
            )
            .hint("Give it a value, or leave it out of the INSERT where it has a default."),
            Self::ReasonWithoutArchive { reason } => Report::error(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("an alert that is not archived takes no archive_reason: \"{reason}\""),
            )
            .hint("Set both: SET status = 'archived', archive_reason = 'expected'."),
            Self::AlertsAreKept => Report::error(
                Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
                "alerts cannot be deleted",
            )
            .hint("Archive it: SET status = 'archived'. travel.prune removes old ones."),
            Self::BlankReason => Report::error(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                "the reason of a suppression is blank",
            )
            .hint("Say why such travel is not to be raised, for whoever asks later."),
            Self::PatternEscape { pattern } => Report::error(
                Code::ERRCODE_INVALID_ESCAPE_SEQUENCE,
                format!("entity_like ends in a backslash that escapes nothing: \"{pattern}\""),
            )
            .hint("Write two for a backslash of the entity's own."),
            Self::SuppressesEverything => Report::error(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                "the suppression would silence every rule",
            )
            .detail("It names no rule, no entity, no country and no network, and does not end.")
            .hint("Give at least one of rule, entity_like, country_code_a, country_code_b, network, valid_until."),

            Self::RowOfNoRule { table, rule } => Report::error(
                Code::ERRCODE_FOREIGN_KEY_VIOLATION,
                format!("there is no rule \"{rule}\" for a row of {table}"),
            )
            .detail("A row of this table is about one rule, which must exist.")
            .hint("SELECT name FROM travel.rules shows the names of the rules."),

            Self::NoSuchLevel { level } => Report::error(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("there is no level \"{level}\""),
            )
            .hint("Levels are read, triage and admin; each has what those before it have."),
            Self::NoSuchRole { role } => Report::error(
                Code::ERRCODE_UNDEFINED_OBJECT,
                format!("role \"{role}\" does not exist"),
            )
            .hint("Give the name as it is in pg_roles, without quotes: travel.grant_to('analysts', 'triage')."),
        }
    }
}

/// A number as SQL writes it.
fn number(value: f64) -> String {
    // SAFETY: gives a C string in the current memory context.
    unsafe { std::ffi::CStr::from_ptr(pgrx::pg_sys::float8out_internal(value)) }
        .to_string_lossy()
        .into_owned()
}

/// As text: five characters of six bits each, the first lowest.
fn sqlstate(code: Code) -> String {
    (0..5).map(|n| char::from(((code as i32 >> (6 * n)) & 0x3f) as u8 + b'0')).collect()
}
