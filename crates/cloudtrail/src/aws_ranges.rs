//! The document `ip-ranges.json`, in which AWS publishes its address ranges.

use crate::json::{Json, Kind};
use travel_core::network::aws::AwsRange;

/// The lists of the document, each with the key under which its elements have a prefix.
const LISTS: [(&str, &str); 2] = [("prefixes", "ip_prefix"), ("ipv6_prefixes", "ipv6_prefix")];

/// Reads the whole document. The error is a sentence that says what is wrong with the document. A missing or empty list
/// is an error, because its import would delete networks. The function calls `tick` for each range. `tick` may unwind.
pub fn aws_ranges<'a, J: Json<'a>>(document: J, mut tick: impl FnMut()) -> Result<Vec<AwsRange>, String> {
    let mut ranges = Vec::new();
    for (list, key) in LISTS {
        let elements = document
            .get(list)
            .filter(|elements| elements.kind() == Kind::Array && elements.elements().next().is_some())
            .ok_or_else(|| format!("It has no list \"{list}\", or the list is empty."))?;
        for (n, element) in elements.elements().enumerate() {
            ranges.push(range(element, key).ok_or_else(|| {
                format!("Element {} of \"{list}\" has no valid \"{key}\", or no \"region\".", n + 1)
            })?);
            tick();
        }
    }
    Ok(ranges)
}

fn range<'a, J: Json<'a>>(element: J, key: &str) -> Option<AwsRange> {
    let text = |key: &str| element.get(key)?.as_str().filter(|text| !text.is_empty());
    let region = text("region")?;
    AwsRange::new(text(key)?, region, text("network_border_group").unwrap_or(region))
}
