//! Names and literals in SQL text: quoting, splitting and C strings.

use pgrx::pg_sys;
use std::ffi::{CStr, CString, c_char};
use travel_core::hidden::is_hidden;

/// An SQL identifier, in double quotes where it needs them.
pub fn quoted(name: &str) -> String {
    let name = c_string(name);
    // SAFETY: the result is a C string in the current memory context, or the argument itself.
    unsafe { CStr::from_ptr(pg_sys::quote_identifier(name.as_ptr())) }.to_string_lossy().into_owned()
}

/// The name of an object in a schema, both as SQL identifiers.
pub fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", quoted(schema), quoted(name))
}

/// A string literal of SQL. It doubles single quotes only, so `standard_conforming_strings` must be on where it is
/// read.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A string literal of SQL that every session reads alike. One with a backslash begins with `E`.
pub fn string(text: &str) -> String {
    let text = c_string(text);
    // SAFETY: the result is a C string in the current memory context.
    unsafe { CStr::from_ptr(pg_sys::quote_literal_cstr(text.as_ptr())) }
        .to_string_lossy()
        .trim_start()
        .to_owned()
}

/// A string literal of SQL as [`string`] writes it, with an escape in place of each hidden character: for statements
/// with values from events, which are read and pasted into a terminal.
pub fn visible_string(text: &str) -> String {
    if !text.contains(is_hidden) {
        return string(text);
    }
    let mut literal = "E'".to_owned();
    for character in text.chars() {
        match character {
            '\0' => {}
            '\'' => literal.push_str("''"),
            '\\' => literal.push_str(r"\\"),
            hidden if is_hidden(hidden) => literal.push_str(&format!("\\U{:08X}", u32::from(hidden))),
            visible => literal.push(visible),
        }
    }
    literal.push('\'');
    literal
}

/// The names in a list of SQL identifiers: `a, "B"` with a comma as the separator, `audit.cloudtrail` with a dot. Names
/// without double quotes are folded to lower case. `None` if the text is not such a list.
pub fn identifiers(text: &str, separator: u8) -> Option<Vec<String>> {
    let text = c_string(text);
    let mut names = Vec::new();
    // SAFETY: the function cuts a copy of the text into the names, which the list points to.
    unsafe {
        let copy = pg_sys::pstrdup(text.as_ptr());
        let mut list: *mut pg_sys::List = std::ptr::null_mut();
        if !pg_sys::SplitIdentifierString(copy, separator as c_char, &mut list) {
            return None;
        }
        let length = if list.is_null() { 0 } else { (*list).length };
        for i in 0..length as usize {
            let name = (*(*list).elements.add(i)).ptr_value.cast::<c_char>();
            names.push(CStr::from_ptr(name).to_string_lossy().into_owned());
        }
    }
    (!names.is_empty()).then_some(names)
}

/// SQL text, or a name, as a C string. It ends before the first NUL, which SQL text cannot contain.
pub fn c_string(text: &str) -> CString {
    let end = text.find('\0').unwrap_or(text.len());
    CString::new(&text[..end]).unwrap_or_default()
}
