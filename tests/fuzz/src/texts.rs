//! Source addresses, times and numbers.

use crate::input::Input;
use chrono::{DateTime, Datelike, Offset, SecondsFormat, Timelike, Utc};
use travel_cloudtrail::unix_time::{unix_time_of_float, unix_time_of_integer, unix_time_of_text};
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

/// A text that may be a time, or a time in any form, or a number that may be a Unix time.
pub fn time(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else { return };
    match mode % 4 {
        1 => written_time(&mut Input::new(rest)),
        3 => unix_time(&mut Input::new(rest)),
        _ => text_of_time(&String::from_utf8_lossy(rest)),
    }
}

/// chrono reads the same from a text that both accept, and accepts no other text of RFC 3339.
fn text_of_time(text: &str) {
    let found = event_time(text);
    if let (Some(found), Ok(time)) = (found, DateTime::parse_from_rfc3339(text)) {
        // If a fraction has more than six digits, event_time rounds it, and chrono truncates it.
        let (up, nanos) = (found - time.timestamp_micros(), time.timestamp_subsec_nanos() % 1000);
        assert!((up == 0 && nanos <= 500) || (up == 1 && nanos >= 500), "{text} is {found}");
    }
    if let (None, Ok(time)) = (found, DateTime::parse_from_rfc3339(text)) {
        let is_ours = time.year() > 0
            && time.offset().fix().local_minus_utc().abs() < 16 * 3600
            && time.nanosecond() < 1_000_000_000
            && !text.contains('_');
        assert!(!is_ours, "{text} is {time}");
    }
}

/// A time of the years 1 to 9999 is read from each form in which it is written.
fn written_time(input: &mut Input) {
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

    let extended = input.is();
    let date = if extended { "%Y-%m-%d" } else { "%Y%m%d" };
    let mut text = format!("{}{}", time.format(date), input.pick(&['T', 't', ' ']));
    // A time of day is written up to the minute, the second, or a digit of the fraction.
    let mut of_day = micros - micros.rem_euclid(60_000_000);
    text += &time.format(if extended { "%H:%M" } else { "%H%M" }).to_string();
    if input.is() {
        of_day = seconds * 1_000_000;
        text += &time.format(if extended { ":%S" } else { "%S" }).to_string();
        let digits = input.below(7);
        if digits > 0 {
            let fraction = &format!("{:06}", micros - of_day)[..digits];
            of_day += format!("{fraction:0<6}").parse::<i64>().unwrap();
            text += &format!("{}{fraction}", input.pick(&['.', ',']));
        }
    }
    if input.is() {
        text.push(' ');
    }
    let (hours, minutes) = (input.below(16), input.below(60));
    let (zone, minutes) = match input.below(6) {
        0 => (String::new(), 0),
        1 => (input.pick(&["Z", "z", "UTC", "GMT", "+00 UTC", "-0000 Z"]).to_owned(), 0),
        2 => (format!("{hours:02}"), 60 * hours),
        3 => (format!("{hours:02}{minutes:02}"), 60 * hours + minutes),
        _ => (format!("{hours:02}:{minutes:02}"), 60 * hours + minutes),
    };
    let mut offset = minutes as i64 * 60_000_000;
    if zone.starts_with(|first: char| first.is_ascii_digit()) {
        let sign = input.pick(&['+', '-']);
        text.push(sign);
        offset *= if sign == '-' { -1 } else { 1 };
    }
    text += &zone;
    assert_eq!(event_time(&text), Some(of_day - offset), "{text}");
}

/// A number is the same time as an integer, as a floating-point number and as text.
fn unix_time(input: &mut Input) {
    let integer = input.i64() / 10_i64.pow(input.below(19) as u32);
    let found = unix_time_of_integer(integer);
    assert_eq!(unix_time_of_text(integer.to_string().as_bytes()), found, "{integer}");
    let per_micro = match integer.to_string().len() {
        10 if integer > 0 => Some((1_000_000, 1)),
        13 if integer > 0 => Some((1_000, 1)),
        16 if integer > 0 => Some((1, 1)),
        19 if integer > 0 => Some((1, 1_000)),
        _ => None,
    };
    let expected = per_micro.map(|(times, parts)| (i128::from(integer) * times + parts / 2) / parts);
    assert_eq!(found.map(i128::from), expected, "{integer}");

    let number =
        if input.is() { integer as f64 + f64::from(input.u32()) / f64::from(u32::MAX) } else { input.f64() };
    let of_float = unix_time_of_float(number);
    // A number of more than nine digits in seconds has a precision of half a microsecond.
    let of_text = unix_time_of_text(number.to_string().as_bytes());
    match (of_float, of_text) {
        (Some(float), Some(text)) => assert!(float.abs_diff(text) <= 1, "{number}: {float}, {text}"),
        (float, text) => assert_eq!(float, text, "{number}"),
    }
}
