//! The source of a call, from `sourceIPAddress`: an address, the name of a service, AWS itself, or an unreadable text.

use std::net::IpAddr;

use strum::IntoStaticStr;

use travel_core::address;

use crate::value::known;

/// The domains of AWS services in all partitions. The names before them are an open set.
const SERVICE_DOMAINS: [&str; 4] = [".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".amazon.com"];

/// The text for AWS itself, sometimes followed by `/` and a number.
const INTERNAL: &str = "AWS Internal";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum SourceKind {
    Public,
    Private,
    AwsService,
    AwsInternal,
    Malformed,
    #[default]
    Absent,
}

pub fn source_kind(text: Option<&str>) -> SourceKind {
    source(text).1
}

/// The address of a source, if it is one, and its kind.
pub fn source(text: Option<&str>) -> (Option<IpAddr>, SourceKind) {
    let Some(text) = text.and_then(known) else { return (None, SourceKind::Absent) };
    match address::parse(text) {
        Some(ip) if address::is_private(ip) => (Some(ip), SourceKind::Private),
        Some(ip) => (Some(ip), SourceKind::Public),
        None if is_internal(text) => (None, SourceKind::AwsInternal),
        None if is_service(text) => (None, SourceKind::AwsService),
        None => (None, SourceKind::Malformed),
    }
}

/// Returns whether a text is a plain decimal number (`51.5`, `-0.12`, `7`). If so, a column that was taken for
/// addresses contains coordinates.
pub fn plain_decimal(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    whole.len() + fraction.len() > 0
        && whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit())
}

fn is_internal(text: &str) -> bool {
    split_ignoring_case(text, 0, INTERNAL).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn is_service(text: &str) -> bool {
    SERVICE_DOMAINS.iter().any(|domain| {
        text.len()
            .checked_sub(domain.len())
            .is_some_and(|start| start > 0 && split_ignoring_case(text, start, domain).is_some())
    })
}

/// The rest of `text` after `expected`, if `expected` is found at `start`.
fn split_ignoring_case<'a>(text: &'a str, start: usize, expected: &str) -> Option<&'a str> {
    let end = start + expected.len();
    text.get(start..end)?.eq_ignore_ascii_case(expected).then(|| text.get(end..)).flatten()
}
