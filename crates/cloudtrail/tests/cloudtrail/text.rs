use std::time::{Duration, Instant};

use serde_json::{Value, json};
use travel_cloudtrail::{
    EventError, document_texts, documents, for_each_event, read_json, replace_escapes, replace_nul,
};

fn read(text: &str) -> Vec<Result<Value, String>> {
    documents(text.as_bytes()).map(|document| document.map_err(|error| error.to_string())).collect()
}

#[test]
fn errors_say_line_and_column() {
    let error = read_json(b"{\n  \"a\": oops\n}").unwrap_err();
    assert_eq!(error.to_string(), "expected value at line 2 column 8");
    assert_eq!((error.line, error.column), (2, 8));
}

#[test]
fn one_document_or_several_in_any_layout() {
    let (a, b) = (Ok(json!({"a": 1})), Ok(json!({"b": [2]})));
    for text in [
        "{\"a\":1}\n{\"b\":[2]}\n",
        "{\"a\":1}\r\n\r\n{\"b\":[2]}",
        "{\"a\":1}{\"b\":[2]}",
        "{\n\"a\": 1\n}\n{\n\"b\": [\n2\n]\n}\n",
        "\u{FEFF}{\"a\":1}\n{\n\"b\":[2]}",
    ] {
        assert_eq!(read(text), [a.clone(), b.clone()], "{text}");
    }
    assert_eq!(read("[\n{\"a\":1},\n{\"b\":[2]}\n]\n"), [Ok(json!([{"a": 1}, {"b": [2]}]))]);
    assert_eq!(read(" \n\n"), []);
    assert_eq!(read(""), []);
}

#[test]
fn a_broken_line_ends_no_ndjson() {
    let broken = |line: usize| {
        let mut lines = ["{\"n\":0}", "{\"n\":1}", "{\"n\":2}", "{\"n\":3}"];
        lines[line] = "{\"n\":\"cut";
        read(&lines.join("\n"))
    };
    for line in 0..4 {
        let read = broken(line);
        assert_eq!(read.len(), 4, "{read:?}");
        for (at, document) in read.iter().enumerate() {
            match document {
                Ok(document) => assert_eq!(document["n"], json!(at)),
                Err(error) => assert!(at == line && error.contains(&format!("line {}", line + 1)), "{error}"),
            }
        }
    }
    let two = read("{\"n\":0}\nrubbish\n[1,\n{\"n\":3}");
    assert_eq!(two.iter().filter(|document| document.is_err()).count(), 2, "{two:?}");
    assert_eq!(two.last(), Some(&Ok(json!({"n": 3}))));
}

#[test]
fn a_broken_document_over_many_lines_is_one_error() {
    assert_eq!(read("{\n  \"Records\": [\n    {\"a\": 1},\n    {\"a\": 2}\n").len(), 1);
    assert_eq!(read("no JSON\nat all\n").len(), 1);
}

#[test]
fn numbers_keep_their_text() {
    let text = r#"{"a":12345678901234567890123,"b":1.10,"c":1e5}"#;
    assert_eq!(read_json(text.as_bytes()).unwrap().to_string().replace("1e+5", "1e5"), text);
}

#[test]
fn nul_is_replaced_wherever_it_stands() {
    let mut value = json!({"a\0b": [{"c": "x\0y\0"}], "plain": 1});
    replace_nul(&mut value);
    assert_eq!(value, json!({"a\u{FFFD}b": [{"c": "x\u{FFFD}y\u{FFFD}"}], "plain": 1}));
    assert_eq!(read(r#"{"a":"\u0000"}"#), [Ok(json!({"a": "\u{FFFD}"}))]);
    let read = read_json(br#"{"\u0000":["\u0000", "\\u0000"]}"#).unwrap();
    assert_eq!(read, json!({"\u{FFFD}": ["\u{FFFD}", "\\u0000"]}));
}

#[test]
fn escapes_that_no_text_of_postgresql_holds_are_replaced_and_counted() {
    let cases = [
        (r#"{"a":"x\u0000y"}"#, "{\"a\":\"x\u{FFFD}y\"}", 1),
        (r#"{"\u0000":"\u0000\u0000"}"#, "{\"\u{FFFD}\":\"\u{FFFD}\u{FFFD}\"}", 3),
        (r#"["\uD83D"]"#, "[\"\u{FFFD}\"]", 1),
        (r#"["\ude00 \ud83d"]"#, "[\"\u{FFFD} \u{FFFD}\"]", 2),
        (r#"["\ud83d\u0041"]"#, "[\"\u{FFFD}\\u0041\"]", 1),
        (r#"["\ud83d\ud83d\ude00"]"#, "[\"\u{FFFD}\\ud83d\\ude00\"]", 1),
        (r#"["\ud83d\u0000"]"#, "[\"\u{FFFD}\u{FFFD}\"]", 2),
    ];
    for (text, expected, count) in cases {
        let (replaced, number) = replace_escapes(text);
        assert_eq!((replaced.as_ref(), number), (expected, count), "{text}");
        let read: Result<Value, _> = serde_json::from_str(&replaced);
        assert!(read.is_ok(), "{replaced}");
    }
    // A whole pair, an escaped backslash before what looks like an escape, and what is no JSON stay as they are.
    let kept = [
        r#"["\ud83d\ude00"]"#,
        r#"["\\u0000"]"#,
        r#"["\\\\u0000"]"#,
        r#"["\u000"]"#,
        r#"["\u+000"]"#,
        r"\",
        r"\é",
        r"\u00é",
        "",
    ];
    for text in kept {
        assert_eq!(replace_escapes(text), (text.into(), 0), "{text}");
    }
    assert_eq!(replace_escapes(r#"["\\\u0000"]"#).1, 1);
}

#[test]
#[cfg_attr(miri, ignore = "takes hours under Miri")]
fn the_texts_of_documents_have_no_limit_of_depth() {
    let deep = format!("{}1{}", r#"{"a":"#.repeat(100_000), "}".repeat(100_000));
    let text = format!("{deep}\n{{broken\n{{\"n\": 1e99999}} [\"\\ud83d\"]");
    let texts: Vec<_> = document_texts(&text).collect();
    assert_eq!(texts.len(), 4);
    assert_eq!(
        texts.iter().filter_map(|text| text.as_ref().ok()).copied().collect::<Vec<_>>(),
        [deep.as_str(), "{\"n\": 1e99999}", "[\"\\ud83d\"]"]
    );
    assert!(texts[1].as_ref().unwrap_err().to_string().contains("line 2"));
}

proptest::proptest! {
    #[test]
    fn what_serde_json_reads_without_its_escapes_stays_as_it_is(text in ".*", near in "(\\\\|u|0|d8|dc|[0-9a-f]|é| ){0,30}") {
        for text in [text, near] {
            let quoted = format!("\"{text}\"");
            let (replaced, count) = replace_escapes(&quoted);
            match serde_json::from_str::<String>(&quoted) {
                Ok(read) => {
                    let expected = read.replace('\0', "\u{FFFD}");
                    proptest::prop_assert_eq!(serde_json::from_str::<String>(&replaced).unwrap(), expected);
                    proptest::prop_assert_eq!(count, read.matches('\0').count());
                }
                Err(_) => {
                    // Only what is replaced may have been wrong.
                    if count == 0 {
                        proptest::prop_assert_eq!(replaced.as_ref(), quoted.as_str());
                    }
                }
            }
        }
    }
}

#[test]
fn what_is_wrong_is_reported_and_the_rest_is_read() {
    let text = concat!(
        r#"{"Records":[{"eventID":"a","eventTime":"2023-07-10T11:45:00Z"},7,{"eventID":"b","eventTime":"x"}]}"#,
        "\nrubbish\n{\"no\":1}\n",
        r#"{"Events":[{"CloudTrailEvent":"{\"eventID\":\"c\"}"}]}"#
    );
    let mut seen = Vec::new();
    let outcome: Result<(), ()> = for_each_event(text.as_bytes(), |event| {
        seen.push(match event {
            Ok((record, event)) => {
                assert_eq!(record["eventID"].as_str(), event.event_id);
                event.event_id.unwrap_or_default().to_owned()
            }
            Err(EventError::Json(_)) => "json".to_owned(),
            Err(EventError::Document(_)) => "document".to_owned(),
            Err(EventError::Record(_)) => "record".to_owned(),
            Err(EventError::Parse(error)) => format!("parse {}", error.field),
        });
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
    assert_eq!(seen, ["a", "record", "parse eventTime", "json", "document", "c"]);
}

#[test]
fn the_caller_can_stop() {
    let mut calls = 0;
    let text =
        b"{\"eventID\":\"a\",\"eventTime\":\"2023-07-10\"}\n{\"eventID\":\"b\",\"eventTime\":\"2023-07-10\"}";
    let outcome = for_each_event(text, |_| {
        calls += 1;
        Err("stop")
    });
    assert_eq!((outcome, calls), (Err("stop"), 1));
}

/// A reader whose time grows with the square of the length takes minutes here.
#[test]
#[cfg_attr(miri, ignore = "takes hours under Miri")]
fn the_time_to_read_a_text_is_proportional_to_its_length() {
    for (head, unit) in
        [("{}\n", "[\n"), ("{}\n", "{\"a\":[\n"), ("{}\n", "[[{}]\n"), ("", "{}"), ("{}\n", "{} x {}")]
    {
        let text = format!("{head}{}", unit.repeat((1 << 18) / unit.len()));
        let start = Instant::now();
        let read = document_texts(&text).count();
        assert!(start.elapsed() < Duration::from_secs(60), "{:?} for {unit:?}", start.elapsed());
        assert!(read >= 1, "{unit:?}");
    }
}

#[test]
fn many_broken_lines_hide_no_document() {
    let lines =
        |broken: &str| format!("{{\"n\":0}}\n{}{{\"n\":1}} {{\"n\":2}}\n{{\"n\":3}}", broken.repeat(1000));
    for broken in ["[\n", "{\"a\":[1,\n", "{\"a\":\"cut\n", "x\n"] {
        let read = read(&lines(broken));
        let good: Vec<&Value> = read.iter().filter_map(|document| document.as_ref().ok()).collect();
        assert_eq!(
            good,
            [&json!({"n": 0}), &json!({"n": 1}), &json!({"n": 2}), &json!({"n": 3})],
            "{broken:?}"
        );
        assert_eq!(read.len(), 1004, "{broken:?}");
    }
}
