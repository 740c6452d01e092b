use serde_json::{Value, json};
use travel_cloudtrail::{NotCloudTrail, RecordNode, is_single_record, records};

/// The ids of a document's records, and `!` with the error for an element that is none.
fn ids(document: &Value) -> Result<Vec<String>, NotCloudTrail> {
    let id = |node: RecordNode<&Value>| node.event_lenient().event_id.unwrap_or("-").to_owned();
    Ok(records(document)?.map(|record| record.map_or_else(|bad| format!("!{bad}"), id)).collect())
}

fn record(id: &str) -> Value {
    json!({"eventID": id, "eventTime": "2023-07-10T11:45:00Z", "eventName": "GetObject", "eventSource": "s3.amazonaws.com"})
}

fn found(document: Value) -> String {
    ids(&document).unwrap_err().to_string()
}

#[test]
fn every_wrapping_holds_the_same_records() {
    let (a, b) = (record("a"), record("b"));
    let envelope = |record: &Value| json!({"version": "0", "id": "x", "detail-type": "AWS API Call via CloudTrail", "detail": record});
    let lookup =
        |record: &Value| json!({"EventId": "x", "Username": "alice", "CloudTrailEvent": record.to_string()});
    for document in [
        json!({"Records": [a, b]}),
        json!([a, b]),
        json!([envelope(&a), envelope(&b)]),
        json!([a.to_string(), b.to_string()]),
        json!([lookup(&a), {"CloudTrailEvent": b}]),
        json!({"Events": [lookup(&a), lookup(&b)], "NextToken": "t"}),
        json!([{"Records": [a]}, {"Records": []}, {"Events": [lookup(&b)]}]),
        json!([a, envelope(&b).to_string()]),
    ] {
        assert_eq!(ids(&document).unwrap(), ["a", "b"], "{document}");
    }
    for document in [a.clone(), envelope(&a), lookup(&a), json!({"detail": a})] {
        assert_eq!(ids(&document).unwrap(), ["a"], "{document}");
    }
}

#[test]
fn an_envelope_with_a_key_of_a_record_is_still_an_envelope() {
    for envelope in [
        json!({"Records": [record("a"), record("b")], "eventID": "batch"}),
        json!({"Events": [record("a").to_string(), record("b")], "eventSource": "s3"}),
    ] {
        assert_eq!(ids(&envelope).unwrap(), ["a", "b"]);
        assert_eq!(ids(&json!([envelope])).unwrap(), ["a", "b"]);
    }
}

#[test]
fn digests_and_insights_give_no_rows() {
    let insight = |key: &str, value: Value| {
        let mut record = record("i");
        record[key] = value;
        record
    };
    let insights = [
        insight("insightDetails", json!({"state": "Start"})),
        insight("eventCategory", json!("Insight")),
        insight("eventType", json!("AwsCloudTrailInsight")),
    ];
    for insight in insights {
        assert_eq!(ids(&insight).unwrap(), Vec::<String>::new());
        let mixed = json!({"Records": [insight, record("a")]});
        assert_eq!(ids(&mixed).unwrap(), ["a"]);
        let text = json!({"Events": [{"CloudTrailEvent": insight.to_string()}]});
        assert_eq!(ids(&text).unwrap(), Vec::<String>::new());
        assert_eq!(
            ids(&json!({"detail-type": "AWS Insight via CloudTrail", "detail": insight})).unwrap(),
            Vec::<String>::new()
        );
    }
    let digest = json!({"awsAccountId": "1", "digestStartTime": "2023-07-10T11:00:00Z", "logFiles": []});
    assert_eq!(ids(&digest).unwrap(), Vec::<String>::new());
    for empty in [json!([]), json!({"Records": []}), json!({"Events": []})] {
        assert_eq!(ids(&empty).unwrap(), Vec::<String>::new(), "{empty}");
    }
}

#[test]
fn an_element_that_is_no_record_does_not_end_the_batch() {
    let document = json!({"Records": [record("a"), 7, null, {}, {"x": 1}, {"eventID": "bare"}, record("b")]});
    assert_eq!(
        ids(&document).unwrap(),
        [
            "a",
            "!element 2 is not a CloudTrail record: a number (7)",
            "!element 3 is not a CloudTrail record: null",
            "!element 4 is not a CloudTrail record: an empty object",
            "!element 5 is not a CloudTrail record: an object with the keys x",
            "bare",
            "b"
        ]
    );
}

#[test]
fn a_string_that_holds_no_record_says_what_it_holds() {
    let document = json!({"Events": [{"CloudTrailEvent": "{oops"}, {"CloudTrailEvent": "[1]"}, {"CloudTrailEvent": null}]});
    let ids = ids(&document).unwrap();
    assert!(
        ids[0].starts_with(
            "!element 1 is not a CloudTrail record: a string that is not JSON (key must be a string at line 1"
        ),
        "{}",
        ids[0]
    );
    assert_eq!(ids[1], "!element 2 is not a CloudTrail record: a string that holds an array");
    assert_eq!(ids[2], "!element 3 is not a CloudTrail record: an object with the keys CloudTrailEvent");
}

#[test]
fn anything_else_is_an_error_that_says_what_was_found() {
    assert_eq!(found(json!(null)), "not a CloudTrail document: null");
    assert_eq!(found(json!(7)), "not a CloudTrail document: a number (7)");
    assert_eq!(found(json!("{\"Records\": []}")), "not a CloudTrail document: a string ({\"Records\": []})");
    assert_eq!(found(json!({})), "not a CloudTrail document: an empty object");
    assert_eq!(
        found(json!({"f": 1, "e": 1, "d": 1, "c": 1, "b": 1, "a": 1})),
        "not a CloudTrail document: an object with the keys a, b, c, d, e, ..."
    );
    for document in
        [json!({"Records": {}}), json!({"Records": null}), json!({"eventTime": "2023-07-10T11:45:00Z"})]
    {
        assert!(ids(&document).is_err(), "{document}");
    }
}

#[test]
fn other_services_notifications_are_no_records() {
    let s3 = json!({"eventVersion": "2.1", "eventSource": "aws:s3", "eventTime": "2023-07-10T11:45:00Z", "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "x"}, "s3": {}});
    assert!(ids(&s3).is_err());
    assert!(ids(&json!({"Records": [s3]})).unwrap()[0].starts_with('!'));
    let guard_duty =
        json!({"detail-type": "GuardDuty Finding", "detail": {"schemaVersion": "2.0", "id": "x"}});
    assert!(ids(&guard_duty).is_err() || ids(&guard_duty).unwrap()[0].starts_with('!'));
}

#[test]
fn what_log_shippers_store_is_found_under_their_keys() {
    let (a, b) = (record("a"), record("b"));
    let file = json!({"Records": [a, b]});
    let lines = format!("{a}\n{b}\n");
    for shipment in [
        json!({"log": file.to_string(), "date": 1704996177.0}),
        json!({"message": lines, "log_type": "x"}),
        json!({"message": json!([a, b]).to_string()}),
        json!({"message": [a, {"detail": b}]}),
        json!({"@timestamp": "2024-01-11T18:02:57Z", "event": {"original": file.to_string()}}),
        json!({"messageType": "DATA_MESSAGE", "logEvents": [{"id": "1", "message": a.to_string()}, {"id": "2"},
            {"id": "3", "message": json!({"detail": b}).to_string()}]}),
        json!([{"log": a.to_string()}, {"log": b}]),
        json!({"Records": [{"log": a.to_string()}, b]}),
        json!({"log": json!({"message": lines}).to_string()}),
    ] {
        assert_eq!(ids(&shipment).unwrap(), ["a", "b"], "{shipment}");
    }
}

#[test]
fn other_lines_of_a_log_are_no_records() {
    for text in ["GET / HTTP/1.1", "7", "", "\"text\""] {
        assert_eq!(found(json!({"log": text})), "not a CloudTrail document: an object with the keys log");
    }
    let events = json!({"logEvents": [
        {"message": "START"}, {"message": record("a").to_string()}, {"message": "{\"Records\": ["}, {"message": "{\"x\": 1}"},
        {"message": record("b").to_string()}]});
    let ids = ids(&events).unwrap();
    let positions: Vec<&str> = ids.iter().map(|id| id.split(':').next().unwrap()).collect();
    let bad = |n| format!("!element {n} is not a CloudTrail record");
    assert_eq!(positions, [&bad(1), "a", &bad(3), &bad(4), "b"]);
    assert!(ids[2].contains("a string that is not JSON (EOF"), "{}", ids[2]);
    assert!(ids[3].ends_with("an object with the keys x"), "{}", ids[3]);
}

#[test]
fn a_record_with_a_message_is_itself_the_record() {
    let mut record = record("a");
    record["message"] = json!({"Records": [{"eventID": "inner", "eventTime": "2023-07-10T11:45:00Z"}]});
    assert_eq!(ids(&record).unwrap(), ["a"]);
}

#[test]
fn a_record_in_an_envelope_is_not_a_single_record() {
    assert!(is_single_record(&record("a")));
    for other in [
        json!({"detail": record("a")}),
        json!([record("a")]),
        json!({"Records": [record("a")]}),
        json!({"eventID": "a"}),
        json!(null),
    ] {
        assert!(!is_single_record(&other), "{other}");
    }
}
