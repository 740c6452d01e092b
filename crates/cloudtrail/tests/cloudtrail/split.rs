use std::io::Read;

use proptest::prelude::*;
use serde_json::{Value, json};
use travel_cloudtrail::{Item, Records, SplitError, Splitter, documents, read_json, records};

use crate::arbitrary::any_json;

/// A reader that returns a few bytes at a time.
struct Portions<'t> {
    rest: &'t [u8],
    size: usize,
}

impl Read for Portions<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let (now, later) = self.rest.split_at(self.size.min(self.rest.len()).min(into.len()));
        into[..now.len()].copy_from_slice(now);
        self.rest = later;
        Ok(now.len())
    }
}

/// The parts of a text: the id of each record and, in angle brackets, anything else.
fn split(text: &str, size: usize) -> Vec<String> {
    let mut splitter = Splitter::new(Portions { rest: text.as_bytes(), size });
    let (mut found, mut position) = (Vec::new(), 0);
    loop {
        let broken = match splitter.next_item() {
            Ok(None) => return found,
            Ok(Some(Item::Document(document))) => match read_json(document) {
                Ok(document) => {
                    found.extend(elements(&document));
                    None
                }
                Err(_) => Some("<json>".to_owned()),
            },
            Ok(Some(Item::Element(element))) => {
                match read_json(element) {
                    Ok(element) => {
                        let mut records = Records::of_element(&element, position);
                        found.extend(names(&mut records));
                        position = records.elements_so_far();
                    }
                    Err(_) => found.push("<json>".to_owned()),
                }
                None
            }
            Err(SplitError::Broken(broken)) => Some(format!("<{broken}>")),
            Err(SplitError::Read(error)) => panic!("{error}"),
        };
        if let Some(broken) = broken {
            found.push(broken);
            if !splitter.skip_broken().unwrap() {
                found.push("<end>".to_owned());
                return found;
            }
        }
    }
}

fn names<'a>(records: &mut Records<'a, &'a Value>) -> Vec<String> {
    let name = |record: Result<travel_cloudtrail::RecordNode<&Value>, _>| match record {
        Ok(record) => record.event_lenient().event_id.unwrap_or("-").to_owned(),
        Err(_) => "<bad>".to_owned(),
    };
    records.map(name).collect()
}

/// The same by the parsed document.
fn elements(document: &Value) -> Vec<String> {
    match records(document) {
        Ok(mut found) => names(&mut found),
        Err(_) => vec!["<document>".to_owned()],
    }
}

fn parsed(text: &str) -> Vec<String> {
    documents(text.as_bytes())
        .flat_map(|document| document.map_or_else(|_| vec!["<json>".to_owned()], |it| elements(&it)))
        .collect()
}

fn record(id: &str) -> Value {
    json!({"eventVersion": "1.08", "eventID": id, "eventTime": "2023-07-10T11:45:00Z", "note": "}]\\\" {[ \u{e9}"})
}

#[test]
fn every_wrapping_is_split_into_the_same_records() {
    let (a, b) = (record("a"), record("b"));
    let lookup = |record: &Value| json!({"EventId": "x", "CloudTrailEvent": record.to_string()});
    for document in [
        json!({"Records": [a, b]}),
        json!({"first": {"Records": [1]}, "Records": [a, b], "last": ["]", {"Records": []}]}),
        json!([a, b]),
        json!([{"Records": [a]}, {"Records": []}, {"detail": b}]),
        json!({"Events": [lookup(&a), lookup(&b)], "NextToken": "t"}),
        json!({"Records": [{"Records": [a]}, {"Events": [lookup(&b)]}]}),
    ] {
        for text in [document.to_string(), serde_json::to_string_pretty(&document).unwrap()] {
            for size in [1, 2, 3, 7, 64, text.len()] {
                assert_eq!(split(&text, size), ["a", "b"], "{size} {text}");
            }
        }
    }
}

#[test]
fn a_document_that_is_no_list_stays_whole() {
    let detail = json!({"detail-type": "AWS API Call via CloudTrail", "detail": record("a")});
    let text = format!("{detail}\n{}\n{}", record("b"), json!({"Records": 7}));
    assert_eq!(split(&text, 5), ["a", "b", "<document>"]);
    // It is a record by its other keys, whatever its list is.
    let odd = r#"{"eventID": "c", "eventTime": "2023-07-10T11:45:00Z", "Records": [{"eventID": "d"}]}"#;
    assert_eq!(split(odd, 5), ["c"]);
}

#[test]
fn a_list_that_turns_out_to_belong_to_a_record_is_an_error() {
    let odd = r#"{"Records": [{"eventID": "d"}], "eventID": "c"}"#;
    assert_eq!(
        split(odd, 5),
        ["d", "<an object that is both a list of records and something else at line 1>", "<end>"]
    );
}

#[test]
fn documents_may_follow_each_other_in_any_layout() {
    let (a, b) = (json!({"Records": [record("a")]}), record("b"));
    for text in [
        format!("{a}\n{b}\n"),
        format!("\u{FEFF}{a}\r\n\r\n{b}"),
        format!("{a}{b}"),
        format!(
            " {} {}",
            serde_json::to_string_pretty(&a).unwrap(),
            serde_json::to_string_pretty(&b).unwrap()
        ),
    ] {
        for size in [1, 2, 100, text.len()] {
            assert_eq!(split(&text, size), ["a", "b"], "{size} {text}");
        }
    }
    assert_eq!(split("", 1), Vec::<String>::new());
    assert_eq!(split(" \n\n", 1), Vec::<String>::new());
}

#[test]
fn a_broken_line_ends_no_ndjson() {
    for cut in ["{\"eventID\":\"cut", "{\"eventID\": {\"a\": 1}", "{\"a\": [1, ", "{\"a\" 1}", "rubbish", "]"]
    {
        for line in 0..4 {
            let mut lines: Vec<String> = (0..4).map(|n| record(&n.to_string()).to_string()).collect();
            lines[line] = cut.to_owned();
            let found = split(&lines.join("\n"), 9);
            let good: Vec<&String> = found.iter().filter(|id| !id.starts_with('<')).collect();
            let wanted: Vec<String> = (0..4).filter(|n| *n != line).map(|n| n.to_string()).collect();
            assert_eq!(good, wanted.iter().collect::<Vec<_>>(), "{cut}: {found:?}");
            assert_eq!(found.len(), 4, "{cut}: {found:?}");
        }
    }
}

#[test]
fn a_broken_document_over_many_lines_ends_the_text() {
    let text = "{\n  \"Records\": [\n    {\"eventID\": \"a\"},\n    {\"eventID\": \"b\"\n";
    assert_eq!(split(text, 4), ["a", "<unexpected end of the text at line 5>", "<end>"]);
    assert_eq!(split("no JSON\nat all\n", 4), ["<expected a value at line 1>", "<end>"]);
}

#[test]
fn an_element_that_is_no_record_does_not_end_the_list() {
    let text = format!("[7, null, \"x\", [1], {{}}, {{\"a\": tru}}, {}, -1.5e3]", record("b"));
    assert_eq!(split(&text, 3), ["<bad>", "<bad>", "<bad>", "<bad>", "<bad>", "<json>", "b", "<bad>"]);
}

/// Ends after as many bytes as it is long, and never holds them.
struct Endless<'t> {
    text: &'t [u8],
    at: usize,
}

impl Read for Endless<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        for byte in &mut *into {
            *byte = self.text[self.at];
            self.at = (self.at + 1).min(self.text.len() - 1);
        }
        Ok(into.len())
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes hours under Miri")]
fn what_never_ends_is_an_error() {
    for text in
        ["{\"Records\": [{\"a\": \"x", "[", "{\"a\": 1", "\"x", "{\"a\": [", "{\"Records\": [], \"z\": \"x"]
    {
        let mut splitter = Splitter::new(Endless { text: text.as_bytes(), at: 0 });
        let error = loop {
            match splitter.next_item() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("{text} ended"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, SplitError::Broken(_)), "{text}: {error:?}");
    }
}

proptest! {
    #[test]
    fn a_split_text_has_the_elements_of_its_documents(
        values in proptest::collection::vec(any_json(), 1..4), pretty in any::<bool>(), size in 1_usize..40
    ) {
        let write = |value: &Value| if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
        let text = values.iter().map(|value| write(value).unwrap()).collect::<Vec<_>>().join("\n");
        let found = split(&text, size);
        // A list beside keys of a record: only the parsed document shows it at once.
        prop_assume!(!found.iter().any(|it| it.starts_with("<an object that is both")));
        prop_assert_eq!(found, parsed(&text));
    }

    #[test]
    fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "([\\[{\":, \n1]|\\{\"eventID\":\"a\"\\}){0,60}", size in 1_usize..9) {
        for text in [bytes.as_slice(), text.as_bytes()] {
            let mut splitter = Splitter::new(Portions { rest: text, size });
            let mut steps = 0;
            loop {
                steps += 1;
                prop_assert!(steps <= 2 * text.len() + 2);
                match splitter.next_item() {
                    Ok(None) => break,
                    Ok(Some(_)) => {}
                    Err(_) => if !splitter.skip_broken().unwrap() { break },
                }
            }
        }
    }
}

/// A splitter that reads to the end from each of these lines reads 150 GB, which takes minutes.
#[test]
#[cfg_attr(miri, ignore = "takes hours under Miri")]
fn among_many_lines_that_begin_an_endless_document_those_that_are_documents_are_found() {
    let (document, endless) = (format!("{{\"Records\":[]}}\n{}\n", record("a")), "{\"a\":[\n".repeat(75_000));
    let text = [&document[..], &endless, &document, &endless, &document].concat();
    let found = split(&text, text.len());
    assert_eq!(found.iter().filter(|item| *item == "a").count(), 3);
}
