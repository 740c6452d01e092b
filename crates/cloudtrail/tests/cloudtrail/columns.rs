//! A table without records has the same fields in columns. What is derived from them equals what `parse` says of the
//! record.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};
use travel_cloudtrail::{Event, Identity, Outcome, Report, known, outcome, parse_lenient, struct_text};

/// A field of a record as a column of type text.
fn column(record: &Value, path: &str) -> Option<String> {
    match record.pointer(path)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// `(session_name, principal, actor)` from the columns of a table, in which every text stands as the record has it. Each
/// is computed from the columns that its SQL function takes.
fn names_from_columns(record: &Value) -> [Option<String>; 3] {
    let identity = |key: &str| column(record, &format!("/userIdentity/{key}"));
    let columns =
        ["type", "userName", "principalId", "arn", "sessionContext/sessionIssuer/arn", "onBehalfOf/userId"];
    let columns = columns.map(identity);
    let [identity_type, user_name, principal_id, arn, session_issuer_arn, on_behalf_of] =
        columns.each_ref().map(|text| text.as_deref());
    let of_session = Identity { identity_type, user_name, principal_id, arn, ..Identity::default() }.known();
    let of_principal = Identity { arn, session_issuer_arn, ..Identity::default() }.known();
    let of_actor =
        Identity { identity_type, arn, session_issuer_arn, on_behalf_of, ..Identity::default() }.known();
    let session_name = of_session.session_name();
    let names = [session_name, of_principal.principal(), of_actor.actor(session_name)];
    names.map(|name| name.map(str::to_owned))
}

/// The outcome from the columns of a table, with its structures as JSON.
fn outcome_from_columns(
    record: &Value,
    response: Option<&Value>,
    service_details: Option<&Value>,
) -> Outcome {
    let text = |key: &str| column(record, &format!("/{key}"));
    let columns = ["eventSource", "eventName", "errorCode", "errorMessage"].map(text);
    let [event_source, event_name, error_code, error_message] =
        columns.each_ref().map(|text| text.as_deref().and_then(known));
    outcome(&Report { event_source, event_name, error_code, error_message, response, service_details })
}

/// A structure as Athena and Elastic write it, if all its values are texts.
fn as_struct_text(value: &Value) -> Option<String> {
    let entry = |(key, value): (&String, &Value)| Some(format!("{key}={}", value.as_str()?));
    let entries: Option<Vec<String>> = value.as_object()?.iter().map(entry).collect();
    Some(format!("{{{}}}", entries?.join(", ")))
}

/// Asserts that the columns of a record give what `parse` says of it, in each form in which tools write structures.
pub fn assert_columns_agree(record: &Value) {
    let event = parse_lenient(record);
    let [response, details] = ["responseElements", "serviceEventDetails"].map(|key| record.get(key));
    assert_eq!(outcome_from_columns(record, response, details), event.outcome, "{record}");
    let forms: [fn(&Value) -> Option<String>; 2] = [|value| Some(value.to_string()), as_struct_text];
    for form in forms {
        let read = |value: Option<&Value>| match value {
            Some(value) => form(value).map(|text| struct_text(&text)),
            None => Some(None),
        };
        if let (Some(response), Some(details)) = (read(response), read(details)) {
            let read = outcome_from_columns(record, response.as_ref(), details.as_ref());
            assert_eq!(read, event.outcome, "{record}");
        }
    }
    let names = [event.session_name, event.principal, event.actor].map(|name| name.map(str::to_owned));
    assert_eq!(names_of(&event), names, "{record}");
    // An unauthenticated caller may be marked by an id that not all of the functions take.
    let ids = ["accountId", "principalId"].map(|key| column(record, &format!("/userIdentity/{key}")));
    if !ids.into_iter().flatten().any(|id| id.to_lowercase().starts_with("anonymous")) {
        assert_eq!(names_from_columns(record), names, "{record}");
    }
}

/// The names from the columns of an event, which have no empty and no hidden texts.
fn names_of(event: &Event) -> [Option<String>; 3] {
    let identity = Identity {
        identity_type: event.identity_type,
        user_name: event.user_name,
        principal_id: event.principal_id,
        arn: event.arn,
        session_issuer_arn: event.session_issuer_arn,
        // An event has no column for it. It is the actor of the only type that has it.
        on_behalf_of: event.actor.filter(|_| event.identity_type == Some("IdentityCenterUser")),
        ..Identity::default()
    }
    .known();
    let session_name = identity.session_name();
    [session_name, identity.principal(), identity.actor(session_name)].map(|name| name.map(str::to_owned))
}

const NOTHING: [&str; 2] = ["", "HIDDEN_DUE_TO_SECURITY_REASONS"];
const TYPES: [&str; 9] = [
    "Root",
    "IAMUser",
    "AssumedRole",
    "FederatedUser",
    "IdentityCenterUser",
    "WebIdentityUser",
    "SAMLUser",
    "AWSAccount",
    "Unknown",
];
const ARNS: [&str; 8] = [
    "arn:aws:iam::123456789012:root",
    "arn:aws:iam::123456789012:user/staff/alice",
    "arn:aws:iam::123456789012:role/Deploy",
    "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0",
    "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Admin_0/bob@example.com",
    "arn:aws:sts::123456789012:assumed-role/Deploy/AWSReservedSSO_Admin_0",
    "anonymous",
    "/",
];
const IDS: [&str; 7] =
    ["AIDAEXAMPLE", "AROAEXAMPLE:bob", "AROAEXAMPLE:", "arn:aws:iam::1:x", "Anonymous", "a:b:c", ":"];
const NAMES: [&str; 3] = ["alice", "anonymous", "bob@example.com"];
const SOURCES: [&str; 2] = ["signin.amazonaws.com", "s3.amazonaws.com"];
const EVENTS: [&str; 5] = ["ConsoleLogin", "CheckMfa", "CredentialVerification", "SwitchRole", "GetObject"];
const CODES: [&str; 4] =
    ["AccessDenied", "SignatureDoesNotMatch", "NoSuchKey", "Client.UnauthorizedOperation"];
const RESULTS: [&str; 4] = ["Success", "Failure", "success", "?"];

/// A key with a text of the list or one that counts as absent, or no key.
fn entry(
    key: &'static str,
    texts: &'static [&'static str],
) -> impl Strategy<Value = Option<(String, Value)>> {
    let text = prop_oneof![6 => select(texts), 1 => select(&NOTHING[..])];
    prop_oneof![
        2 => text.prop_map(move |text| Some((key.to_owned(), json!(text)))),
        1 => Just(None),
        1 => Just(Some((key.to_owned(), Value::Null))),
    ]
}

fn object(entries: Vec<Option<(String, Value)>>) -> Value {
    Value::Object(entries.into_iter().flatten().collect::<Map<_, _>>())
}

fn any_identity() -> impl Strategy<Value = Value> {
    let account = prop_oneof![4 => Just("123456789012"), 1 => Just("ANONYMOUS_PRINCIPAL")];
    let flat =
        (entry("type", &TYPES), entry("userName", &NAMES), entry("principalId", &IDS), entry("arn", &ARNS));
    (flat, account, entry("arn", &ARNS), entry("userName", &NAMES), entry("userId", &IDS)).prop_map(
        |((kind, user, id, arn), account, issuer, issuer_name, user_id)| {
            let mut identity = object(vec![kind, user, id, arn]);
            identity["accountId"] = json!(account);
            identity["sessionContext"] = json!({"sessionIssuer": object(vec![issuer, issuer_name])});
            identity["onBehalfOf"] = object(vec![user_id]);
            identity
        },
    )
}

fn any_structure() -> impl Strategy<Value = Value> {
    let result =
        (select(&EVENTS[..]), select(&RESULTS[..])).prop_map(|(event, result)| json!({event: result}));
    prop_oneof![
        4 => result,
        1 => Just(Value::Null),
        1 => Just(json!({"credentials": {"accessKeyId": "ASIAEXAMPLE"}})),
        1 => Just(json!({"ConsoleLogin": ["Success"]})),
    ]
}

fn any_record() -> impl Strategy<Value = Value> {
    let flat = (
        entry("eventSource", &SOURCES),
        entry("eventName", &EVENTS),
        entry("errorCode", &CODES),
        entry("errorMessage", &["Failed authentication"]),
    );
    (flat, any_identity(), any_structure(), any_structure()).prop_map(
        |((source, name, code, message), identity, response, details)| {
            let mut record = object(vec![source, name, code, message]);
            record["userIdentity"] = identity;
            record["responseElements"] = response;
            record["serviceEventDetails"] = details;
            record
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn the_columns_of_a_record_give_what_parse_says_of_it(record in any_record()) {
        assert_columns_agree(&record);
    }
}

#[test]
fn a_structure_is_read_as_json_and_as_the_text_of_a_java_map() {
    for text in [r#"{"ConsoleLogin": "Failure"}"#, "{ConsoleLogin=Failure}", "{a=1, ConsoleLogin=Failure}"] {
        assert_eq!(struct_text(text).unwrap()["ConsoleLogin"], "Failure", "{text}");
    }
    for text in ["", "null", "[]", "ConsoleLogin=Failure"] {
        assert_eq!(struct_text(text), None, "{text}");
    }
}
