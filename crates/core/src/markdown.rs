//! Values in Markdown (CommonMark with GitHub's tables), where nothing in them acts as markup.

use crate::hidden::is_hidden;

/// The characters that begin markup, a link, a mention, a formula, HTML or a cell of a table.
const MARKUP: &str = "\\`*_[]<>|~&#!${}()@";

/// Writes a text as one line in which nothing is markup. Line breaks and control characters become blanks, and characters
/// that change the direction of text, or that cannot be seen, become U+FFFD.
pub fn text(value: &str) -> String {
    let line = one_line(value);
    let mut escaped = String::with_capacity(line.len() + 8);
    let mut is_number = true;
    let mut characters = line.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        let next = characters.peek().map(|(_, next)| *next);
        let before = &line.as_bytes()[..at];
        let is_markup = MARKUP.contains(character)
            // A URL or a host name would become a link.
            || (character == ':' && next == Some('/'))
            || (character == '.' && before.last_chunk::<3>().is_some_and(|end| end.eq_ignore_ascii_case(b"www")))
            // The first character would make the line an item of a list or an underline.
            || (at == 0 && "-+=".contains(character))
            || (".)".contains(character) && at > 0 && is_number);
        is_number &= character.is_ascii_digit();
        if is_markup {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// Writes a name or an identifier as code. One that contains a character with a meaning within code or a table is
/// written as text.
pub fn code(value: &str) -> String {
    let line = one_line(value);
    if line.is_empty() || line.contains(['`', '|', '\\']) { text(&line) } else { format!("`{line}`") }
}

/// Writes lines as a block of code in this language, with a fence that is longer than any in the lines.
pub fn block(language: &str, lines: &str) -> String {
    let longest = lines.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n", lines.trim_end_matches('\n'))
}

fn one_line(value: &str) -> String {
    let line: String = value
        .chars()
        .map(|c| match c {
            '\u{2028}' | '\u{2029}' => ' ',
            c if c.is_control() => ' ',
            c if is_hidden(c) => '\u{fffd}',
            c => c,
        })
        .collect();
    line.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn markup_in_a_text_is_escaped() {
        assert_eq!(text("a|b"), r"a\|b");
        assert_eq!(text("`id` <b>x</b> & *y*"), r"\`id\` \<b\>x\</b\> \& \*y\*");
        assert_eq!(text("first\nsecond\r\n# third"), r"first second  \# third");
        assert_eq!(text(r"a\|b"), r"a\\\|b");
        assert_eq!(
            text("see https://example.com or www.example.com"),
            r"see https\://example.com or www\.example.com"
        );
        assert_eq!(text("- item"), r"\- item");
        assert_eq!(text("12. item"), r"12\. item");
        assert_eq!(text("[x](y) ![z](w) @team $a$"), r"\[x\]\(y\) \!\[z\]\(w\) \@team \$a\$");
        assert_eq!(text("abc\u{202e}fed"), "abc\u{fffd}fed");
        assert_eq!(text("a\u{61c}b\u{ad}c\u{e0041}"), "a\u{fffd}b\u{fffd}c\u{fffd}");
        assert_eq!(text("10265 km: 30796 km/h, São Paulo"), "10265 km: 30796 km/h, São Paulo");
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes hours under Miri")]
    fn a_long_text_is_escaped_in_one_pass() {
        let begin = std::time::Instant::now();
        for long in [".", "www."] {
            assert!(text(&long.repeat(1_000_000)).len() >= 1_000_000);
        }
        assert!(begin.elapsed().as_secs() < 20, "{:?}", begin.elapsed());
    }

    #[test]
    fn code_ends_where_its_value_ends() {
        assert_eq!(code("AKIAIOSFODNN7EXAMPLE"), "`AKIAIOSFODNN7EXAMPLE`");
        assert_eq!(code("a`b"), r"a\`b");
        assert_eq!(code("a|b"), r"a\|b");
        assert_eq!(code("a\nb"), "`a b`");
        assert_eq!(code(""), "");
    }

    #[test]
    fn a_block_ends_where_its_lines_end() {
        assert_eq!(block("sh", "aws\n"), "```sh\naws\n```\n");
        assert_eq!(block("sh", "a\n```\n# b"), "````sh\na\n```\n# b\n````\n");
    }

    proptest! {
        #[test]
        fn a_text_is_one_line_whose_markup_is_escaped(value in any::<String>()) {
            let line = text(&value);
            prop_assert!(!line.contains(is_hidden));
            let mut is_escaped = false;
            for character in line.chars() {
                if is_escaped {
                    is_escaped = false;
                } else if character == '\\' {
                    is_escaped = true;
                } else {
                    prop_assert!(!MARKUP.contains(character), "{line}");
                }
            }
            prop_assert!(!is_escaped);
        }
    }
}
