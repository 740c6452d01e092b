//! Texts that the project writes for readers and programs: templates, messages, values in Markdown and in commands.

use crate::input::Input;
use std::borrow::Cow;
use travel_core::hidden::{is_hidden, visible};
use travel_core::message::{Credential, LegEnd, Sentence, message, travel_time};
use travel_core::rule::Template;
use travel_core::{markdown, shell};

/// A template. Without values it is written as it is; with a value that has braces, it is not looked into.
pub fn template(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let template = Template::parse(&text);
    assert_eq!(template.render(|_| None), text);
    let names = template.unknown_names(|_| false);
    for name in &names {
        assert!(name.starts_with("{{") && name.ends_with("}}") && text.contains(name), "{name}");
    }
    if let Some(unclosed) = template.unclosed() {
        assert!(unclosed.starts_with("{{") && text.contains(unclosed));
    }
    let empty = template.render(|_| Some(Cow::Borrowed("")));
    let braces = template.render(|_| Some(Cow::Borrowed("{{rule}}")));
    assert_eq!((braces.len() - empty.len()) % "{{rule}}".len(), 0);
    assert_eq!(braces.len() == empty.len(), names.is_empty());
    assert!(template.unknown_names(|_| true).is_empty());
}

/// A value from an event, wherever the project writes one.
pub fn value(data: &[u8]) {
    let value = String::from_utf8_lossy(data);
    let seen = visible(&value);
    assert!(!seen.contains(is_hidden));
    assert_eq!(seen.chars().count(), value.chars().count());

    let line = markdown::text(&value);
    assert!(!line.contains(is_hidden));
    let mut is_escaped = false;
    for character in line.chars() {
        is_escaped = !is_escaped && character == '\\';
        assert!(is_escaped || !"\n\r".contains(character));
    }
    assert!(!is_escaped);
    assert!(!markdown::code(&value).contains('\n'));
    let block = markdown::block("sh", &value);
    let fence = block.split("sh\n").next().unwrap();
    assert_eq!(block.lines().filter(|line| line.trim() == fence).count(), 1, "{block}");

    match shell::word(&value) {
        Some(word) => assert_eq!(read_word(&word), value),
        None => assert!(value.contains(is_hidden)),
    }
    if let Some(option) = shell::option("name", &value) {
        assert_eq!(read_word(option.strip_prefix("--name=").unwrap()), value);
    }
    assert!(!shell::is_plain(&value) || read_word(&value) == value);
}

/// The message of a leg whose names come from events.
pub fn sentence(data: &[u8]) {
    let mut input = Input::new(data);
    let names: Vec<Option<String>> = (0..10).map(|_| input.maybe_text(20)).collect();
    let name = |n: usize| names[n].as_deref();
    let of = Sentence {
        entity: name(0).unwrap_or_default(),
        from_credential: Credential::new(name(1), name(2), name(3)),
        to_credential: Credential::new(name(4), name(5), name(6)),
        from: LegEnd { city: name(7), country: name(8), latitude: input.f64(), longitude: input.f64() },
        to: LegEnd { city: name(9), country: None, latitude: input.f64(), longitude: input.f64() },
        elapsed_seconds: input.f64(),
        distance_km: input.f64(),
        velocity_kmh: input.is().then(|| input.f64()),
        impossible: input.is(),
    };
    let text = message(&of);
    assert!(text.ends_with('.') && !text.contains(is_hidden), "{text}");
    assert!(!travel_time(of.elapsed_seconds).is_empty());
}

/// What a POSIX shell makes of a word that has no expansions.
fn read_word(word: &str) -> String {
    let (mut value, mut rest) = (String::new(), word.chars());
    while let Some(character) = rest.next() {
        match character {
            '\'' => loop {
                match rest.next() {
                    Some('\'') => break,
                    Some(character) => value.push(character),
                    None => panic!("{word} is not closed"),
                }
            },
            '\\' => value.extend(rest.next()),
            plain => {
                assert!(plain.is_ascii_alphanumeric() || "+=,.@_:/-".contains(plain), "{word}");
                value.push(plain);
            }
        }
    }
    value
}
