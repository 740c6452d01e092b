//! Everything is read back with the reader that the extension uses.

use super::*;
use maxminddb::Reader;

fn read(writer: &Writer) -> Reader<Vec<u8>> {
    reader(writer.to_bytes().unwrap())
}

fn reader(file: Vec<u8>) -> Reader<Vec<u8>> {
    let reader = Reader::from_source(file).unwrap();
    reader.verify().unwrap();
    reader
}

fn json(reader: &Reader<Vec<u8>>, address: &str) -> Option<serde_json::Value> {
    reader.lookup(address.parse().unwrap()).unwrap().decode().unwrap()
}

fn network(reader: &Reader<Vec<u8>>, address: &str) -> String {
    reader.lookup(address.parse().unwrap()).unwrap().network().unwrap().to_string()
}

#[test]
fn every_kind_of_value_comes_back() {
    let value = Value::map([
        ("text", Value::text("São Paulo")),
        ("long", Value::text("x".repeat(300))),
        ("longer", Value::text("y".repeat(70_000))),
        ("double", Value::Double(-33.8688)),
        ("float", Value::Float(1.5)),
        ("u16", Value::U16(1000)),
        ("zero", Value::U16(0)),
        ("u32", Value::U32(4_200_000_000)),
        ("i32", Value::I32(-7)),
        ("u64", Value::U64(u64::MAX)),
        ("yes", Value::Bool(true)),
        ("no", Value::Bool(false)),
        (
            "list",
            Value::Array(vec![Value::U16(1), Value::text("two"), Value::map([("three", Value::U16(3))])]),
        ),
    ]);
    let mut writer = Writer::new("Test", IpVersion::V6, 1);
    writer.insert("192.0.2.0/24", &value).unwrap();
    let found = json(&read(&writer), "192.0.2.7").unwrap();
    let expected = serde_json::json!({
        "text": "São Paulo", "long": "x".repeat(300), "longer": "y".repeat(70_000), "double": -33.8688, "float": 1.5,
        "u16": 1000, "zero": 0, "u32": 4_200_000_000u32, "i32": -7, "u64": u64::MAX, "yes": true, "no": false,
        "list": [1, "two", {"three": 3}]
    });
    assert_eq!(found, expected);
}

#[test]
fn both_address_families_in_one_tree_and_each_record_size() {
    let mut writer = Writer::new("Test", IpVersion::V6, 1);
    writer.insert("192.0.2.0/24", &Value::text("four")).unwrap();
    writer.insert("2001:db8::/32", &Value::text("six")).unwrap();
    for (bits, size) in [(24, 24), (28, 28), (32, 32)] {
        let reader = reader(writer.to_bytes_with(bits).unwrap());
        assert_eq!(reader.metadata().record_size, size);
        assert_eq!(json(&reader, "192.0.2.1").unwrap(), "four");
        assert_eq!(json(&reader, "2001:db8::1").unwrap(), "six");
        assert_eq!(json(&reader, "192.0.3.1"), None);
        assert_eq!(network(&reader, "192.0.2.1"), "192.0.2.0/24");
        assert_eq!(network(&reader, "2001:db8::1"), "2001:db8::/32");
    }
}

#[test]
fn the_last_network_wins() {
    let mut writer = Writer::new("Test", IpVersion::V4, 1);
    writer.insert("10.0.0.0/8", &Value::text("wide")).unwrap();
    writer.insert("10.1.0.0/16", &Value::text("narrow")).unwrap();
    writer.insert("11.1.0.0/16", &Value::text("narrow")).unwrap();
    writer.insert("11.0.0.0/8", &Value::text("wide")).unwrap();
    let reader = read(&writer);
    assert_eq!(json(&reader, "10.0.0.1").unwrap(), "wide");
    assert_eq!(json(&reader, "10.2.0.1").unwrap(), "wide");
    assert_eq!(json(&reader, "10.1.2.3").unwrap(), "narrow");
    assert_eq!(json(&reader, "11.1.0.1").unwrap(), "wide");
}

#[test]
fn pointers_of_every_length() {
    // Texts that fill the section past 2^11, 2^19 and 2^27 would take 128 MB: the first three forms are enough here.
    let mut writer = Writer::new("Test", IpVersion::V4, 1);
    for i in 0..40_000u32 {
        let own = format!("a text of its own, number {i}");
        let value = Value::map([("own", Value::text(&own)), ("again", Value::text(&own))]);
        writer.insert_prefix(IpAddr::from((i << 8).to_be_bytes()), 24, &value).unwrap();
    }
    let reader = read(&writer);
    for i in (0..40_000u32).step_by(997) {
        let address = IpAddr::from(((i << 8) + 1).to_be_bytes()).to_string();
        let expected = format!("a text of its own, number {i}");
        assert_eq!(json(&reader, &address).unwrap(), serde_json::json!({"own": expected, "again": expected}));
    }
}

#[test]
fn the_last_form_of_a_pointer() {
    let mut bytes = Vec::new();
    pointer(&mut bytes, 0xf123_4567);
    assert_eq!(bytes, [0b0011_1000, 0xf1, 0x23, 0x45, 0x67]);
}

#[test]
fn what_is_no_network_is_refused() {
    let mut writer = Writer::new("Test", IpVersion::V4, 1);
    for network in ["192.0.2.0", "192.0.2.0/33", "192.0.2.0/0", "x/8", "192.0.2.0/x"] {
        assert!(matches!(writer.insert(network, &Value::U16(1)), Err(Error::NoNetwork(_))), "{network}");
    }
    assert!(matches!(writer.insert("2001:db8::/32", &Value::U16(1)), Err(Error::NotInTree(_))));
}

#[test]
fn equal_values_are_stored_once() {
    let mut writer = Writer::new("Test", IpVersion::V4, 1);
    let value = Value::map([("a key of some length", Value::text("a value of some length"))]);
    writer.insert("10.0.0.0/8", &value).unwrap();
    let once = writer.data.bytes.len();
    writer.insert("11.0.0.0/8", &value).unwrap();
    assert_eq!(writer.data.bytes.len(), once);
}
