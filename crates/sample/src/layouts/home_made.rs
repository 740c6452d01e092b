//! Tables that people make themselves, as projects in the wild have them: the names of a record in `snake_case`, and
//! `userIdentity` as jsonb with its own keys, or as some columns.

use super::event::{Event, Field, always};
use super::table::{Column, Table};

/// A table with the addresses of a column of inet as text: `192.0.2.5/32`. It has the names that this extension uses.
/// Service names are not addresses.
pub fn inet_as_text(events: &[Event]) -> Table {
    const COLUMNS: &[Column] = &[
        ("event_id", "text", |event| event.text("eventID")),
        ("event_time", "timestamptz", Event::iso_time),
        ("event_name", "text", |event| event.text("eventName")),
        ("event_source", "text", |event| event.text("eventSource")),
        ("aws_region", "text", |event| event.text("awsRegion")),
        ("account_id", "text", |event| event.text("userIdentity.accountId")),
        ("source_ip", "text", |event| {
            let address = event.address()?;
            Some(format!("{address}/{}", if address.is_ipv4() { 32 } else { 128 }))
        }),
        ("identity_type", "text", |event| event.text("userIdentity.type")),
        ("principal_id", "text", |event| event.text("userIdentity.principalId")),
        ("arn", "text", |event| event.text("userIdentity.arn")),
        ("user_name", "text", |event| event.text("userIdentity.userName")),
        ("access_key_id", "text", |event| event.text_or_null("userIdentity.accessKeyId")),
        ("invoked_by", "text", |event| event.text("userIdentity.invokedBy")),
        ("user_agent", "text", |event| event.text("userAgent")),
        ("error_code", "text", |event| event.text("errorCode")),
        ("error_message", "text", |event| event.text("errorMessage")),
        ("response_elements", "jsonb", |event| event.json("responseElements")),
    ];
    Table::of("cloudtrail_events", COLUMNS, events)
}

/// A monitoring platform's table. It has no error codes and no error messages, so the three requests with a wrong
/// signature look like requests of the key's holder.
pub fn monitoring(events: &[Event]) -> Table {
    const COLUMNS: &[Column] = &[
        ("id", "serial PRIMARY KEY", |event| Some((event.number + 1).to_string())),
        ("event_id", "varchar(64)", |event| event.text("eventID")),
        ("event_time", "timestamp NOT NULL", Event::plain_time),
        ("event_date", "date NOT NULL", |event| event.iso_time()?.get(..10).map(str::to_owned)),
        ("event_name", "varchar(255)", |event| event.text("eventName")),
        ("event_source", "varchar(255)", |event| event.text("eventSource")),
        ("event_version", "varchar(32)", |event| event.text("eventVersion")),
        ("aws_region", "varchar(64)", |event| event.text("awsRegion")),
        ("source_ip_address", "varchar(64)", |event| event.text("sourceIPAddress")),
        ("user_agent", "text", |event| event.text("userAgent")),
        ("read_only", "boolean", |event| event.text("readOnly")),
        ("management_event", "boolean", |event| event.text("managementEvent")),
        ("user_identity", "jsonb", |event| event.json("userIdentity")),
        ("request_parameters", "jsonb", |event| event.json("requestParameters")),
        ("response_elements", "jsonb", |event| event.json("responseElements")),
        ("resources", "jsonb", |event| event.json("resources")),
        ("created_at", "timestamp DEFAULT now()", Event::plain_arrival),
    ];
    Table::of("cloudtrail_events", COLUMNS, events)
}

/// A table of several accounts. It has no responses and no error messages, so a failed sign-in shows only in the
/// missing access key.
pub fn accounts(events: &[Event]) -> Table {
    const COLUMNS: &[Column] = &[
        ("account_id", "varchar(12)", |event| event.text("recipientAccountId")),
        ("event_id", "varchar(64)", |event| event.text("eventID")),
        ("event_time", "timestamptz", Event::iso_time),
        ("event_name", "varchar(255)", |event| event.text("eventName")),
        ("event_source", "varchar(255)", |event| event.text("eventSource")),
        ("aws_region", "varchar(32)", |event| event.text("awsRegion")),
        ("user_identity", "jsonb", |event| event.json("userIdentity")),
        ("username", "varchar(255)", Event::username),
        ("source_ip", "varchar(45)", |event| event.text("sourceIPAddress")),
        ("user_agent", "text", |event| event.text("userAgent")),
        ("error_code", "varchar(255)", |event| event.text("errorCode")),
    ];
    Table::of("cloudtrail_events", COLUMNS, events)
}

/// A table whose `event_id` is a key of another table; the id of the event is `cloudtrail_event_id`. It has no error
/// codes and no error messages. Service names are not addresses.
pub fn foreign_key(events: &[Event]) -> Table {
    const COLUMNS: &[Column] = &[
        ("id", "uuid PRIMARY KEY", |event| Some(event.uuid().to_string())),
        ("event_id", "uuid NOT NULL", |event| {
            Some(crate::rng::Rng::new(event.number + (1 << 32)).uuid().to_string())
        }),
        ("event_time", "timestamp NOT NULL", Event::plain_time),
        ("event_name", "varchar(255) NOT NULL", |event| event.text("eventName")),
        ("event_source", "varchar(255) NOT NULL", |event| event.text("eventSource")),
        ("aws_region", "varchar(50) NOT NULL", |event| event.text("awsRegion")),
        ("source_ip", "inet", |event| event.address().map(|address| address.to_string())),
        ("user_identity", "jsonb", |event| event.json("userIdentity")),
        ("request_parameters", "jsonb", |event| event.json("requestParameters")),
        ("response_elements", "jsonb", |event| event.json("responseElements")),
        ("cloudtrail_event_id", "varchar(255)", |event| event.text("eventID")),
        ("event_type", "varchar(100)", |event| event.text("eventType")),
        ("management_event", "boolean", |event| event.text("managementEvent")),
        ("recipient_account_id", "varchar(20)", |event| event.text("recipientAccountId")),
        ("event_category", "varchar(100)", |event| event.text("eventCategory")),
        ("created_at", "timestamp DEFAULT CURRENT_TIMESTAMP", Event::plain_arrival),
    ];
    Table::of("cloudtrail", COLUMNS, events)
}

/// A table with the record in `raw_log`. The other columns have neither the access key nor the id of the event.
pub fn raw_log(events: &[Event]) -> Table {
    const COLUMNS: &[Column] = &[
        ("log_id", "uuid", |event| Some(event.uuid().to_string())),
        ("timestamp", "timestamptz NOT NULL", Event::iso_time),
        ("user_identity_type", "varchar(100)", |event| event.text("userIdentity.type")),
        ("user_identity_arn", "varchar(500)", |event| event.text("userIdentity.arn")),
        ("user_identity_principal_id", "varchar(255)", |event| event.text("userIdentity.principalId")),
        ("event_name", "varchar(255) NOT NULL", |event| event.text("eventName")),
        ("event_source", "varchar(255)", |event| event.text("eventSource")),
        ("event_type", "varchar(50)", |event| event.text("eventType")),
        ("aws_region", "varchar(50)", |event| event.text("awsRegion")),
        ("aws_account_id", "varchar(20)", |event| event.text("recipientAccountId")),
        ("request_parameters", "jsonb", |event| event.json("requestParameters")),
        ("response_elements", "jsonb", |event| event.json("responseElements")),
        ("resources", "jsonb", |event| event.json("resources")),
        ("error_code", "varchar(255)", |event| event.text("errorCode")),
        ("error_message", "text", |event| event.text("errorMessage")),
        ("source_ip", "inet", |event| event.address().map(|address| address.to_string())),
        ("user_agent", "text", |event| event.text("userAgent")),
        ("read_only", "boolean", |event| event.text("readOnly")),
        ("api_version", "varchar(50)", |event| event.text("apiVersion")),
        ("session_issuer", "varchar(500)", |event| {
            event.text("userIdentity.sessionContext.sessionIssuer.arn")
        }),
        ("mfa_used", "boolean", mfa_used),
        ("raw_log", "jsonb", |event| Some(event.text.clone())),
    ];
    Table::of("aws_cloudtrail_logs", COLUMNS, events)
}

/// A table with the record as text in `raw_event`. The other columns have no access key.
pub fn raw_event(events: &[Event]) -> Table {
    const COLUMNS: &[Column] = &[
        ("event_time", "timestamp", Event::plain_time),
        ("event_name", "varchar", |event| event.text("eventName")),
        ("event_source", "varchar", |event| event.text("eventSource")),
        ("aws_region", "varchar", |event| event.text("awsRegion")),
        ("source_ip_address", "varchar", |event| event.text("sourceIPAddress")),
        ("user_agent", "varchar", |event| event.text("userAgent")),
        ("user_identity_type", "varchar", |event| event.text("userIdentity.type")),
        ("user_identity_arn", "varchar", |event| event.text("userIdentity.arn")),
        ("user_identity_account_id", "varchar", |event| event.text("userIdentity.accountId")),
        ("request_parameters", "varchar", |event| event.json("requestParameters")),
        ("response_elements", "varchar", |event| event.json("responseElements")),
        ("error_code", "varchar", |event| event.text("errorCode")),
        ("error_message", "varchar", |event| event.text("errorMessage")),
        ("read_only", "boolean", |event| event.text("readOnly")),
        ("event_type", "varchar", |event| event.text("eventType")),
        ("recipient_account_id", "varchar", |event| event.text("recipientAccountId")),
        ("raw_event", "varchar", |event| Some(event.text.clone())),
    ];
    Table::of("cloudtrail_events", COLUMNS, events)
}

/// Whether a second factor was used, as far as the session tells.
fn mfa_used(event: &Event) -> Field {
    event.text("userIdentity.sessionContext.attributes.mfaAuthenticated").or_else(|| always("false"))
}
