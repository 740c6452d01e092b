//! Suppressions: legs that analysts silence on purpose, often for a limited time.

use super::event::EvaluatedEvent;
use super::settings::Micros;
use crate::journey::Leg;
use ipnet::IpNet;

/// A suppression. A leg is suppressed if every given criterion matches. The caller passes the suppressions of the rule
/// and those of all rules.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Suppression {
    /// The key of its row. Verdicts name the suppressions that fit.
    pub id: i64,
    /// A pattern as SQL's LIKE takes it.
    pub entity_like: Option<String>,
    /// The countries of the two ends, in either order. A single country matches if either end is there.
    pub country_code_a: Option<String>,
    pub country_code_b: Option<String>,
    /// Matches if it contains the address of either end, because a detour through a network is a leg there and a leg
    /// back.
    pub network: Option<IpNet>,
    pub valid_from: Option<Micros>,
    pub valid_until: Option<Micros>,
}

impl Suppression {
    pub fn fits(&self, leg: &Leg<&EvaluatedEvent>) -> bool {
        let (from, to) = (leg.from.event, leg.to.event);
        self.valid_from.is_none_or(|valid_from| valid_from <= to.time)
            && self.valid_until.is_none_or(|valid_until| to.time < valid_until)
            && self.entity_like.as_ref().is_none_or(|pattern| is_like(&to.entity, pattern))
            && self.countries_fit(from.country_code.as_deref(), to.country_code.as_deref())
            && self.network.is_none_or(|network| {
                [from, to].iter().any(|end| end.site.address().is_some_and(|ip| network.contains(&ip)))
            })
    }

    fn countries_fit(&self, from: Option<&str>, to: Option<&str>) -> bool {
        let is = |wanted: &Option<String>, country: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| country == Some(wanted))
        };
        (is(&self.country_code_a, from) && is(&self.country_code_b, to))
            || (is(&self.country_code_a, to) && is(&self.country_code_b, from))
    }
}

/// The pattern of LIKE that matches this text alone.
pub fn like_exactly(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '\\' | '%' | '_') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

/// SQL's LIKE with its default escape: `%` matches any characters, `_` one character, and a backslash takes the next
/// character literally. A pattern that ends in a backslash is an error in PostgreSQL. Here it matches nothing.
fn is_like(text: &str, pattern: &str) -> bool {
    let Some(pattern) = tokens(pattern) else { return false };
    let text: Vec<char> = text.chars().collect();
    let (mut t, mut p) = (0, 0);
    // The position to return to if the text after the last `%` does not match: the `%` then takes one character more.
    let mut retry = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(Token::Any) => {
                p += 1;
                retry = Some((t, p));
            }
            Some(token) if token.is(text[t]) => {
                t += 1;
                p += 1;
            }
            _ => match retry {
                Some((taken, after)) => {
                    retry = Some((taken + 1, after));
                    (t, p) = (taken + 1, after);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|token| matches!(token, Token::Any))
}

enum Token {
    Any,
    One,
    Literal(char),
}

impl Token {
    fn is(&self, character: char) -> bool {
        match self {
            Self::Any => false,
            Self::One => true,
            Self::Literal(literal) => *literal == character,
        }
    }
}

fn tokens(pattern: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        tokens.push(match character {
            '%' => Token::Any,
            '_' => Token::One,
            '\\' => Token::Literal(characters.next()?),
            other => Token::Literal(other),
        });
    }
    Some(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_pattern_matches_its_text_alone() {
        for text in [r"a\b", "100%", "x_y", r"\", "é | %", ""] {
            assert!(is_like(text, &like_exactly(text)), "{text}");
            assert!(!is_like(&format!("{text}X"), &like_exactly(text)), "{text}");
        }
        assert!(!is_like("xay", &like_exactly("x_y")));
    }

    #[test]
    fn like_is_sql_s() {
        for (text, pattern) in [
            ("AKIAALICE", "AKIA%"),
            ("AKIAALICE", "%"),
            ("", "%"),
            ("", ""),
            ("abcabd", "%ab_"),
            ("a%b", r"a\%b"),
            (r"a\b", r"a\\b"),
            ("1 | é", "1 | _"),
            ("aXbXc", "a%X%c"),
        ] {
            assert!(is_like(text, pattern), "{text} LIKE {pattern}");
        }
        for (text, pattern) in [
            ("AKIAALICE", "akia%"),
            ("AKIAALICE", "AKIA"),
            ("AKIAALICE", "%X"),
            ("", "_"),
            ("axb", r"a\%b"),
            (r"a\", r"a\"),
            ("abc", "%ab_d"),
        ] {
            assert!(!is_like(text, pattern), "{text} NOT LIKE {pattern}");
        }
    }
}
