//! The address ranges that AWS publishes.

use serde_json::{Value, json};
use travel_cloudtrail::aws_ranges;
use travel_core::network::aws::AwsRange;

fn read(document: &Value) -> Result<Vec<String>, String> {
    let ranges = aws_ranges(document, || ())?;
    let line = |range: &AwsRange| format!("{} {} {}", range.network, range.region, range.border_group);
    Ok(ranges.iter().map(line).collect())
}

#[test]
fn both_lists_are_read_in_order() {
    let document = json!({
        "syncToken": "1",
        "prefixes": [
            {"ip_prefix": "3.5.0.0/16", "region": "eu-west-1", "service": "S3", "network_border_group": "eu-west-1"},
            {"ip_prefix": "15.181.0.0/20", "region": "us-west-2", "network_border_group": "us-west-2-lax-1"},
        ],
        "ipv6_prefixes": [{"ipv6_prefix": "2600:1::/32", "region": "GLOBAL", "network_border_group": ""}],
    });
    let expected = [
        "3.5.0.0/16 eu-west-1 eu-west-1",
        "15.181.0.0/20 us-west-2 us-west-2-lax-1",
        "2600:1::/32 GLOBAL GLOBAL",
    ];
    assert_eq!(read(&document).unwrap(), expected);
}

#[test]
fn an_incomplete_document_is_an_error() {
    let good = json!([{"ip_prefix": "3.5.0.0/16", "ipv6_prefix": "2600:1::/32", "region": "a"}]);
    for list in [json!([]), json!(null), json!({"0": good[0]})] {
        let why = read(&json!({"prefixes": good, "ipv6_prefixes": list})).unwrap_err();
        assert_eq!(why, "It has no list \"ipv6_prefixes\", or the list is empty.");
    }
    for element in
        [json!(null), json!({"ip_prefix": "3.5.0.0/16"}), json!({"ip_prefix": "3.5.0.0/8", "region": "a"})]
    {
        let why = read(&json!({"prefixes": [good[0], element], "ipv6_prefixes": good})).unwrap_err();
        assert_eq!(why, "Element 2 of \"prefixes\" has no valid \"ip_prefix\", or no \"region\".");
    }
}
