//! The Elastic Common Schema, as Elastic's integration for CloudTrail fills it. A document has no empty fields. The
//! source `event.original`, which is the record, is not kept by default.

use super::event::Event;
use super::structs::java_text;
use super::table::{Table, flattened};
use serde_json::{Map, Value, json};

/// Fields of the type `flattened`, whose content stays an object.
const WHOLE: &[&str] = &[
    "aws.cloudtrail.flattened.additional_eventdata",
    "aws.cloudtrail.flattened.request_parameters",
    "aws.cloudtrail.flattened.response_elements",
];

/// Columns are named `aws.cloudtrail.user_identity.arn`.
pub fn dotted(events: &[Event]) -> Table {
    let objects: Vec<_> = events.iter().map(|event| flattened(&document(event), ".", WHOLE)).collect();
    let types = [("@timestamp", "timestamptz"), ("event.created", "timestamptz")];
    Table::of_objects("logs-aws.cloudtrail-default", &types, &objects)
}

/// Columns are named `aws_cloudtrail_user_identity_arn`.
pub fn underscored(events: &[Event]) -> Table {
    let renamed = |(name, value): (String, Value)| (name.replace('.', "_"), value);
    let objects: Vec<Map<_, _>> = events
        .iter()
        .map(|event| flattened(&document(event), ".", WHOLE).into_iter().map(renamed).collect())
        .collect();
    let types = [("@timestamp", "timestamptz"), ("event_created", "timestamptz")];
    Table::of_objects("logs_aws_cloudtrail", &types, &objects)
}

/// A column for each field at the top: `aws`, `event`, `source`.
pub fn nested(events: &[Event]) -> Table {
    let objects: Vec<_> = events.iter().map(document).collect();
    Table::of_objects("logs_aws_cloudtrail", &[("@timestamp", "timestamptz")], &objects)
}

fn document(event: &Event) -> Map<String, Value> {
    let at = |path: &str| event.value(path).cloned().unwrap_or_default();
    let java = |path: &str| event.value(path).map(java_text);
    let failed = event.value("errorCode").is_some() || event.value("errorMessage").is_some();
    let is_sign_in = event.is("eventSource", "signin.amazonaws.com");
    let yes = |path: &str| event.text(path).map(|text| text == "Yes");
    let issuer = "userIdentity.sessionContext.sessionIssuer";
    // The user of a session is its role.
    let user_name =
        event.value("userIdentity.userName").or_else(|| event.value(&format!("{issuer}.userName")));
    let document = json!({
        "@timestamp": event.iso_time().map(|time| time.replace('Z', ".000Z")),
        "ecs": {"version": "8.11.0"},
        "data_stream": {"type": "logs", "dataset": "aws.cloudtrail", "namespace": "default"},
        "event": {
            "action": at("eventName"), "provider": at("eventSource"), "id": at("eventID"), "kind": "event",
            "category": if is_sign_in { json!(["authentication"]) } else { Value::Null },
            "type": ["info"],
            "outcome": if failed { "failure" } else { "success" },
            "created": event.iso_arrival(),
        },
        "cloud": {"region": at("awsRegion"), "account": {"id": at("userIdentity.accountId")}, "provider": "aws"},
        "source": {
            "address": at("sourceIPAddress"), "ip": event.address().map(|address| address.to_string()),
        },
        "user": {"id": at("userIdentity.principalId"), "name": user_name},
        "related": {"user": user_name.map(|name| json!([name]))},
        "user_agent": {"original": at("userAgent")},
        "aws": {"cloudtrail": {
            "event_version": at("eventVersion"),
            "event_type": at("eventType"),
            "event_category": at("eventCategory"),
            "management_event": event.text("managementEvent"),
            "read_only": at("readOnly"),
            "request_id": at("requestID"),
            "recipient_account_id": at("recipientAccountId"),
            "vpc_endpoint_id": at("vpcEndpointId"),
            "error_code": at("errorCode"),
            "error_message": at("errorMessage"),
            "request_parameters": java("requestParameters"),
            "response_elements": java("responseElements"),
            "additional_eventdata": java("additionalEventData"),
            "flattened": {
                "request_parameters": at("requestParameters"),
                "response_elements": at("responseElements"),
                "additional_eventdata": at("additionalEventData"),
            },
            "console_login": if is_sign_in { json!({"additional_eventdata": {
                "login_to": at("additionalEventData.LoginTo"),
                "mfa_used": yes("additionalEventData.MFAUsed"),
                "mobile_version": yes("additionalEventData.MobileVersion"),
            }}) } else { Value::Null },
            "user_identity": {
                "type": at("userIdentity.type"),
                "arn": at("userIdentity.arn"),
                "access_key_id": at("userIdentity.accessKeyId"),
                "invoked_by": at("userIdentity.invokedBy"),
                "session_context": {
                    "mfa_authenticated": at("userIdentity.sessionContext.attributes.mfaAuthenticated"),
                    "creation_date": event.text("userIdentity.sessionContext.attributes.creationDate")
                        .map(|time| time.replace('Z', ".000Z")),
                    "session_issuer": {
                        "type": at(&format!("{issuer}.type")),
                        "arn": at(&format!("{issuer}.arn")),
                        "principal_id": at(&format!("{issuer}.principalId")),
                        "account_id": at(&format!("{issuer}.accountId")),
                    },
                },
            },
        }},
    });
    match without_empty(document) {
        Some(Value::Object(entries)) => entries,
        _ => Map::new(),
    }
}

/// A value without empty parts. `None` if nothing is left.
fn without_empty(value: Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::Object(entries) => {
            let entries: Map<_, _> =
                entries.into_iter().filter_map(|(key, value)| Some((key, without_empty(value)?))).collect();
            (!entries.is_empty()).then_some(Value::Object(entries))
        }
        Value::Array(elements) => {
            let elements: Vec<_> = elements.into_iter().filter_map(without_empty).collect();
            (!elements.is_empty()).then_some(Value::Array(elements))
        }
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_has_no_empty_fields() {
        let value = json!({"a": "", "b": {"c": null}, "d": [{"e": ""}], "f": false, "g": {"h": "1"}});
        assert_eq!(without_empty(value), Some(json!({"f": false, "g": {"h": "1"}})));
        assert_eq!(without_empty(json!({"a": {}})), None);
    }

    #[test]
    fn a_response_is_the_text_of_a_java_map() {
        assert_eq!(java_text(&json!({"ConsoleLogin": "Failure"})), "{ConsoleLogin=Failure}");
    }
}
