//! Which texts a builder reads, and that a text does not change what comes of the next one. A test in the server compares
//! its bytes with those of PostgreSQL.

use proptest::prelude::*;
use serde_json::Value;
use travel_jsonb::Builder;

fn build(text: &str) -> Option<Vec<u8>> {
    Builder::default().build(text).map(<[u8]>::to_vec)
}

#[test]
fn an_object_is_its_header_its_entries_and_its_data() {
    let mut expected = Vec::new();
    // An object with two members; the first entry has an offset; the key "b" is shorter than "aa".
    for word in [0x2000_0002_u32, 0x8000_0001, 2, 0x3000_0000, 0x0000_0001] {
        expected.extend(word.to_ne_bytes());
    }
    expected.extend(b"baax");
    assert_eq!(build(r#" {"aa": "x", "b": true} "#), Some(expected));
}

#[test]
#[cfg_attr(miri, ignore = "takes hours under Miri")]
fn what_postgresql_must_read_is_left_to_it() {
    for text in [
        "",
        " ",
        "1",
        "\"x\"",
        "null",
        "{",
        "[1",
        "[1,]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "[1] 2",
        "[01]",
        "[-]",
        "[1.5]",
        "[1e3]",
        "[1234567890123456789]",
        "[tru]",
        "[truex]",
        "[\"\\x\"]",
        "[\"\\u00\"]",
        "[\"\\u0000\"]",
        "[\"\\ud800\"]",
        "[\"\\ud800\\u0041\"]",
        "[\"\\udc00\"]",
        "[\"a\nb\"]",
        "[\"a",
        "[\"\\\"",
        "[1 2]",
        "{1: 2}",
        "\u{FEFF}[]",
        "[+1]",
        "[\u{b}]",
    ] {
        assert_eq!(build(text), None, "{text}");
    }
    // What is kept of a text is bounded.
    assert_eq!(build(&format!("[{}1]", "1,".repeat(600_000))), None);
    assert_eq!(build(&format!("{{{}\"a\":1}}", "\"a\":1,".repeat(600_000))), None);
    assert_eq!(build(&format!("{}{}", "[".repeat(65), "]".repeat(65))), None);
    assert!(build(&format!("{}{}", "[".repeat(64), "]".repeat(64))).is_some());
}

#[test]
#[cfg_attr(miri, ignore = "takes hours under Miri")]
fn everything_else_is_built() {
    assert!(build(&format!("[{}1]", "1,".repeat(500_000))).is_some());
    for text in [
        "[]",
        "{}",
        "[0, -0, -1, 123456789012345678]",
        r#"["\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00é"]"#,
        "[null,true,false,\"\"]",
    ] {
        assert!(build(text).is_some(), "{text}");
    }
}

proptest! {
    #[test]
    fn nothing_is_built_that_is_not_json(text in "[\\[\\]{}\",:0-9a-z\\\\ .-]{0,40}") {
        let is_json = serde_json::from_str::<Value>(&text).is_ok();
        prop_assert!(build(&text).is_none() || is_json, "{}", text);
    }

    #[test]
    fn a_builder_forgets_what_it_built(first in ".{0,40}", second in "[\\[\\]{}\",:0-9a-z\\\\ .-]{0,40}") {
        let texts = [format!("[{}]", Value::from(first)), second];
        let mut builder = Builder::default();
        for text in texts.iter().chain(texts.iter().rev()) {
            prop_assert_eq!(builder.build(text).map(<[u8]>::to_vec), build(text));
        }
    }
}
