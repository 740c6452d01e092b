//! Structures written as text.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Value, json};
use travel_cloudtrail::struct_text;

#[test]
fn a_struct_of_athena_is_read_with_its_inner_structs() {
    let text = "{type=AssumedRole, principalid=AROAEXAMPLE:carol@example.com, arn=arn:aws:sts::111122223333:assumed-role/a/b, \
                invokedby=null, username=, sessioncontext={attributes={mfaauthenticated=true, creationdate=2026-03-05T08:00:00Z}, \
                sessionissuer=null}}";
    assert_eq!(
        struct_text(text),
        Some(json!({
            "type": "AssumedRole",
            "principalid": "AROAEXAMPLE:carol@example.com",
            "arn": "arn:aws:sts::111122223333:assumed-role/a/b",
            "invokedby": null,
            "username": "",
            "sessioncontext": {
                "attributes": {"mfaauthenticated": "true", "creationdate": "2026-03-05T08:00:00Z"},
                "sessionissuer": null,
            },
        }))
    );
}

#[test]
fn json_text_is_read_as_json() {
    assert_eq!(
        struct_text(r#" {"type": "Root", "n": 1, "in": {"a": [1]}} "#),
        Some(json!({"type": "Root", "n": 1, "in": {"a": [1]}}))
    );
    assert_eq!(struct_text("{}"), Some(json!({})));
    assert_eq!(struct_text(" { } "), Some(json!({})));
}

#[test]
fn text_in_another_form_is_not_a_structure() {
    for text in [
        "",
        "{",
        "}",
        "null",
        "alice",
        "a=b",
        "{alice}",
        "{IAMUser, AIDAEXAMPLE}",
        "{a=b",
        "{a=b} c",
        "[a=b]",
        "[]",
        "{\"a\": }",
        "{\"a\": 1} x",
        "7",
        "{=b}",
        "{a b=c}",
    ] {
        assert_eq!(struct_text(text), None, "{text}");
    }
}

#[test]
fn a_value_ends_where_the_next_entry_begins() {
    // A session name may contain commas and equals signs, but no blank.
    assert_eq!(
        struct_text("{principalid=AROA:a,type=Root,b==, type=AssumedRole}"),
        Some(json!({"principalid": "AROA:a,type=Root,b==", "type": "AssumedRole"}))
    );
    assert_eq!(struct_text("{a=one, two, b=x}"), Some(json!({"a": "one, two", "b": "x"})));
    assert_eq!(struct_text("{a={not closed, b=x}"), Some(json!({"a": "{not closed", "b": "x"})));
    assert_eq!(struct_text("{a={x}y, b=}z}"), Some(json!({"a": "{x}y", "b": "}z"})));
    assert_eq!(struct_text("{a=[1, {b=2}, []], c=[x}"), Some(json!({"a": ["1", {"b": "2"}, []], "c": "[x"})));
    assert_eq!(struct_text("{a=b}, {c=d}"), Some(json!({"a": "b}, {c=d"})));
}

#[test]
fn a_bracket_without_a_partner_is_text() {
    assert_eq!(struct_text("{a=[x, b={c=1}}"), Some(json!({"a": "[x", "b": {"c": "1"}})));
    assert_eq!(struct_text("{a={b=1, c=2}"), Some(json!({"a": "{b=1", "c": "2"})));
    assert_eq!(struct_text("{o={a=x{y, b=1}, c=2}"), Some(json!({"o": {"a": "x{y", "b": "1"}, "c": "2"})));
    assert_eq!(struct_text("{a=x], b={c=[1]}}"), Some(json!({"a": "x]", "b": {"c": ["1"]}})));
    assert_eq!(struct_text("{a=[[[[[[[[[[[[, b={c=1}}"), Some(json!({"a": "[[[[[[[[[[[[", "b": {"c": "1"}})));
}

#[test]
fn json_within_a_structure_is_read_as_json() {
    // A map of CloudTrail Lake.
    assert_eq!(
        struct_text(
            r#"{credentials={"accessKeyId":"ASIAEXAMPLE","in":{"a":1}}, packedPolicySize=6, list=["x","y"]}"#
        ),
        Some(
            json!({"credentials": {"accessKeyId": "ASIAEXAMPLE", "in": {"a": 1}}, "packedPolicySize": "6", "list": ["x", "y"]})
        )
    );
    assert_eq!(struct_text(r#"{a={"b, c=1}"#), Some(json!({"a": "{\"b", "c": "1"})));
}

#[test]
fn the_last_of_equal_keys_counts_as_in_jsonb() {
    assert_eq!(struct_text("{a=1, a=2}"), Some(json!({"a": "2"})));
}

#[test]
#[cfg_attr(miri, ignore = "takes hours under Miri")]
fn a_structure_that_is_nested_too_deeply_stays_text() {
    let nested = |levels| format!("{}{}", "{a=".repeat(levels), "}".repeat(levels));
    for levels in [33, 34, 100_000] {
        let mut value = struct_text(&nested(levels));
        for _ in 0..32 {
            value = value.and_then(|value| value.get("a").cloned());
        }
        let inner = value.and_then(|value| value.get("a").cloned());
        assert_eq!(
            inner,
            Some(if levels == 33 { json!("") } else { json!(nested(levels - 33)) }),
            "{levels}"
        );
    }
}

#[test]
fn json_that_is_broken_many_times_is_read_as_text() {
    let broken = r#"a={"b":[1, "#.repeat(20);
    assert_eq!(struct_text(&format!("{{{broken}c=2}}")), Some(json!({"a": "{\"b\":[1", "c": "2"})));
}

#[test]
#[cfg_attr(miri, ignore = "takes hours under Miri")]
fn a_text_that_is_longer_than_any_record_is_none() {
    for (before, after) in [("{a=", "}"), ("{\"a\":\"", "\"}")] {
        let text = |length: usize| format!("{before}{}{after}", "x".repeat(length));
        assert!(struct_text(&text(1_000_000)).is_some());
        assert_eq!(struct_text(&text(2_000_000)), None);
    }
}

/// What [`struct_text`] reads, as Java writes it.
fn java(value: &Value) -> String {
    match value {
        Value::Object(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, value)| format!("{key}={}", java(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Array(elements) => format!("[{}]", elements.iter().map(java).collect::<Vec<_>>().join(", ")),
        other => other.as_str().map_or_else(|| other.to_string(), str::to_owned),
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        "[a-zA-Z0-9+=.@_:/-]{1,12}"
            .prop_filter("null is not a text", |text| text != "null")
            .prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map("[a-z_]{1,6}", inner, 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_java_writes_is_read_back(entries in prop::collection::btree_map("[a-z]{1,6}", value(), 0..6)) {
        let value = Value::Object(entries.into_iter().collect());
        prop_assert_eq!(struct_text(&java(&value)), Some(value));
    }

    #[test]
    fn no_text_is_too_odd_to_be_looked_at(text in "[{}\\[\\]=, a\"é]{0,40}") {
        struct_text(&text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// A reader whose time grows with the square of the length takes a minute here.
    #[test]
    #[cfg_attr(miri, ignore = "takes hours under Miri")]
    fn the_time_to_read_a_text_is_proportional_to_its_length(
        head in "[{}\\[\\]=, a\"]{0,8}", unit in "[{}\\[\\]=, a\":]{1,12}", tail in "[{}\\[\\]=, a\"]{0,8}",
        opening in proptest::sample::select(vec!["{a=", "[", "{b=1, a=", "[{a=", ", a=[\"", ", a={\"a\":\"", "{a=}, a="]),
    ) {
        for unit in [unit.as_str(), opening] {
            let text = format!("{{a={head}{}{tail}}}", unit.repeat((128 << 10) / unit.len()));
            let start = Instant::now();
            struct_text(&text);
            prop_assert!(start.elapsed() < Duration::from_secs(20), "{:?} for {unit}", start.elapsed());
        }
    }
}
