//! Which legs the model suppresses.

use travel_core::rule::{EvaluatedEvent, Suppression};

pub fn fits(suppression: &Suppression, a: &EvaluatedEvent, b: &EvaluatedEvent) -> bool {
    let country = |event: &EvaluatedEvent| event.country_code.as_ref().map(ToString::to_string);
    let ends = [(country(a), country(b)), (country(b), country(a))];
    let countries = ends.iter().any(|(one, other)| {
        (suppression.country_code_a.is_none() || suppression.country_code_a == *one)
            && (suppression.country_code_b.is_none() || suppression.country_code_b == *other)
    });
    let network = suppression.network.is_none_or(|network| {
        let bits = |ip: std::net::IpAddr| -> Vec<bool> {
            let bytes = match ip {
                std::net::IpAddr::V4(v4) => v4.octets().to_vec(),
                std::net::IpAddr::V6(v6) => v6.octets().to_vec(),
            };
            bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1)).collect()
        };
        let holds = |event: &EvaluatedEvent| {
            event.site.address().is_some_and(|ip| {
                let (start, ip) = (bits(network.addr()), bits(ip));
                start.len() == ip.len()
                    && (0..usize::from(network.prefix_len())).all(|bit| start[bit] == ip[bit])
            })
        };
        holds(a) || holds(b)
    });
    let pattern = suppression.entity_like.as_deref();
    pattern.is_none_or(|pattern| like(&b.entity, pattern))
        && countries
        && network
        && suppression.valid_from.is_none_or(|from| from <= b.time)
        && suppression.valid_until.is_none_or(|until| b.time < until)
}

/// Patterns of ASCII without escapes.
fn like(text: &str, pattern: &str) -> bool {
    match (pattern.chars().next(), text.chars().next()) {
        (None, rest) => rest.is_none(),
        (Some('%'), rest) => like(text, &pattern[1..]) || (rest.is_some() && like(&text[1..], pattern)),
        (Some('_'), Some(_)) => like(&text[1..], &pattern[1..]),
        (Some(wanted), Some(found)) => wanted == found && like(&text[1..], &pattern[1..]),
        (Some(_), None) => false,
    }
}
