//! Unix time as numbers. The number of digits before the decimal point determines the unit: 10 digits for seconds, 13
//! for milliseconds, 16 for microseconds, 19 for nanoseconds. Numbers therefore cover the times from September 2001 to
//! November 2286 in every unit, and no number is ambiguous. CloudTrail began in 2013.

/// The number of digits of a Unix time in microseconds. Times in other units are scaled to this many digits.
const MICROSECOND_DIGITS: usize = 16;

/// Reads a Unix time from the decimal digits of a number, most significant first, `whole` of them before the decimal
/// point. The result is in microseconds since the Unix epoch, rounded half up; `None` if no unit has that many digits.
pub fn unix_time_of_digits(whole: usize, digits: impl Iterator<Item = u8>) -> Option<i64> {
    if !matches!(whole, 10 | 13 | 16 | 19) {
        return None;
    }
    let mut digits = digits.chain(std::iter::repeat(0)).map(i64::from);
    let first = digits.next().filter(|digit| *digit != 0)?;
    let micros =
        digits.by_ref().take(MICROSECOND_DIGITS - 1).fold(first, |micros, digit| micros * 10 + digit);
    let rounds_up = digits.next().is_some_and(|digit| digit >= 5);
    Some(micros + i64::from(rounds_up))
}

/// Reads a Unix time from an integer.
pub fn unix_time_of_integer(number: i64) -> Option<i64> {
    let number = u64::try_from(number).ok()?;
    let whole = number.checked_ilog10()? as usize + 1;
    let digits = (0..whole as u32).rev().map(|place| (number / 10_u64.pow(place) % 10) as u8);
    unix_time_of_digits(whole, digits)
}

/// Reads a Unix time from a floating-point number. In seconds, it is exact to the microsecond until 2106.
pub fn unix_time_of_float(number: f64) -> Option<i64> {
    let micros_per_unit = match number {
        1e9..1e10 => 1e6,
        1e12..1e13 => 1e3,
        1e15..1e16 => 1.0,
        1e18..1e19 => 1e-3,
        _ => return None,
    };
    Some((number * micros_per_unit).round() as i64)
}

/// Reads a Unix time from a text: digits, optionally a fraction (after a point or a comma), optionally a positive
/// exponent, which programs write for a floating-point number (`1.704996177E9`).
pub fn unix_time_of_text(text: &[u8]) -> Option<i64> {
    let (mantissa, exponent) = match text.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        None => (text, 0),
        Some(at) => (text.get(..at)?, exponent(text.get(at + 1..)?)?),
    };
    let (whole, fraction) = match mantissa.iter().position(|byte| matches!(byte, b'.' | b',')) {
        None => (mantissa, None),
        Some(at) => (mantissa.get(..at)?, Some(mantissa.get(at + 1..)?)),
    };
    let is_number = |digits: &[u8]| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    if !is_number(whole) || !fraction.is_none_or(is_number) {
        return None;
    }
    let digits = whole.iter().chain(fraction.unwrap_or_default());
    unix_time_of_digits(whole.len() + exponent, digits.map(|digit| digit - b'0'))
}

/// Reads an exponent of at most two digits. No Unix time has more.
fn exponent(text: &[u8]) -> Option<usize> {
    let digits = text.strip_prefix(b"+").unwrap_or(text);
    if !matches!(digits.len(), 1 | 2) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0, |number, digit| number * 10 + usize::from(digit - b'0')))
}
