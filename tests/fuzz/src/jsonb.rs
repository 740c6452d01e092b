//! The bytes of jsonb, which PostgreSQL trusts: they are read here by the rules of utils/jsonb.h and compared with what
//! `serde_json` reads.

use serde_json::{Map, Number, Value, json};
use travel_jsonb::Builder;
use travel_jsonb::format::{
    CONTAINER, COUNT, FALSE, HAS_END, IS_ARRAY, IS_OBJECT, IS_SCALAR, KIND, LENGTH_OR_END, NULL, NUMERIC,
    STRIDE, STRING, TRUE,
};
use travel_jsonb::join::TextAndList;

/// A text of JSON, or any other.
pub fn text(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut builder = Builder::default();
    let Some(bytes) = builder.build(&text).map(<[u8]>::to_vec) else { return };
    let mut expected: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    // PostgreSQL has one zero.
    without_negative_zero(&mut expected);
    assert_eq!(container(&bytes), expected, "{text}");
    assert_eq!(builder.build("[1]").map(<[u8]>::len), Some(16));
    assert_eq!(builder.build(&text), Some(&bytes[..]));
    joined(&bytes, &expected, data.len() % 40);
}

/// Joins copies of a value, and reads what they make.
fn joined(bytes: &[u8], value: &Value, count: usize) {
    let collection = TextAndList { text: ("type", "FeatureCollection"), list: "features" };
    let mut out = vec![0xff; collection.size((0..count).map(|_| bytes.len())).unwrap()];
    collection.write(&mut out, (0..count).map(|_| bytes), || {});
    assert_eq!(container(&out), json!({ "type": "FeatureCollection", "features": vec![value; count] }));
}

fn without_negative_zero(value: &mut Value) {
    match value {
        Value::Number(number) if number.as_str() == "-0" => *number = Number::from(0),
        Value::Array(elements) => elements.iter_mut().for_each(without_negative_zero),
        Value::Object(entries) => entries.values_mut().for_each(without_negative_zero),
        _ => {}
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// Reads a container, which begins at a multiple of 4 bytes.
fn container(bytes: &[u8]) -> Value {
    let header = word(bytes, 0);
    let count = (header & COUNT) as usize;
    assert_eq!(header & IS_SCALAR, 0);
    let is_object = header & IS_OBJECT != 0;
    assert_ne!(is_object, header & IS_ARRAY != 0);
    let entries = if is_object { 2 * count } else { count };
    let data = &bytes[4 + 4 * entries..];
    let mut end = 0_usize;
    let mut children = Vec::with_capacity(entries);
    for n in 0..entries {
        let entry = word(bytes, 4 + 4 * n);
        assert_eq!(entry & HAS_END != 0, n % STRIDE == 0);
        let start = end;
        let number = (entry & LENGTH_OR_END) as usize;
        end = if entry & HAS_END != 0 { number } else { start + number };
        // Numbers and containers begin at a multiple of 4 bytes of the whole, as the data does.
        let padded = start.next_multiple_of(4);
        children.push(match entry & KIND {
            STRING => Value::from(std::str::from_utf8(&data[start..end]).unwrap()),
            NUMERIC => numeric(&data[padded..end]),
            FALSE => Value::from(false),
            TRUE => Value::from(true),
            NULL => Value::Null,
            CONTAINER => container(&data[padded..end]),
            kind => panic!("kind {kind:x}"),
        });
    }
    assert_eq!(end, data.len());
    if !is_object {
        return Value::from(children);
    }
    let values = children.split_off(count);
    let keys: Vec<String> = children.into_iter().map(|key| key.as_str().unwrap().to_owned()).collect();
    let order = |key: &String| (key.len(), key.clone());
    assert!(keys.windows(2).all(|pair| order(&pair[0]) < order(&pair[1])), "{keys:?}");
    keys.into_iter().zip(values).collect::<Map<_, _>>().into()
}

/// Reads a whole number in the short form of numeric.
fn numeric(bytes: &[u8]) -> Value {
    let size = word(bytes, 0);
    assert_eq!(if cfg!(target_endian = "little") { size >> 2 } else { size } as usize, bytes.len());
    let half = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
    let header = half(4);
    assert_eq!(header & 0xC000, 0x8000, "the short form");
    let weight = usize::from(header & 0x3F);
    let digits: Vec<i64> = (6..bytes.len()).step_by(2).map(|at| half(at).into()).collect();
    assert!(digits.iter().all(|digit| (0..10_000).contains(digit)) && digits.first() != Some(&0));
    assert!(digits.last() != Some(&0) && digits.len() <= weight + 1);
    let number = (0..=weight).fold(0, |number, n| number * 10_000 + digits.get(n).unwrap_or(&0));
    Value::from(if header & 0x2000 != 0 { -number } else { number })
}
