//! Times as CloudTrail and tools that copy its records write them: ISO 8601, in UTC unless a zone is given, and Unix
//! time.

use crate::unix_time::unix_time_of_text;

const SECOND: i64 = 1_000_000;
const DAY_SECONDS: i64 = 86_400;
/// The largest distance of a zone from UTC that PostgreSQL accepts.
const MAX_ZONE_HOURS: i64 = 15;

/// Reads a time from text, in microseconds since the Unix epoch. `None` if the text is not a time.
///
/// A date (`2023-07-10` or `20230710`), optionally followed by `T`, `t` or a space and a time of day in the same form
/// (`11:45`, `11:45:00`, `11:45:00.25` or `1145`, `114500`, …; a comma also separates the fraction), optionally
/// followed by a zone (`Z`, `UTC`, `GMT`, `+02`, `+0200`, `+02:00`), which a space may precede. `24:00` and a leap
/// second are the start of what follows. Or Unix time: see [`unix_time_of_text`]. Blanks around the text are skipped.
pub fn event_time(text: &str) -> Option<i64> {
    let text = text.as_bytes();
    common_form(text).or_else(|| {
        let text = text.trim_ascii();
        unix_time_of_text(text).or_else(|| any_form(text))
    })
}

/// Reads the form `2023-07-10T11:45:00Z`, which nearly all times have.
fn common_form(text: &[u8]) -> Option<i64> {
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2, b'Z'] = text
    else {
        return None;
    };
    let year = number(&[y1, y2, y3, y4])?;
    let days = days_since_epoch(year, number(&[m1, m2])?, number(&[d1, d2])?)?;
    let (hour, minute, second) = (number(&[h1, h2])?, number(&[n1, n2])?, number(&[s1, s2])?);
    (hour < 24 && minute < 60 && second < 60)
        .then(|| (days * DAY_SECONDS + hour * 3600 + minute * 60 + second) * SECOND)
}

fn any_form(text: &[u8]) -> Option<i64> {
    let mut rest = Rest(text);
    let year = rest.number(4)?;
    let extended = rest.take(b"-");
    let month = rest.number(2)?;
    if extended && !rest.take(b"-") {
        return None;
    }
    let days = days_since_epoch(year, month, rest.number(2)?)?;
    let midnight = days * DAY_SECONDS * SECOND;
    if rest.0.is_empty() {
        return Some(midnight);
    }
    if !rest.take(b"Tt ") {
        return None;
    }
    let time = time_of_day(&mut rest, extended)?;
    let zone = zone(&mut rest)?;
    rest.0.is_empty().then_some(midnight + time - zone)
}

fn time_of_day(rest: &mut Rest, extended: bool) -> Option<i64> {
    let hour = rest.number(2)?;
    if extended && !rest.take(b":") {
        return None;
    }
    let minute = rest.number(2)?;
    let has_second = if extended { rest.take(b":") } else { rest.0.first().is_some_and(u8::is_ascii_digit) };
    let second = if has_second { rest.number(2)? } else { 0 };
    let fraction = if has_second && rest.take(b".,") { rest.fraction()? } else { 0 };
    let in_day = hour < 24 && minute < 60 && second <= 60;
    let end_of_day = hour == 24 && minute == 0 && second == 0 && fraction == 0;
    (in_day || end_of_day).then_some((hour * 3600 + minute * 60 + second) * SECOND + fraction)
}

/// The offset of the zone from UTC in microseconds. Go writes an offset followed by a name: `+0000 UTC`.
fn zone(rest: &mut Rest) -> Option<i64> {
    if rest.0.is_empty() {
        return Some(0);
    }
    rest.take(b" ");
    if rest.take_name_of_utc() {
        return Some(0);
    }
    let sign = if rest.take(b"-") { -1 } else { rest.take(b"+").then_some(1)? };
    let hours = rest.number(2)?;
    let colon = rest.take(b":");
    let has_minutes = colon || rest.0.first().is_some_and(u8::is_ascii_digit);
    let minutes = if has_minutes { rest.number(2)? } else { 0 };
    let offset = (hours <= MAX_ZONE_HOURS && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))?;
    // A name other than UTC remains in the rest, and the text is then not a time.
    if offset == 0 && rest.take(b" ") && !rest.take_name_of_utc() {
        return None;
    }
    Some(offset * SECOND)
}

/// The text that is still to be read.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    /// Reads one byte if it is one of these.
    fn take(&mut self, any: &[u8]) -> bool {
        match self.0.split_first() {
            Some((first, rest)) if any.contains(first) => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn take_name_of_utc(&mut self) -> bool {
        let name = ["UTC", "GMT", "Z"].into_iter().find(|name| {
            self.0.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
        });
        let rest = name.and_then(|name| self.0.get(name.len()..));
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn number(&mut self, digits: usize) -> Option<i64> {
        let (head, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        number(head)
    }

    /// The digits of a fraction of a second, at least one, rounded to microseconds.
    fn fraction(&mut self) -> Option<i64> {
        let length = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        if digits.is_empty() {
            return None;
        }
        let digit = |at: usize| digits.get(at).map_or(0, |byte| i64::from(byte - b'0'));
        let micros = (0..6).fold(0, |micros, at| micros * 10 + digit(at));
        Some(if digit(6) >= 5 { micros + 1 } else { micros })
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    digits
        .iter()
        .try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))
}

/// The number of a day since the epoch. `None` if it is not a day of the years 1 to 9999.
fn days_since_epoch(year: i64, month: i64, day: i64) -> Option<i64> {
    if year < 1 || !(1..=days_in_month(year, month)?).contains(&day) {
        return None;
    }
    // The year is counted from March, so a leap day is its last day and the months' lengths follow one rule;
    // 719,468 days lie between 1 March of year 0 and the epoch.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let before_month = (153 * month + 2) / 5;
    Some(year * 365 + year / 4 - year / 100 + year / 400 + before_month + day - 1 - 719_468)
}

fn days_in_month(year: i64, month: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 => Some(if leap { 29 } else { 28 }),
        _ => None,
    }
}
