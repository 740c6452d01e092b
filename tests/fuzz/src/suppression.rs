//! Patterns of suppressions, which are those of SQL's LIKE.

use crate::input::Input;
use travel_core::geodesy::Coordinates;
use travel_core::journey::Leg;
use travel_core::rule::{EvaluatedEvent, EventDetails, Suppression, like_exactly};
use travel_core::site::Site;

/// A pattern and a text, compared with a table of all of their prefixes.
pub fn like(data: &[u8]) {
    let mut input = Input::new(data);
    let text = short(&mut input, &['a', 'b', 'é', '%', '_', '\\']);
    let pattern = short(&mut input, &['a', 'b', 'é', '%', '%', '_', '\\']);
    assert_eq!(fits(&text, &pattern), is_like(&text, &pattern), "{text:?} LIKE {pattern:?}");
    assert!(fits(&text, &like_exactly(&text)), "{text:?}");
    assert_eq!(fits(&pattern, &like_exactly(&text)), pattern == text);
}

fn short(input: &mut Input, from: &[char]) -> String {
    (0..input.below(24)).map(|_| input.pick(from)).collect()
}

/// Whether a suppression of a pattern fits a leg of an entity.
fn fits(entity: &str, pattern: &str) -> bool {
    let event = event(entity, 0, "192.0.2.1");
    let suppression = Suppression { entity_like: Some(pattern.to_owned()), ..Suppression::default() };
    suppression.fits(&Leg { from: event.stop(), to: event.stop() })
}

/// An event of which only the entity, the time and the address are known.
pub fn event(entity: &str, time: i64, address: &str) -> EvaluatedEvent {
    EvaluatedEvent {
        entity: entity.into(),
        baseline_entity: Some(entity.into()),
        time,
        site: Site::from_address(address.parse().unwrap()),
        coordinates: Coordinates::default(),
        accuracy_km: None,
        country_code: Some("GB".into()),
        subdivision: None,
        city: None,
        anonymizer: None,
        hosting: false,
        carrier: None,
        asn: None,
        treatment: None,
        event_id: None,
        event_name: None,
        access_key_id: None,
        user_agent: None,
        outcome: None,
        identity_type: None,
        mfa_used: None,
        details: EventDetails::default().into(),
    }
}

/// LIKE by the definition. A pattern that ends in a backslash matches nothing.
fn is_like(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let mut rest: Vec<char> = pattern.chars().rev().collect();
    // Whether the pattern so far matches the text up to each position.
    let mut matched: Vec<bool> = (0..=text.len()).map(|at| at == 0).collect();
    while let Some(token) = rest.pop() {
        let is_escaped = token == '\\';
        let literal = if is_escaped { rest.pop() } else { Some(token) };
        let Some(literal) = literal else { return false };
        matched = (0..=text.len())
            .map(|at| match literal {
                '%' if !is_escaped => matched[..=at].contains(&true),
                '_' if !is_escaped => at > 0 && matched[at - 1],
                literal => at > 0 && matched[at - 1] && text[at - 1] == literal,
            })
            .collect();
    }
    matched[text.len()]
}
