//! Characters that a reader does not see, or that change what a reader sees. A terminal acts on some of them when a text
//! is pasted into it.

use std::borrow::Cow;

/// Returns whether a character is a control character, a separator of lines or paragraphs, a mark that changes the
/// direction of text, or another one that Unicode lets programs leave out when they show a text
/// (`Default_Ignorable_Code_Point`).
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
                | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Writes a text that may contain names from events for a reader: each hidden character becomes U+FFFD, so a name cannot
/// begin a line, control a terminal or reorder what stands around it. The columns have the names as they are.
pub fn visible(text: &str) -> Cow<'_, str> {
    // Most texts are printable ASCII, which is seen in one fast pass over the bytes.
    if text.bytes().fold(true, |is_plain, byte| is_plain & matches!(byte, 0x20..=0x7e)) {
        return text.into();
    }
    if text.contains(is_hidden) { text.replace(is_hidden, "\u{fffd}").into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_hidden_character_is_made_visible() {
        assert_eq!(visible("a\r\nb\u{202e}c\u{1b}[0m"), "a\u{fffd}\u{fffd}b\u{fffd}c\u{fffd}[0m");
        assert!(matches!(visible("São Paulo"), Cow::Borrowed("São Paulo")));
        assert!(matches!(visible(""), Cow::Borrowed("")));
        for code in 0..=0x7f_u8 {
            let text = char::from(code).to_string();
            assert_eq!(visible(&text) == text, !is_hidden(char::from(code)));
        }
    }

    #[test]
    fn what_acts_on_a_terminal_or_reorders_a_text_is_hidden() {
        for hidden in [
            '\0',
            '\t',
            '\n',
            '\r',
            '\u{1b}',
            '\u{7f}',
            '\u{9b}',
            '\u{85}',
            '\u{ad}',
            '\u{61c}',
            '\u{200b}',
            '\u{200e}',
            '\u{200f}',
            '\u{2028}',
            '\u{2029}',
            '\u{202a}',
            '\u{202e}',
            '\u{2066}',
            '\u{2069}',
            '\u{feff}',
            '\u{fff9}',
            '\u{e0041}',
        ] {
            assert!(is_hidden(hidden), "{hidden:?}");
        }
        assert_eq!(
            "São Paulo 日本 'a' -=\u{a0}~ \u{5d0}\u{627} \u{1f600}".chars().find(|c| is_hidden(*c)),
            None
        );
    }
}
