//! Single values of a record: texts that are neither empty nor hidden, and numbers and booleans with or without quotes.

use std::borrow::Cow;

use crate::json::{Json, Kind};

/// What CloudTrail writes in place of a user name that may be a mistyped password.
pub const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// Returns a text that is neither empty nor hidden. Any other text counts as absent.
pub fn known(text: &str) -> Option<&str> {
    (!text.is_empty() && text != HIDDEN).then_some(text)
}

/// Reads a finite number from a text, ignoring white space around it.
pub fn number(text: &str) -> Option<f64> {
    text.trim_ascii().parse().ok().filter(|number: &f64| number.is_finite())
}

/// The text of a node. A number is taken as text; other kinds have no text.
pub(crate) fn text<'a, J: Json<'a>>(node: J) -> Option<&'a str> {
    match node.as_str() {
        Some(text) => known(text),
        None => node.number_text(),
    }
}

/// An account id. If it was written as a number, the leading zeros of its twelve digits are restored.
pub(crate) fn account_id<'a, J: Json<'a>>(node: J) -> Option<Cow<'a, str>> {
    let text = text(node)?;
    let shortened = node.kind() == Kind::Number
        && (1..12).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit());
    Some(if shortened { Cow::Owned(format!("{text:0>12}")) } else { Cow::Borrowed(text) })
}

/// A boolean, with or without quotes. `Ok(None)` if it is absent, `Err` if the value is not a boolean.
pub(crate) fn boolean<'a, J: Json<'a>>(node: J) -> Result<Option<bool>, ()> {
    match node.as_str() {
        Some(text) => match known(text) {
            None => Ok(None),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(_) => Err(()),
        },
        None => match node.kind() {
            Kind::Null => Ok(None),
            _ => node.as_bool().map(Some).ok_or(()),
        },
    }
}

/// Whether a node says `yes` or is true. `None` if it is absent.
pub(crate) fn says<'a, J: Json<'a>>(node: J, yes: &str) -> Option<bool> {
    match node.as_str() {
        Some(text) => {
            known(text).map(|text| text.eq_ignore_ascii_case(yes) || text.eq_ignore_ascii_case("true"))
        }
        None => node.as_bool(),
    }
}

/// A node as errors quote it: its text or its kind, cut to a length that fits a message.
pub(crate) fn quoted<'a, J: Json<'a>>(node: J) -> String {
    const LONGEST: usize = 60;
    let text = match node.as_str() {
        Some(text) => text,
        None => match (node.as_bool(), node.number_text()) {
            (Some(truth), _) => return truth.to_string(),
            (_, Some(number)) => number,
            (None, None) => return node.kind().as_str().to_owned(),
        },
    };
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
