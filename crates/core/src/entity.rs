//! The entity, the identity whose consecutive events are compared, as one text.

/// The text that CloudTrail writes in place of a hidden value. It does not identify anyone.
pub const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// Returns whether the value of a column can be an entity or a part of one.
pub fn is_entity(value: &str) -> bool {
    !value.is_empty() && value != HIDDEN
}

/// Returns whether an access key is a temporary one, which AWS lets expire within 36 hours.
pub fn is_temporary_key(access_key_id: &str) -> bool {
    access_key_id.starts_with("ASIA")
}

/// Joins the values of one or more columns into an entity. A single value is kept as it is. Several values are joined
/// with ` | `; inside them, `|` becomes `\|` and `\` becomes `\\`. Returns `None` if a part is missing, empty or
/// hidden.
pub fn entity<'a>(parts: impl ExactSizeIterator<Item = Option<&'a str>>) -> Option<String> {
    let single = parts.len() == 1;
    let mut entity = String::new();
    for (i, part) in parts.enumerate() {
        let part = part.filter(|part| is_entity(part))?;
        if single {
            return Some(part.to_owned());
        }
        if i > 0 {
            entity.push_str(" | ");
        }
        for character in part.chars() {
            if matches!(character, '|' | '\\') {
                entity.push('\\');
            }
            entity.push(character);
        }
    }
    (!entity.is_empty()).then_some(entity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_value_stands_as_it_is() {
        assert_eq!(entity([Some(r"a|b\c")].into_iter()).as_deref(), Some(r"a|b\c"));
    }

    #[test]
    fn temporary_keys_begin_with_asia() {
        assert!(is_temporary_key("ASIAIOSFODNN7EXAMPLE"));
        assert!(!is_temporary_key("AKIAIOSFODNN7ASIA"));
    }

    #[test]
    fn several_values_cannot_be_confused() {
        assert_eq!(entity([Some("1"), Some("a | b")].into_iter()).as_deref(), Some(r"1 | a \| b"));
        assert_eq!(entity([Some(r"1\"), Some("b")].into_iter()).as_deref(), Some(r"1\\ | b"));
    }

    #[test]
    fn null_empty_and_hidden_are_no_entity() {
        for part in [None, Some(""), Some(HIDDEN)] {
            assert_eq!(entity([part].into_iter()), None);
            assert_eq!(entity([Some("1"), part].into_iter()), None);
        }
        assert_eq!(entity([].into_iter()), None);
    }
}
