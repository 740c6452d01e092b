//! Errors in a source, and in the SQL that a caller gives for it.

use crate::pg::report::Report;
use crate::pg::time::looks_like_a_time;
use pgrx::PgSqlErrorCode as Code;

errors! {
    /// A source, or an expression over it, cannot be used for detection.
    pub enum SourceError {
        EmptyRange { since: String, until: String } =>
            Report::error(Code::ERRCODE_INVALID_PARAMETER_VALUE, "time range is empty: since must be before until")
                .detail(format!("The value of since is {since}, and the value of until is {until}."))
                .hint("Pass an earlier since or a later until. NULL leaves a side of the range open."),

        NotFound { oid: u32 } =>
            Report::error(Code::ERRCODE_UNDEFINED_TABLE, format!("relation with OID {oid} does not exist"))
                .hint("Pass the source by its name, for example 'audit.cloudtrail'."),

        NotATable { name: String } =>
            Report::error(Code::ERRCODE_WRONG_OBJECT_TYPE, format!("\"{name}\" is not a table or view"))
                .hint("Pass a table, a partitioned table, a view, a materialized view or a foreign table."),

        NotReadable { name: String, role: String } =>
            Report::error(Code::ERRCODE_INSUFFICIENT_PRIVILEGE, format!("permission denied for source \"{name}\""))
                .detail(format!(
                    "The source is read with the privileges of role {role}, which may not read any of its columns."
                ))
                .hint(format!("Ask the owner to run GRANT SELECT ON {name} TO {role}.")),

        ColumnsNotAnObject { found: &'static str } =>
            Report::error(Code::ERRCODE_INVALID_PARAMETER_VALUE, "columns must be a JSON object")
                .detail(format!("The value is {found}."))
                .hint(
                    "Pass an object, for example {\"event_time\": \"created_at\", \"source_ip\": \"(payload->>'ip')\"}.",
                ),

        ColumnsKey { key: String, known: String } =>
            Report::error(Code::ERRCODE_INVALID_PARAMETER_VALUE, format!("unrecognized key in columns: \"{key}\""))
                .hint(format!("Use one of the keys {known}.")),

        ColumnsValue { key: String, found: &'static str } =>
            Report::error(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("value of key \"{key}\" in columns must be a string"),
            )
            .detail(format!("The value is {found}."))
            .hint("Write the name of a column, or an SQL expression in parentheses."),

        ColumnNotFound { key: String, name: String, source: String, available: String } =>
            Report::error(
                Code::ERRCODE_UNDEFINED_COLUMN,
                format!("column \"{name}\" does not exist in \"{source}\""),
            )
            .detail(format!("The key \"{key}\" in columns names it. The source has the columns {available}."))
            .hint("Name one of these columns, or write an SQL expression in parentheses."),

        ColumnType { column: String, is: String, wanted: &'static str, hint: String } =>
            Report::error(Code::ERRCODE_DATATYPE_MISMATCH, format!("column \"{column}\" has the unsupported type {is}"))
                .detail(format!("The column must be {wanted}."))
                .hint(hint),

        RecordAndDocument =>
            Report::error(Code::ERRCODE_INVALID_PARAMETER_VALUE, "columns must not contain both record and document")
                .hint("Use record if each row holds one CloudTrail record, and document if it can hold several."),

        /// `wanted`: each layout with the columns by which it is recognized. `several`: columns that hold documents.
        LayoutNotRecognized { source: String, available: String, wanted: String, several: Option<String> } =>
            Report::error(Code::ERRCODE_UNDEFINED_COLUMN, format!("layout of \"{source}\" is not recognized"))
                .detail(match several {
                    Some(several) => format!(
                        "Several columns contain CloudTrail documents: {several}. The source has the columns {available}."
                    ),
                    None => format!(
                        "The source has the columns {available}. These layouts were looked for, each by its columns: \
                         {wanted}; documents: one column of JSON or text that contains CloudTrail documents."
                    ),
                })
                .hint(
                    "Name the columns in the argument columns, for example {\"event_time\": \"created_at\", \
                     \"source_ip\": \"(payload->>'ip')\"}. If a column contains CloudTrail documents: \
                     {\"document\": \"the_column\"}.",
                ),

        EntitySyntax { argument: &'static str, entity: String } =>
            Report::error(Code::ERRCODE_INVALID_NAME, format!("invalid list of column names in {argument}: \"{entity}\""))
                .hint(if looks_like_a_time(&entity) {
                    "The second argument is the entity. Pass a time range by name: since => '2026-03-01', until => \
                     '2026-03-02'."
                } else {
                    "Write SQL identifiers separated by commas, for example 'access_key_id' or 'account_id, session_name'."
                }),

        NoEntityColumn { name: String, source: String, available: String, hint: String } =>
            Report::error(
                Code::ERRCODE_UNDEFINED_COLUMN,
                format!("column \"{name}\" for the entity does not exist in \"{source}\""),
            )
            .detail(format!("The source has the columns {available}."))
            .hint(hint),

        NoTimeColumn { source: String, available: String } =>
            Report::error(
                Code::ERRCODE_UNDEFINED_COLUMN,
                format!("column \"event_time\" does not exist in \"{source}\""),
            )
            .detail(format!("The source has the columns {available}."))
            .hint("Name the column of the time in columns: {\"event_time\": \"the_column\"}."),

        NoPlaceColumn { source: String, available: String } =>
            Report::error(
                Code::ERRCODE_UNDEFINED_COLUMN,
                format!("no address and no pair of coordinates found in \"{source}\""),
            )
            .detail(format!(
                "Detection needs source_ip, source_text, or latitude and longitude. The source has the columns {available}."
            ))
            .hint("Name the column of the address in columns: {\"source_ip\": \"the_column\"}."),

        /// `what` is "condition", or "columns." and a key.
        NotOneExpression { what: String, text: String } =>
            Report::error(Code::ERRCODE_SYNTAX_ERROR, format!("{what} is not a single SQL expression"))
                .detail(format!("The text is: {text}"))
                .hint("Write an expression that could follow WHERE, without further clauses or statements."),

        ExpressionIsAStar { what: String, text: String } =>
            Report::error(Code::ERRCODE_SYNTAX_ERROR, format!("{what} must be a single value, not a star"))
                .detail(format!("A star stands for several columns. The text is: {text}"))
                .hint("Name one column: (s.the_column)."),

        ExpressionIsARow { what: String, text: String } =>
            Report::error(Code::ERRCODE_SYNTAX_ERROR, format!("{what} must be a single value, not a row"))
                .detail(format!("The text is: {text}"))
                .hint("Name one column, (s.the_column), or one field of the row, ((s.the_row).the_field)."),

        /// PostgreSQL refuses the expression. `available` is empty where the source was not looked at.
        ExpressionFailed { code: Code, what: String, text: String, message: String, available: String } =>
            Report::error(code, format!("invalid {what}: {message}"))
                .detail(format!("The text is: {text}"))
                .hint(if available.is_empty() {
                    "Write one SQL expression that could follow WHERE.".to_owned()
                } else {
                    format!("The expression can use the columns of the source: {available}.")
                }),

        ValueTooLarge { is: String, bytes: usize, most: usize } =>
            Report::error(
                Code::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
                format!("a value of type {is} is too large to be converted to text"),
            )
            .detail(format!("It has {bytes} bytes, and the limit is {most}, because the conversion cannot be canceled."))
            .hint("In columns, give an expression that returns a part of the value, or exclude the row by the condition."),

        TooManyRows =>
            Report::error(Code::ERRCODE_PROGRAM_LIMIT_EXCEEDED, "too many rows for one entity")
                .detail("The events of the entity, as one process sends them to another, would exceed the limit of 1 GB for a value.")
                .hint("Run the statement in one process: SET max_parallel_workers_per_gather = 0."),

        DamagedCounts =>
            Report::error(Code::ERRCODE_INVALID_BINARY_REPRESENTATION, "invalid counts of rows")
                .detail("The value is not a result of travel_internal.entity_coverage or travel_internal.coverage_sum.")
                .hint("Call travel.coverage."),

        /// `function` is "detect", "detect_sql" or "coverage".
        TimeAsEntity { function: &'static str } =>
            Report::error(
                Code::ERRCODE_UNDEFINED_FUNCTION,
                format!("second argument of travel.{function} must be an entity, not a time"),
            )
            .hint(format!(
                "Pass a time range by name: travel.{function}('cloudtrail', since => '2026-03-01', until => '2026-03-02')."
            )),
    }
}
