//! Source addresses, times and numbers.

use crate::input::Input;
use chrono::{DateTime, Datelike, Offset, SecondsFormat, Timelike, Utc};
use travel_cloudtrail::{SourceKind, event_time, number, plain_decimal, source_kind};
use travel_core::address;

/// A text that names the source of a call. An address is read again from what is printed.
pub fn source(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (address, kind) = travel_cloudtrail::source::source(Some(&text));
    assert_eq!(kind, source_kind(Some(&text)));
    assert_eq!(address.is_some(), matches!(kind, SourceKind::Public | SourceKind::Private));
    if let Some(address) = address {
        assert_eq!(address, address::host(address));
        assert_eq!(kind == SourceKind::Private, address::is_private(address));
        let printed = address.to_string();
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let with_port = if address.is_ipv4() { format!("{printed}:1") } else { format!("[{printed}]:1") };
        for form in [format!(" {printed}\n"), format!("{printed}/{bits}"), with_port] {
            assert_eq!(address::parse(&form), Some(address), "{form}");
        }
    }
    if plain_decimal(&text) {
        assert!(text.parse::<f64>().is_ok(), "{text}");
        assert_eq!(address, None);
    }
    if let Some(number) = number(&text) {
        assert_eq!(self::number_of(&number.to_string()), Some(number), "{text}");
    }
}

fn number_of(text: &str) -> Option<f64> {
    number(text)
}

/// A text that may be a time, and times that are printed and read again.
pub fn time(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else { return };
    if mode.is_multiple_of(2) {
        let text = String::from_utf8_lossy(rest);
        let found = event_time(&text);
        if let (Some(found), Ok(time)) = (found, DateTime::parse_from_rfc3339(&text)) {
            // If a fraction has more than six digits, event_time rounds it, and chrono truncates it.
            let (up, nanos) = (found - time.timestamp_micros(), time.timestamp_subsec_nanos() % 1000);
            assert!((up == 0 && nanos <= 500) || (up == 1 && nanos >= 500), "{text} is {found}");
        }
        if let (None, Ok(time)) = (found, DateTime::parse_from_rfc3339(&text)) {
            let is_ours = time.year() > 0
                && time.offset().fix().local_minus_utc().abs() < 16 * 3600
                && time.nanosecond() < 1_000_000_000
                && !text.contains('_');
            assert!(!is_ours, "{text} is {time}");
        }
        return;
    }
    let mut input = Input::new(rest);
    // The years 1 to 9999.
    let seconds = -62_135_596_800 + (input.i64() as u64 % 315_537_897_600) as i64;
    let micros = seconds * 1_000_000 + input.below(1_000_000) as i64;
    let Some(time) = DateTime::<Utc>::from_timestamp_micros(micros) else { return };
    for text in [
        time.to_rfc3339_opts(SecondsFormat::Micros, true),
        time.to_rfc3339_opts(SecondsFormat::Nanos, false),
        time.format("%Y%m%dT%H%M%S%.6fZ").to_string(),
        time.format("%Y-%m-%d %H:%M:%S%.6f+0000 UTC").to_string(),
    ] {
        assert_eq!(event_time(&text), Some(micros), "{text}");
    }
}
