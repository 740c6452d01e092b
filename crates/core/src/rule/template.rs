//! Templates of messages: text with names in it, `{{@path}}` for an attribute of the signal and `{{column}}` for a
//! column of the alert.

use std::borrow::Cow;

/// A name in a template, without its braces and the white space around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name<'t> {
    /// `@path.to.attribute`, without the `@`.
    Signal(&'t str),
    Column(&'t str),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template<'t> {
    parts: Vec<Part<'t>>,
    unclosed: Option<&'t str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part<'t> {
    Text(&'t str),
    Name { written: &'t str, name: Name<'t> },
}

impl<'t> Template<'t> {
    /// Parses a template. A name extends from `{{` to the next `}}`. If several `{{` come before a `}}`, the last one
    /// counts. Everything else is text.
    pub fn parse(text: &'t str) -> Self {
        let (mut parts, mut unclosed, mut rest) = (Vec::new(), None, text);
        while let Some(close) = rest.find("}}") {
            let (before, after) = (&rest[..close], &rest[close + 2..]);
            let literal = match before.rfind("{{") {
                Some(open) => &rest[..open],
                None => &rest[..close + 2],
            };
            unclosed = unclosed.or_else(|| unclosed_in(literal));
            parts.push(Part::Text(literal));
            if literal.len() < close {
                let written = &rest[literal.len()..close + 2];
                parts.push(Part::Name { written, name: Name::of(&before[literal.len() + 2..]) });
            }
            rest = after;
        }
        unclosed = unclosed.or_else(|| unclosed_in(rest));
        parts.push(Part::Text(rest));
        parts.retain(|part| *part != Part::Text(""));
        Self { parts, unclosed }
    }

    /// The text that begins with a `{{` without a `}}`. It is rendered as text, but it is probably a mistake.
    pub fn unclosed(&self) -> Option<&'t str> {
        self.unclosed
    }

    /// The unknown names as they are written, each once.
    pub fn unknown_names(&self, is_known: impl Fn(Name) -> bool) -> Vec<&'t str> {
        let mut unknown = Vec::new();
        for part in &self.parts {
            if let Part::Name { written, name } = part
                && !is_known(*name)
                && !unknown.contains(written)
            {
                unknown.push(*written);
            }
        }
        unknown
    }

    /// Renders the template in one pass, so names inside values are never replaced. A name for which `look_up` returns
    /// nothing is left as it is written.
    pub fn render<'v>(&self, lookup: impl Fn(Name) -> Option<Cow<'v, str>>) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Name { written, name } => match lookup(*name) {
                    Some(value) => text.push_str(&value),
                    None => text.push_str(written),
                },
            }
        }
        text
    }
}

impl<'t> Name<'t> {
    fn of(inside: &'t str) -> Self {
        let name = inside.trim();
        match name.strip_prefix('@') {
            Some(path) => Self::Signal(path),
            None => Self::Column(name),
        }
    }
}

/// The part of a text without names that begins with its first `{{`.
fn unclosed_in(literal: &str) -> Option<&str> {
    literal.find("{{").map(|open| &literal[open..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: Name) -> Option<Cow<'static, str>> {
        Some(match name {
            Name::Signal("city") => "Tōkyō".into(),
            Name::Signal("city.of.old") => "Edo".into(),
            Name::Column("rule") => "iam_user".into(),
            Name::Column("odd") => "{{rule}} }} {{".into(),
            Name::Column("nothing") => "".into(),
            _ => return None,
        })
    }

    fn rendered(text: &str) -> String {
        Template::parse(text).render(value)
    }

    #[test]
    fn paths_of_the_signal_and_columns_of_the_alert_are_filled_in() {
        assert_eq!(rendered("{{rule}}: {{@city}}, once {{@city.of.old}}"), "iam_user: Tōkyō, once Edo");
        assert_eq!(rendered("{{rule}}{{rule}}"), "iam_useriam_user");
    }

    #[test]
    fn blanks_inside_the_braces_do_not_matter() {
        assert_eq!(rendered("{{ rule }} {{\t@city\n}}"), "iam_user Tōkyō");
    }

    #[test]
    fn a_value_is_not_looked_into() {
        assert_eq!(rendered("{{odd}}, {{rule}}"), "{{rule}} }} {{, iam_user");
    }

    #[test]
    fn no_value_is_empty_and_no_meaning_is_left_as_written() {
        assert_eq!(
            rendered("<{{nothing}}> {{ no_such }} {{@rule}} {{city}} {{}}"),
            "<> {{ no_such }} {{@rule}} {{city}} {{}}"
        );
    }

    #[test]
    fn braces_that_are_no_name_are_text() {
        for text in [
            "",
            "{",
            "}",
            "{rule}",
            "{{",
            "}}",
            "{{rule",
            "rule}}",
            "{{rule}",
            "{ {rule}}",
            "}}{{",
            "{\"a\": {}}",
        ] {
            assert_eq!(rendered(text), text);
            assert_eq!(Template::parse(text).unknown_names(|_| false), Vec::<&str>::new(), "{text}");
        }
        assert_eq!(rendered("{{{rule}}}"), "{iam_user}");
        assert_eq!(rendered("{{ {{rule}} }}"), "{{ iam_user }}");
        assert_eq!(rendered("{{@ci{{rule}}"), "{{@ciiam_user");
    }

    #[test]
    fn braces_that_are_opened_and_not_closed_are_found() {
        for (text, unclosed) in [
            ("{{rule", Some("{{rule")),
            ("{{rule}} and {{@city}", Some("{{@city}")),
            ("{{ {{rule}} }}", Some("{{ ")),
            ("}} {{", Some("{{")),
            ("{{rule}}", None),
            ("{{{rule}}}", None),
            ("rule}} {", None),
        ] {
            assert_eq!(Template::parse(text).unclosed(), unclosed, "{text}");
        }
    }

    #[test]
    fn unknown_names_are_named_once_as_they_are_written() {
        let template = Template::parse("{{rule}} {{ x }} {{@y.z}} {{ x }} {{x}} {{}}");
        assert_eq!(
            template.unknown_names(|name| value(name).is_some()),
            ["{{ x }}", "{{@y.z}}", "{{x}}", "{{}}"]
        );
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes hours under Miri")]
    fn text_of_any_script_and_length_stays_as_it_is() {
        let long = "日本 é 🛫 }".repeat(50_000);
        assert_eq!(rendered(&format!("{long}{{{{rule}}}}{long}")), format!("{long}iam_user{long}"));
        // Nor does it take forever to see that nothing is closed.
        assert_eq!(rendered(&"{{".repeat(200_000)).len(), 400_000);
        assert_eq!(rendered(&"{{é}}".repeat(50_000)), "{{é}}".repeat(50_000));
    }
}
