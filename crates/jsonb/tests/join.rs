//! Joining values gives the bytes that a builder makes of the whole text.

use proptest::prelude::*;
use serde_json::{Value, json};
use travel_jsonb::Builder;
use travel_jsonb::join::{TextAndList, TooLarge};

const COLLECTION: TextAndList = TextAndList { text: ("type", "FeatureCollection"), list: "features" };

fn joined(elements: &[Vec<u8>]) -> (Vec<u8>, usize) {
    let size = COLLECTION.size(elements.iter().map(Vec::len)).unwrap();
    let (mut out, mut ticks) = (vec![0xff; size], 0);
    COLLECTION.write(&mut out, elements.iter().map(Vec::as_slice), || ticks += 1);
    (out, ticks)
}

fn assert_equal(elements: &[Value]) {
    let build = |value: &Value| Builder::default().build(&value.to_string()).map(<[u8]>::to_vec).unwrap();
    let parts: Vec<Vec<u8>> = elements.iter().map(build).collect();
    let whole = build(&json!({ "type": "FeatureCollection", "features": elements }));
    assert_eq!(joined(&parts), (whole, elements.len()));
}

#[test]
fn no_element_is_an_empty_list() {
    assert_equal(&[]);
}

#[test]
fn every_32nd_element_has_an_offset() {
    for count in [1, 31, 32, 33, 64, 65, 1000] {
        assert_equal(&(0..count).map(|n| json!({ "n": n, "text": "x".repeat(n % 7) })).collect::<Vec<_>>());
    }
}

#[test]
fn a_value_beyond_the_limit_of_jsonb_is_refused() {
    assert_eq!(COLLECTION.size([0x0fff_ffff - 64].into_iter()), Ok(0x0fff_ffff - 64 + 60));
    assert_eq!(COLLECTION.size([0x0fff_ffff; 2].into_iter()), Err(TooLarge));
}

proptest! {
    #[test]
    fn elements_of_any_length_are_joined_as_a_builder_joins_them(
        lengths in prop::collection::vec((0_usize..70, any::<bool>()), 0..200),
    ) {
        let element = |(length, is_list): (usize, bool)| {
            let text = "é".repeat(length);
            if is_list { json!([text, length]) } else { json!({ "text": text }) }
        };
        assert_equal(&lengths.into_iter().map(element).collect::<Vec<_>>());
    }
}
