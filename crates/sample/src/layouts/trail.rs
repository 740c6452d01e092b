//! Tools that read the files or the log group of a trail, and store the fields of records as columns.

use super::event::{Event, Field, always};
use super::lookup::STEAMPIPE;
use super::structs::{
    Member, StructColumn, composite, composite_types, members, milliseconds, struct_value, text,
};
use super::table::{Column, Table};
use serde_json::{Value, json};

/// Steampipe's `aws_cloudtrail_trail_event`, copied by `CREATE TABLE AS`. Texts of `userIdentity` that a record lacks
/// are empty instead of NULL. `account_id` and `region` are those of the log group.
pub fn steampipe(events: &[Event]) -> Table {
    const COLUMNS: &[Column] = &[
        ("filter", "text", |_| None),
        ("log_group_name", "text", |_| always("organization-trail")),
        ("log_stream_name", "text", |event| {
            Some(format!(
                "o-example_{}_CloudTrail_{}",
                event.text("recipientAccountId")?,
                event.text("awsRegion")?
            ))
        }),
        ("timestamp", "timestamptz", Event::iso_arrival),
        ("timestamp_ms", "bigint", |event| Some((event.arrival().0 * 1000).to_string())),
        ("access_key_id", "text", |event| event.text_or_empty("userIdentity.accessKeyId")),
        ("aws_region", "text", |event| event.text("awsRegion")),
        ("error_code", "text", |event| event.text("errorCode")),
        ("error_message", "text", |event| event.text("errorMessage")),
        ("event_category", "text", |event| event.text("eventCategory")),
        ("event_id", "text", |event| event.text("eventID")),
        ("event_name", "text", |event| event.text("eventName")),
        ("event_source", "text", |event| event.text("eventSource")),
        ("event_time", "timestamptz", Event::iso_time),
        ("event_type", "text", |event| event.text("eventType")),
        ("event_version", "text", |event| event.text("eventVersion")),
        ("read_only", "boolean", |event| event.text("readOnly")),
        ("recipient_account_id", "text", |event| event.text("recipientAccountId")),
        ("request_id", "text", |event| event.text("requestID")),
        ("shared_event_id", "text", |event| event.text("sharedEventID")),
        ("source_ip_address", "text", |event| event.text("sourceIPAddress")),
        ("user_agent", "text", |event| event.text("userAgent")),
        ("user_type", "text", |event| event.text_or_empty("userIdentity.type")),
        ("username", "text", |event| event.text_or_empty("userIdentity.userName")),
        ("user_identifier", "text", |event| event.text_or_empty("userIdentity.arn")),
        ("vpc_endpoint_id", "text", |event| event.text("vpcEndpointId")),
        ("additional_event_data", "jsonb", |event| event.json("additionalEventData")),
        ("cloudtrail_event", "jsonb", |event| Some(event.text.clone())),
        ("request_parameters", "jsonb", |event| event.json("requestParameters")),
        ("response_elements", "jsonb", |event| event.json("responseElements")),
        ("resources", "jsonb", |event| event.json("resources")),
        ("tls_details", "jsonb", |event| event.json("tlsDetails")),
        ("user_identity", "jsonb", |event| {
            let text = |key: &str| event.text(&format!("userIdentity.{key}")).unwrap_or_default();
            let identity = json!({
                "type": text("type"), "userName": text("userName"), "principalId": text("principalId"),
                "arn": text("arn"), "accountId": text("accountId"), "accessKeyId": text("accessKeyId"),
                "identityProvider": "", "invokedBy": text("invokedBy"),
                "sessionContext": event.value("userIdentity.sessionContext"), "webIdFederationData": null,
            });
            Some(identity.to_string())
        }),
        ("partition", "text", |_| always("aws")),
        ("region", "text", |_| always("eu-west-1")),
        ("account_id", "text", |_| always("999999999999")),
    ];
    Table::of("aws_cloudtrail_trail_event", &[COLUMNS, STEAMPIPE].concat(), events)
}

/// `userIdentity` as Tailpipe stores it, with keys in `snake_case`.
const TAILPIPE_IDENTITY: &[Member] = &[
    text("access_key_id", "accessKeyId"),
    text("account_id", "accountId"),
    text("arn", "arn"),
    text("identity_provider", "identityProvider"),
    text("invoked_by", "invokedBy"),
    text("principal_id", "principalId"),
    members(
        "session_context",
        "sessionContext",
        &[
            members(
                "attributes",
                "attributes",
                &[
                    milliseconds("creation_date", "creationDate"),
                    text("mfa_authenticated", "mfaAuthenticated"),
                ],
            ),
            text("ec2_role_delivery", "ec2RoleDelivery"),
            members(
                "session_issuer",
                "sessionIssuer",
                &[
                    text("account_id", "accountId"),
                    text("arn", "arn"),
                    text("principal_id", "principalId"),
                    text("type", "type"),
                    text("user_name", "userName"),
                ],
            ),
        ],
    ),
    text("type", "type"),
    text("user_name", "userName"),
];

const TAILPIPE_TLS: &[Member] = &[
    text("cipher_suite", "cipherSuite"),
    text("client_provided_host_header", "clientProvidedHostHeader"),
    text("tls_version", "tlsVersion"),
];

/// Tailpipe's `aws_cloudtrail_log`, exported by DuckDB, whose times have no zone but are in UTC. Structs are json. An
/// id that the record lacks is an empty text.
pub fn tailpipe_json(events: &[Event]) -> Table {
    tailpipe(
        events,
        ("json", |event| {
            event.value("userIdentity").map(|object| struct_value(TAILPIPE_IDENTITY, object).to_string())
        }),
        ("json", |event| {
            event.value("tlsDetails").map(|object| struct_value(TAILPIPE_TLS, object).to_string())
        }),
    )
}

/// The same table with structs as values of composite types.
pub fn tailpipe_composite(events: &[Event]) -> Table {
    let table = tailpipe(
        events,
        ("user_identity", |event| {
            event.value("userIdentity").map(|object| composite(TAILPIPE_IDENTITY, object))
        }),
        ("tls_details", |event| event.value("tlsDetails").map(|object| composite(TAILPIPE_TLS, object))),
    );
    let types = [("user_identity", TAILPIPE_IDENTITY), ("tls_details", TAILPIPE_TLS)];
    let types = types.into_iter().flat_map(|(name, members)| composite_types(name, members)).collect();
    Table { types, ..table }
}

fn tailpipe(events: &[Event], identity: StructColumn, tls: StructColumn) -> Table {
    let columns: &[Column] = &[
        ("tp_id", "text", |event| Some(event.uuid().to_string())),
        ("tp_source_type", "text", |_| always("aws_s3_bucket")),
        ("tp_ingest_timestamp", "timestamp", |_| always("2026-03-09 06:00:00")),
        ("tp_timestamp", "timestamp", Event::plain_time),
        ("tp_table", "text", |_| always("aws_cloudtrail_log")),
        ("tp_partition", "text", |_| always("organization")),
        ("tp_index", "text", |event| event.text("recipientAccountId")),
        ("tp_date", "date", |event| event.iso_time()?.get(..10).map(str::to_owned)),
        ("tp_source_ip", "text", |event| event.text("sourceIPAddress")),
        ("tp_destination_ip", "text", |_| None),
        ("tp_source_name", "text", |_| None),
        ("tp_source_location", "text", |_| None),
        ("tp_akas", "text[]", |_| None),
        ("tp_ips", "text[]", |event| Some(format!("{{\"{}\"}}", event.text("sourceIPAddress")?))),
        ("tp_tags", "text[]", |_| None),
        ("tp_domains", "text[]", |_| None),
        ("tp_emails", "text[]", |_| None),
        ("tp_usernames", "text[]", |event| Some(format!("{{\"{}\"}}", event.text("userIdentity.userName")?))),
        ("additional_event_data", "json", |event| event.json("additionalEventData")),
        ("api_version", "text", |event| event.text("apiVersion")),
        ("aws_region", "text", |event| event.text("awsRegion")),
        ("edge_device_details", "json", |event| event.json("edgeDeviceDetails")),
        ("error_code", "text", |event| event.text("errorCode")),
        ("error_message", "text", |event| event.text("errorMessage")),
        ("event_category", "text", |event| event.text("eventCategory")),
        ("event_id", "text", |event| event.text_or_empty("eventID")),
        ("event_name", "text", |event| event.text("eventName")),
        ("event_source", "text", |event| event.text("eventSource")),
        ("event_time", "timestamp", Event::plain_time),
        ("event_type", "text", |event| event.text("eventType")),
        ("event_version", "text", |event| event.text("eventVersion")),
        ("management_event", "boolean", |event| event.text("managementEvent")),
        ("read_only", "boolean", |event| event.text("readOnly")),
        ("recipient_account_id", "text", |event| event.text("recipientAccountId")),
        ("request_id", "text", |event| event.text("requestID")),
        ("request_parameters", "json", |event| event.json("requestParameters")),
        ("resources", "json", |event| event.json("resources")),
        ("response_elements", "json", |event| event.json("responseElements")),
        ("service_event_details", "json", |event| event.json("serviceEventDetails")),
        ("session_credential_from_console", "text", |event| event.text("sessionCredentialFromConsole")),
        ("shared_event_id", "text", |event| event.text("sharedEventID")),
        ("source_ip_address", "text", |event| event.text("sourceIPAddress")),
        ("tls_details", tls.0, tls.1),
        ("user_agent", "text", |event| event.text("userAgent")),
        ("user_identity", identity.0, identity.1),
        ("vpc_endpoint_id", "text", |event| event.text_or_empty("vpcEndpointId")),
    ];
    Table::of("aws_cloudtrail_log", columns, events)
}

/// Panther's `aws_cloudtrail`, exported from a data lake whose times have no zone but are in UTC. The fields keep
/// their names.
pub fn panther(events: &[Event]) -> Table {
    const COLUMNS: &[Column] = &[
        ("additionalEventData", "jsonb", |event| event.json("additionalEventData")),
        ("apiVersion", "text", |event| event.text("apiVersion")),
        ("awsRegion", "text", |event| event.text("awsRegion")),
        ("errorCode", "text", |event| event.text("errorCode")),
        ("errorMessage", "text", |event| event.text("errorMessage")),
        ("eventCategory", "text", |event| event.text("eventCategory")),
        ("eventID", "text", |event| event.text("eventID")),
        ("eventName", "text", |event| event.text("eventName")),
        ("eventSource", "text", |event| event.text("eventSource")),
        ("eventTime", "timestamp", Event::plain_time),
        ("eventType", "text", |event| event.text("eventType")),
        ("eventVersion", "text", |event| event.text("eventVersion")),
        ("managementEvent", "boolean", |event| event.text("managementEvent")),
        ("readOnly", "boolean", |event| event.text("readOnly")),
        ("recipientAccountId", "text", |event| event.text("recipientAccountId")),
        ("requestID", "text", |event| event.text("requestID")),
        ("requestParameters", "jsonb", |event| event.json("requestParameters")),
        ("resources", "jsonb", |event| event.json("resources")),
        ("responseElements", "jsonb", |event| event.json("responseElements")),
        ("serviceEventDetails", "jsonb", |event| event.json("serviceEventDetails")),
        ("sharedEventID", "text", |event| event.text("sharedEventID")),
        ("sourceIPAddress", "text", |event| event.text("sourceIPAddress")),
        ("tlsDetails", "jsonb", |event| event.json("tlsDetails")),
        ("userAgent", "text", |event| event.text("userAgent")),
        ("userIdentity", "jsonb", |event| event.json("userIdentity")),
        ("vpcEndpointId", "text", |event| event.text("vpcEndpointId")),
        ("p_event_time", "timestamp", Event::plain_time),
        ("p_parse_time", "timestamp", Event::plain_arrival),
        ("p_log_type", "text", |_| always("AWS.CloudTrail")),
        ("p_row_id", "text", |event| Some(event.uuid().to_string())),
        ("p_source_id", "text", |_| always("5f1b7c1e-0000-4000-8000-000000000000")),
        ("p_source_label", "text", |_| always("organization-trail")),
        ("p_any_aws_account_ids", "jsonb", |event| list(event.text("recipientAccountId"))),
        ("p_any_aws_arns", "jsonb", |event| list(event.text("userIdentity.arn"))),
        ("p_any_ip_addresses", "jsonb", |event| list(event.address().map(|address| address.to_string()))),
        ("p_any_usernames", "jsonb", |event| list(event.text_or_null("userIdentity.userName"))),
    ];
    Table::of("aws_cloudtrail", COLUMNS, events)
}

/// RunReveal's `logs`, exported from ClickHouse, whose texts are never NULL and whose times have no zone but are in
/// UTC. The locations are those that RunReveal found, which does not know the documentation ranges. The keys of `actor`
/// are not documented.
pub fn runreveal(events: &[Event]) -> Table {
    const COLUMNS: &[Column] = &[
        ("workspaceID", "text", |_| always("2f0c2JfN0000000000000000000")),
        ("sourceID", "text", |_| always("2f0c2KgP0000000000000000000")),
        ("sourceType", "text", |_| always("cloudtrail")),
        ("sourceTTL", "bigint", |_| always("90")),
        ("receivedAt", "timestamp", Event::plain_arrival),
        ("id", "text", |event| Some(event.uuid().to_string())),
        ("eventTime", "timestamp", Event::plain_time),
        ("eventName", "text", |event| event.text("eventName")),
        ("eventID", "text", |event| event.text_or_empty("eventID")),
        ("srcIP", "text", |event| Some(event.address().map_or_else(String::new, |ip| ip.to_string()))),
        ("srcASCountryCode", "text", |_| always("")),
        ("srcASNumber", "bigint", |_| always("0")),
        ("srcASOrganization", "text", |_| always("")),
        ("srcCity", "text", |_| always("")),
        ("srcConnectionType", "text", |_| always("")),
        ("srcISP", "text", |_| always("")),
        ("srcLatitude", "double precision", |_| always("0")),
        ("srcLongitude", "double precision", |_| always("0")),
        ("srcUserType", "text", |_| always("")),
        ("dstIP", "text", |_| always("")),
        ("dstASCountryCode", "text", |_| always("")),
        ("dstASNumber", "bigint", |_| always("0")),
        ("dstASOrganization", "text", |_| always("")),
        ("dstCity", "text", |_| always("")),
        ("dstConnectionType", "text", |_| always("")),
        ("dstISP", "text", |_| always("")),
        ("dstLatitude", "double precision", |_| always("0")),
        ("dstLongitude", "double precision", |_| always("0")),
        ("dstUserType", "text", |_| always("")),
        ("actor", "jsonb", |event| {
            let name = event.username();
            Some(json!({"id": event.text("userIdentity.arn").or(name.clone()), "username": name}).to_string())
        }),
        ("tags", "jsonb", |_| always("{}")),
        ("resources", "jsonb", |_| always("[]")),
        ("serviceName", "text", |event| event.text("eventSource")),
        ("readOnly", "boolean", |event| event.text("readOnly")),
        ("rawLog", "text", |event| Some(event.text.clone())),
    ];
    Table::of("logs", COLUMNS, events)
}

/// Fivetran's `event`. It has no response. The names of the columns of `userIdentity` are Fivetran's usual ones, since
/// its documentation does not list them; `raw` is taken to be the record.
pub fn fivetran(events: &[Event]) -> Table {
    let mut columns = FIVETRAN.to_vec();
    columns.push(("raw", "json", |event| Some(event.text.clone())));
    Table::of("event", &columns, events)
}

/// The same table with the column `raw` blocked in Fivetran. The result of a sign-in shows only in `error_message`.
pub fn fivetran_without_raw(events: &[Event]) -> Table {
    Table::of("event", FIVETRAN, events)
}

const FIVETRAN: &[Column] = &[
    ("event_id", "text", |event| event.text("eventID")),
    ("additional_event_data", "json", |event| event.json("additionalEventData")),
    ("api_version", "text", |event| event.text("apiVersion")),
    ("aws_region", "text", |event| event.text("awsRegion")),
    ("error_code", "text", |event| event.text("errorCode")),
    ("error_message", "text", |event| event.text("errorMessage")),
    ("event_category", "text", |event| event.text("eventCategory")),
    ("event_name", "text", |event| event.text("eventName")),
    ("event_source", "text", |event| event.text("eventSource")),
    ("event_time", "timestamptz", Event::iso_time),
    ("event_type", "text", |event| event.text("eventType")),
    ("event_version", "text", |event| event.text("eventVersion")),
    ("hash_raw", "bigint", |event| Some((crate::rng::mix(event.number) >> 1).to_string())),
    ("read_only", "boolean", |event| event.text("readOnly")),
    ("recipient_account_id", "text", |event| event.text("recipientAccountId")),
    ("request_id", "text", |event| event.text("requestID")),
    ("request_parameters", "json", |event| event.json("requestParameters")),
    ("resources", "json", |event| event.json("resources")),
    ("service_event_details", "json", |event| event.json("serviceEventDetails")),
    ("shared_event_id", "text", |event| event.text("sharedEventID")),
    ("source_ip_address", "text", |event| event.text("sourceIPAddress")),
    ("user_agent", "text", |event| event.text("userAgent")),
    ("vpc_endpoint_id", "text", |event| event.text("vpcEndpointId")),
    ("user_identity_type", "text", |event| event.text("userIdentity.type")),
    ("user_identity_principal_id", "text", |event| event.text("userIdentity.principalId")),
    ("user_identity_arn", "text", |event| event.text("userIdentity.arn")),
    ("user_identity_account_id", "text", |event| event.text("userIdentity.accountId")),
    ("user_identity_access_key_id", "text", |event| event.text("userIdentity.accessKeyId")),
    ("user_identity_user_name", "text", |event| event.text("userIdentity.userName")),
    ("user_identity_invoked_by", "text", |event| event.text("userIdentity.invokedBy")),
    ("user_identity_session_context_attributes_mfa_authenticated", "text", |event| {
        event.text("userIdentity.sessionContext.attributes.mfaAuthenticated")
    }),
    ("user_identity_session_context_session_issuer_type", "text", |event| {
        event.text("userIdentity.sessionContext.sessionIssuer.type")
    }),
    ("user_identity_session_context_session_issuer_arn", "text", |event| {
        event.text("userIdentity.sessionContext.sessionIssuer.arn")
    }),
    ("user_identity_session_context_session_issuer_user_name", "text", |event| {
        event.text("userIdentity.sessionContext.sessionIssuer.userName")
    }),
    ("_fivetran_synced", "timestamptz", Event::iso_arrival),
];

/// A JSON array of one text, or NULL.
fn list(text: Field) -> Field {
    text.map(|text| Value::from(vec![text]).to_string())
}
