//! What the API LookupEvents returns: a few fields of an event, and the record as JSON text.

use super::event::{Event, Field, always};
use super::table::{Column, Table};
use serde_json::json;

/// Steampipe's `aws_cloudtrail_lookup_event`, copied by `CREATE TABLE AS`. `start_time`, `end_time`, `resource_name`
/// and `resource_type` repeat conditions of the query, which had none. `account_id` and `region` are those that were
/// queried.
pub fn steampipe(events: &[Event]) -> Table {
    const COLUMNS: &[Column] = &[
        ("event_id", "text", |event| event.text("eventID")),
        ("event_name", "text", |event| event.text("eventName")),
        ("event_source", "text", |event| event.text("eventSource")),
        ("read_only", "text", |event| event.text("readOnly")),
        ("access_key_id", "text", access_key_id),
        ("event_time", "timestamptz", Event::iso_time),
        ("end_time", "timestamptz", |_| None),
        ("start_time", "timestamptz", |_| None),
        ("resource_name", "text", |_| None),
        ("resource_type", "text", |_| None),
        ("username", "text", Event::username),
        ("resources", "jsonb", |_| always("[]")),
        ("cloud_trail_event", "jsonb", |event| Some(event.text.clone())),
        ("title", "text", |event| event.text("eventName")),
        ("partition", "text", |_| always("aws")),
        ("region", "text", |event| event.text("awsRegion")),
        ("account_id", "text", |event| event.text("recipientAccountId")),
    ];
    Table::of("aws_cloudtrail_lookup_event", &[COLUMNS, STEAMPIPE].concat(), events)
}

/// The columns at the end of each of Steampipe's tables.
pub const STEAMPIPE: &[Column] = &[
    ("sp_connection_name", "text", |_| always("aws")),
    ("sp_ctx", "jsonb", steampipe_context),
    ("_ctx", "jsonb", steampipe_context),
];

fn steampipe_context(_: &Event) -> Field {
    always(r#"{"connection_name": "aws", "steampipe": {"sdk_version": "5.11.0"}}"#)
}

/// CloudQuery's `aws_cloudtrail_events`. The record is an object, and `event_time` has no zone but is in UTC.
pub fn cloudquery(events: &[Event]) -> Table {
    const COLUMNS: &[Column] = &[
        ("_cq_sync_time", "timestamp", |_| always("2026-03-09 06:00:00")),
        ("_cq_source_name", "text", |_| always("aws")),
        ("_cq_id", "uuid PRIMARY KEY", |event| Some(event.uuid().to_string())),
        ("_cq_parent_id", "uuid", |_| None),
        ("account_id", "text", |event| event.text("recipientAccountId")),
        ("region", "text", |event| event.text("awsRegion")),
        ("cloud_trail_event", "jsonb", |event| Some(event.text.clone())),
        ("event_time", "timestamp", Event::plain_time),
        ("access_key_id", "text", access_key_id),
        ("event_id", "text", |event| event.text("eventID")),
        ("event_name", "text", |event| event.text("eventName")),
        ("event_source", "text", |event| event.text("eventSource")),
        ("read_only", "text", |event| event.text("readOnly")),
        ("resources", "jsonb", |_| always("[]")),
        ("username", "text", Event::username),
    ];
    Table::of("aws_cloudtrail_events", COLUMNS, events)
}

/// Airbyte's `management_events`. Names have the case of the API, times are seconds since 1970 as numeric, and the
/// record is JSON text.
pub fn airbyte(events: &[Event]) -> Table {
    const COLUMNS: &[Column] = &[
        ("_airbyte_raw_id", "varchar", |event| Some(event.uuid().to_string())),
        ("_airbyte_extracted_at", "timestamptz", Event::iso_arrival),
        ("_airbyte_meta", "jsonb", |_| always(r#"{"sync_id": 1, "changes": []}"#)),
        ("_airbyte_generation_id", "bigint", |_| always("0")),
        ("EventId", "varchar", |event| event.text("eventID")),
        ("EventName", "varchar", |event| event.text("eventName")),
        ("EventTime", "numeric", |event| Some(format!("{}.0", event.time.0))),
        ("ReadOnly", "varchar", |event| event.text("readOnly")),
        ("Username", "varchar", Event::username),
        ("Resources", "jsonb", |_| always("[]")),
        ("AccessKeyId", "varchar", access_key_id),
        ("EventSource", "varchar", |event| event.text("eventSource")),
        ("CloudTrailEvent", "varchar", |event| Some(event.text.clone())),
    ];
    Table::of("management_events", COLUMNS, events)
}

/// The raw table of Airbyte's PostgreSQL destination, version 2, which is in the schema `airbyte_internal`.
pub fn airbyte_raw(events: &[Event]) -> Table {
    const COLUMNS: &[Column] = &[
        ("_airbyte_raw_id", "varchar", |event| Some(event.uuid().to_string())),
        ("_airbyte_data", "jsonb", airbyte_data),
        ("_airbyte_extracted_at", "timestamptz", Event::iso_arrival),
        ("_airbyte_loaded_at", "timestamptz", |_| None),
        ("_airbyte_meta", "jsonb", |_| always(r#"{"changes": []}"#)),
    ];
    Table::of("public_raw__stream_management_events", COLUMNS, events)
}

/// The raw table of Airbyte's PostgreSQL destination, version 1.
pub fn airbyte_raw_1(events: &[Event]) -> Table {
    const COLUMNS: &[Column] = &[
        ("_airbyte_ab_id", "varchar PRIMARY KEY", |event| Some(event.uuid().to_string())),
        ("_airbyte_data", "jsonb", airbyte_data),
        ("_airbyte_emitted_at", "timestamptz", Event::iso_arrival),
    ];
    Table::of("_airbyte_raw_management_events", COLUMNS, events)
}

/// The console's Event history as CSV, copied into a table with the names of its header. An empty field is NULL. It
/// has no error message and no response. If a service made a call, only the user agent shows it, or an address such as
/// `athena.amazonaws.com`.
pub fn console_csv(events: &[Event]) -> Table {
    const COLUMNS: &[Column] = &[
        ("User name", "text", Event::username),
        ("AWS access key", "text", access_key_id),
        ("Event time", "text", Event::iso_time),
        ("Event source", "text", |event| event.text("eventSource")),
        ("Event name", "text", |event| event.text("eventName")),
        ("AWS region", "text", |event| event.text("awsRegion")),
        ("Source IP address", "text", |event| event.text("sourceIPAddress")),
        ("User agent", "text", |event| event.text("userAgent")),
        ("Error code", "text", |event| event.text("errorCode")),
        ("Resources", "text", |_| always("[]")),
        ("Request ID", "text", |event| event.text("requestID")),
        ("Event ID", "text", |event| event.text("eventID")),
        ("Read-only", "text", |event| event.text("readOnly")),
        ("Event type", "text", |event| event.text("eventType")),
        ("Recipient Account Id", "text", |event| event.text("recipientAccountId")),
        ("Event category", "text", |event| event.text("eventCategory")),
    ];
    Table::of("event_history", COLUMNS, events)
}

/// The same file, imported by a tool that writes names in `snake_case` and finds types. An empty field is an empty
/// text.
pub fn console_csv_snake_case(events: &[Event]) -> Table {
    const COLUMNS: &[Column] = &[
        ("user_name", "text", |event| Some(event.username().unwrap_or_default())),
        ("aws_access_key", "text", |event| Some(access_key_id(event).unwrap_or_default())),
        ("event_time", "timestamptz", Event::iso_time),
        ("event_source", "text", |event| event.text_or_empty("eventSource")),
        ("event_name", "text", |event| event.text_or_empty("eventName")),
        ("aws_region", "text", |event| event.text_or_empty("awsRegion")),
        ("source_ip_address", "text", |event| event.text_or_empty("sourceIPAddress")),
        ("user_agent", "text", |event| event.text_or_empty("userAgent")),
        ("error_code", "text", |event| event.text_or_empty("errorCode")),
        ("resources", "text", |_| always("[]")),
        ("request_id", "text", |event| event.text_or_empty("requestID")),
        ("event_id", "text", |event| event.text_or_empty("eventID")),
        ("read_only", "boolean", |event| event.text("readOnly")),
        ("event_type", "text", |event| event.text_or_empty("eventType")),
        ("recipient_account_id", "text", |event| event.text_or_empty("recipientAccountId")),
        ("event_category", "text", |event| event.text_or_empty("eventCategory")),
    ];
    Table::of("event_history", COLUMNS, events)
}

/// The access key as the API returns it, which omits an empty one.
pub fn access_key_id(event: &Event) -> Field {
    event.text_or_null("userIdentity.accessKeyId")
}

/// What the API returns for an event, with its time in seconds since 1970, as the SDKs read it.
fn airbyte_data(event: &Event) -> Field {
    let data = json!({
        "EventId": event.text("eventID"),
        "EventName": event.text("eventName"),
        "EventTime": event.time.0,
        "ReadOnly": event.text("readOnly"),
        "Username": event.username(),
        "Resources": [],
        "AccessKeyId": access_key_id(event),
        "EventSource": event.text("eventSource"),
        "CloudTrailEvent": event.text,
    });
    Some(data.to_string())
}
