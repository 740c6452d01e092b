//! Errors in detection rules.

use crate::pg::report::{Report, Text};
use pgrx::PgSqlErrorCode as Code;

errors! {
    /// A detection rule is wrong, or does not fit its source.
    pub enum RuleError {
        NotFound { name: String, known: String } =>
            Report::error(Code::ERRCODE_UNDEFINED_OBJECT, format!("rule \"{name}\" does not exist"))
                .detail(format!("The existing rules are: {known}."))
                .hint("Pass the name of one of these rules, or create the rule with travel.create_rule."),

        AlertNotFound { id: i64 } =>
            Report::error(Code::ERRCODE_UNDEFINED_OBJECT, format!("alert {id} does not exist"))
                .hint("Pass the id of a row of travel.alerts. travel.prune deletes old archived alerts."),

        AlreadyExists { name: String } =>
            Report::error(Code::ERRCODE_UNIQUE_VIOLATION, format!("rule \"{name}\" already exists"))
                .hint("Choose another name: travel.create_rule(preset, source, 'another name')."),

        PresetNotFound { preset: String, known: String } =>
            Report::error(Code::ERRCODE_INVALID_PARAMETER_VALUE, format!("preset \"{preset}\" does not exist"))
                .hint(format!("Use one of the presets {known}. SELECT * FROM travel.presets shows them.")),

        /// `meant`: the severity in another spelling.
        SeverityNotFound { value: String, meant: Option<&'static str> } =>
            Report::error(Code::ERRCODE_CHECK_VIOLATION, format!("invalid severity: \"{value}\""))
                .detail("The severities are info, low, medium, high and critical.")
                .hint(match meant {
                    Some(meant) => format!("Write it in lower case, without blanks: '{meant}'."),
                    None => "Use one of these, such as 'medium'.".to_owned(),
                }),

        /// The row was stored past its trigger.
        Unreadable { name: String, detail: String } =>
            Report::error(Code::ERRCODE_INVALID_PARAMETER_VALUE, format!("rule \"{name}\" is invalid"))
                .detail(detail)
                .hint("Correct its row in travel.rules, and check it with travel.check_rule."),

        SourceNotFound { rule: String, source: String } =>
            Report::error(
                Code::ERRCODE_UNDEFINED_TABLE,
                format!("source \"{source}\" of rule \"{rule}\" does not exist"),
            )
            .hint("Create the table or view, or set the rule's source to the name of another, with its schema."),

        /// `column` is that of the rule, `name` the one that it names.
        ColumnNotFound { rule: String, column: String, name: String, source: String, available: String } =>
            Report::error(
                Code::ERRCODE_UNDEFINED_COLUMN,
                format!("column \"{name}\" does not exist in \"{source}\""),
            )
            .detail(format!(
                "The rule \"{rule}\" names it in {column}. The source has the columns {available}."
            ))
            .hint(format!("Name one of these columns in {column}.")),

        /// `why` continues a sentence.
        ArrivalNotExact { rule: String, column: String, why: String } =>
            Report::error(
                Code::ERRCODE_FEATURE_NOT_SUPPORTED,
                format!("rule \"{rule}\" cannot find new rows by the column \"{column}\""),
            )
            .detail(format!("The column must hold the transaction of this server that inserted the row, but {why}."))
            .hint(
                "Set the rule's arrival_column to a timestamptz column that holds the time when a row arrived. Or remove the \
                 column from the source: scans then find new rows by lookback.",
            ),

        ConditionContains { code: Code, found: &'static str, text: String } =>
            Report::error(code, format!("condition of a rule must not contain {found}"))
                .detail(format!("The condition is: {text}"))
                .hint(
                    "The condition may use only the event's own columns, and must give the same result in every scan. \
                     Compute the rest in a view, and use the view as the source.",
                ),

        ColumnsVolatile { key: String, text: String } =>
            Report::error(
                Code::ERRCODE_FEATURE_NOT_SUPPORTED,
                format!("columns.{key} of a rule must not contain a volatile function"),
            )
            .detail(format!("The expression is: {text}"))
            .hint(
                "An event must be the same in every scan. Store a value that varies in a column of the source when the row \
                 is inserted.",
            ),

        /// `wanted` continues "must be".
        Setting { column: &'static str, value: String, wanted: Text, hint: &'static str } =>
            Report::error(Code::ERRCODE_INVALID_PARAMETER_VALUE, format!("invalid value for column \"{column}\" of a rule: {value}"))
                .detail(format!("The value must be {wanted}."))
                .hint(hint),

        SettingsNotAnObject { found: &'static str } =>
            Report::error(Code::ERRCODE_INVALID_PARAMETER_VALUE, "settings must be a JSON object")
                .detail(format!("The value is {found}."))
                .hint("Pass an object whose keys are columns of travel.rules, for example {\"min_velocity_kmh\": 800}."),

        SettingsKey { key: String, known: String } =>
            Report::error(Code::ERRCODE_UNDEFINED_COLUMN, format!("unrecognized key in settings: \"{key}\""))
                .detail("The keys of settings are columns of travel.rules.")
                .hint(format!("Use one of the keys {known}.")),

        SettingsFixed { key: String } =>
            Report::error(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("settings must not contain the key \"{key}\""),
            )
            .detail(fixed_setting(&key).0)
            .hint(fixed_setting(&key).1),

        /// Converting the value to the type of the column raised this error of PostgreSQL.
        SettingsValue { key: String, code: Code, message: String } =>
            Report::error(code, format!("invalid value of settings.{key}: {message}"))
                .hint(format!("Pass a value that the column {key} of travel.rules can have.")),

        SettingsNull { column: String } =>
            Report::error(
                Code::ERRCODE_NULL_VALUE_NOT_ALLOWED,
                format!("value of settings.{column} must not be null"),
            )
            .hint("Pass a value, or omit the key to evaluate by the setting of the rule."),

        MessageNames { names: String } =>
            Report::error(Code::ERRCODE_INVALID_PARAMETER_VALUE, format!("unknown names in the message of a rule: {names}"))
                .hint(
                    "Write {{column}} for a column of travel.finding, or for id, rule, severity, first_seen, last_seen, \
                     leg_count or evidence. Write {{@path}} for an attribute of the signal, such as \
                     @impossible_travel.triggering_locations.first_location.city or @userIdentity.accessKeyId.",
                ),

        Renamed { name: String, to: String } =>
            Report::error(Code::ERRCODE_FEATURE_NOT_SUPPORTED, format!("cannot rename rule \"{name}\" to \"{to}\""))
                .detail("Verdicts, alerts and known locations refer to the rule by its name.")
                .hint("Create a rule with the other name, and set enabled to false for this one."),

        LineageColumnNotFound { rule: String, source: String, available: String } =>
            Report::error(
                Code::ERRCODE_UNDEFINED_COLUMN,
                format!("source \"{source}\" of rule \"{rule}\" has no column issued_access_key_id"),
            )
            .detail(format!(
                "With lineage, the column says which temporary key a call created. The source has the columns {available}."
            ))
            .hint(
                "Name the column in columns: {\"issued_access_key_id\": \"the_column\"}. In a CloudTrail record it is \
                 responseElements.credentials.accessKeyId. Or set lineage to false.",
            ),

        /// Resolving what the rule names raised this error of PostgreSQL.
        Unresolved { code: Code, message: String } =>
            Report::error(code, message)
                .hint("Correct the rule or the object that it names, and check the rule with travel.check_rule."),
    }
}

/// Why settings cannot contain a column of `travel.rules`, and what to do instead.
fn fixed_setting(key: &str) -> (&'static str, &'static str) {
    match key {
        "name" => (
            "The suppressions and the known locations of the rule itself apply.",
            "Pass the name of the rule as the first argument.",
        ),
        "created_by" | "created_at" | "updated_by" | "updated_at" => (
            "The extension maintains this column, and it has no effect on what a rule raises.",
            "Omit the key.",
        ),
        _ => (
            "The events of the rule's own source are evaluated, and they are read with the privileges of its owner.",
            "Create a rule for the other source with travel.create_rule, and pass its name.",
        ),
    }
}
