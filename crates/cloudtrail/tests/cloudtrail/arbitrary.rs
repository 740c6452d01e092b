//! Nothing that is JSON, and no bytes at all, make the readers panic or disagree.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use travel_cloudtrail::{documents, for_each_event, parse, parse_lenient, records};

const KEYS: [&str; 36] = [
    "Records",
    "Events",
    "CloudTrailEvent",
    "detail",
    "detail-type",
    "eventID",
    "eventTime",
    "eventName",
    "eventSource",
    "eventType",
    "eventCategory",
    "awsRegion",
    "recipientAccountId",
    "sharedEventID",
    "sourceIPAddress",
    "userIdentity",
    "userAgent",
    "errorCode",
    "errorMessage",
    "responseElements",
    "additionalEventData",
    "readOnly",
    "vpcEndpointId",
    "sessionCredentialFromConsole",
    "type",
    "accountId",
    "principalId",
    "arn",
    "userName",
    "accessKeyId",
    "sessionContext",
    "attributes",
    "mfaAuthenticated",
    "sessionIssuer",
    "onBehalfOf",
    "insightDetails",
];

const TEXTS: [&str; 14] = [
    "",
    "HIDDEN_DUE_TO_SECURITY_REASONS",
    "IAMUser",
    "AssumedRole",
    "IdentityCenterUser",
    "AROA:",
    ":",
    "a:b:c",
    "/",
    "arn:aws:sts::1:assumed-role/AWSReservedSSO_A/bob",
    "2023-07-10T11:45:00Z",
    "true",
    "signin.amazonaws.com",
    "10.0.0.1",
];

fn key() -> impl Strategy<Value = String> {
    prop_oneof![8 => proptest::sample::select(&KEYS[..]).prop_map(str::to_owned), 1 => ".{0,8}"]
}

pub fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        proptest::sample::select(&TEXTS[..]).prop_map(Value::from),
        ".{0,30}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 120, 12, |inner| {
        prop_oneof![
            1 => proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            4 => proptest::collection::vec((key(), inner.clone()), 0..14)
                .prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>())),
            1 => inner.prop_map(|inner| Value::from(inner.to_string())),
        ]
    })
}

fn is_known(text: Option<&str>) -> bool {
    text.is_none_or(|text| !text.is_empty() && text != "HIDDEN_DUE_TO_SECURITY_REASONS")
}

proptest! {
    #[test]
    fn any_json_is_read_and_strict_agrees_with_lenient(value in any_json()) {
        let lenient = parse_lenient(&value);
        for text in [&lenient.session_name, &lenient.principal, &lenient.actor, &lenient.access_key_id, &lenient.arn] {
            prop_assert!(is_known(text.as_deref()));
        }
        match parse(&value) {
            Ok(event) => prop_assert_eq!(event, lenient),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn any_document_ends_and_its_wrapping_changes_nothing(value in any_json()) {
        let count = |document: &Value| records(document).map(Iterator::count);
        if let Ok(found) = records(&value) {
            for record in found.flatten() {
                let _ = record.event();
            }
        }
        if let (Ok(alone), true) = (count(&value), value.is_object()) {
            prop_assert_eq!(count(&json!([value])), Ok(alone));
        }
    }

    #[test]
    fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "([\\[{\":, \n1]|\\{\"eventID\":\"a\"\\}){0,60}") {
        for text in [bytes.as_slice(), text.as_bytes()] {
            prop_assert!(documents(text).count() <= text.len());
            let _: Result<(), ()> = for_each_event(text, |_| Ok(()));
        }
    }
}
