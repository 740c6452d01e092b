//! Every reason that applies, and downgraded attributes.

use crate::world::*;
use ipnet::IpNet;
use travel_core::place::{Anonymizer, Carrier};
use travel_core::rule::*;

const NOON: Micros = time(0, 12, 0);
const ARRIVES: Micros = NOON + MINUTE;

fn there() -> EvaluatedEvent {
    event(ARRIVES, TOKYO)
}

fn home() -> EvaluatedEvent {
    event(NOON, LONDON)
}

fn on(rule: &Rule, from: EvaluatedEvent, to: EvaluatedEvent) -> Vec<&'static str> {
    reasons(rule, &[from, to]).remove(0).1
}

#[test]
fn before_raise_from_goes_by_when_the_leg_arrives() {
    let rule = |raise_from| Rule { raise_from: Some(raise_from), ..plain() };
    assert_eq!(on(&rule(ARRIVES + 1), home(), there()), ["before_raise_from"]);
    assert_eq!(on(&rule(ARRIVES), home(), there()), [""; 0]);
    assert_eq!(on(&rule(NOON + 1), home(), there()), [""; 0], "it may have left before");
}

#[test]
fn older_events_teach_the_baseline_and_raise_nothing() {
    let later = time(3, 12, 0);
    let rule = Rule { raise_from: Some(later), ..iam_user() };
    let events = [
        home(),
        event(time(2, 12, 0), LONDON),
        event(time(2, 12, 1), TOKYO),
        event(later, LONDON),
        event(later + MINUTE, TOKYO),
    ];
    let verdicts = reasons(&rule, &events);
    assert_eq!(verdicts[0], (time(2, 12, 1), vec!["before_raise_from"]));
    assert_eq!(verdicts[1], (later + MINUTE, vec!["known_place", "known_transition"]));
}

#[test]
fn trusted_only_where_both_ends_are() {
    let trust = |event| EvaluatedEvent { treatment: Some(Treatment::Trusted), ..event };
    assert_eq!(on(&plain(), trust(home()), trust(there())), ["trusted_network"]);
    assert_eq!(on(&plain(), trust(home()), there()), [""; 0]);
    assert_eq!(on(&plain(), home(), trust(there())), [""; 0]);
}

#[test]
fn same_asn_where_the_rule_ignores_it_and_both_ends_are_in_one() {
    let rule =
        Rule { ignored: NetworkAttributes { same_asn: true, ..NetworkAttributes::default() }, ..plain() };
    let asn = |asn, event| EvaluatedEvent { asn, ..event };
    assert_eq!(on(&rule, asn(Some(1), home()), asn(Some(1), there())), ["same_asn"]);
    assert_eq!(on(&rule, asn(Some(1), home()), asn(Some(2), there())), [""; 0]);
    assert_eq!(on(&rule, home(), there()), [""; 0], "unknown is not one");
    assert_eq!(on(&plain(), asn(Some(1), home()), asn(Some(1), there())), [""; 0]);
    let back = [asn(Some(1), home()), asn(Some(1), there()), event(ARRIVES + MINUTE, LONDON)];
    assert_eq!(reasons(&rule, &back)[1].1, [""; 0], "it makes nothing passing: a leg starts there");
}

#[test]
fn no_attribute_applies_to_a_leg_that_touches_tor_but_named_networks_do() {
    let all = NetworkAttributes { anonymizer: true, hosting: true, carrier: true, same_asn: true };
    let rule = Rule { ignored: all, downgraded: all, ..plain() };
    let tor = |event| EvaluatedEvent { anonymizer: Some(Anonymizer::Tor), asn: Some(1), ..event };
    let with_attributes =
        EvaluatedEvent { hosting: true, carrier: Some(Carrier::Mobile), asn: Some(1), ..there() };
    assert_eq!(on(&rule, tor(home()), with_attributes.clone()), [""; 0]);
    assert_eq!(on(&rule, home(), with_attributes.clone()), ["hosting", "carrier"]);
    assert!(!evaluate(&rule, &[tor(home()), with_attributes.clone()], &[], &[]).verdicts[0].downgraded);
    let vpn = EvaluatedEvent { treatment: Some(Treatment::Vpn), ..with_attributes };
    assert_eq!(on(&rule, tor(home()), vpn), ["vpn"]);
    let trust = |event| EvaluatedEvent { treatment: Some(Treatment::Trusted), ..event };
    assert_eq!(on(&rule, trust(tor(home())), trust(there())), ["trusted_network"]);
}

#[test]
fn a_verdict_names_the_networks_that_gave_its_reasons() {
    let ignores_hosting = NetworkAttributes { hosting: true, ..NetworkAttributes::default() };
    let rule = Rule { ignored: ignores_hosting, ..plain() };
    let named = |treatment, network: &str, event: EvaluatedEvent| EvaluatedEvent {
        treatment: Some(treatment),
        details: EventDetails { network: text(network), ..(*event.details).clone() }.into(),
        ..event
    };
    let hosted = |event: EvaluatedEvent| EvaluatedEvent {
        hosting: true,
        details: EventDetails { hosting_network: text("machines"), ..(*event.details).clone() }.into(),
        ..event
    };
    let networks = |from, to| -> Vec<String> {
        let events = [from, to];
        let evaluation = evaluate(&rule, &events, &[], &[]);
        evaluation.verdicts[0].networks.iter().map(ToString::to_string).collect()
    };
    assert_eq!(networks(home(), named(Treatment::Vpn, "vpn", there())), ["vpn"]);
    let office = |event| named(Treatment::Trusted, "office", event);
    assert_eq!(networks(office(home()), named(Treatment::Trusted, "plant", there())), ["office", "plant"]);
    assert_eq!(networks(office(home()), office(there())), ["office"]);
    assert_eq!(networks(office(home()), there()), [""; 0], "one trusted end is no reason");
    assert_eq!(networks(named(Treatment::Place, "place", home()), hosted(there())), ["machines"]);
    assert_eq!(networks(home(), hosted(named(Treatment::Vpn, "vpn", there()))), ["machines", "vpn"]);
}

#[test]
fn a_verdict_names_every_suppression_that_fits() {
    let like =
        |id, pattern: &str| Suppression { id, entity_like: Some(pattern.into()), ..Suppression::default() };
    let suppressions = [like(7, "k%"), like(2, "other"), like(3, "%y")];
    let events = [home(), there()];
    let evaluation = evaluate(&plain(), &events, &[], &suppressions);
    assert_eq!(evaluation.verdicts[0].suppressions, [3, 7]);
    assert!(evaluate(&plain(), &events, &[], &[]).verdicts[0].suppressions.is_empty());
}

fn suppressed(suppression: Suppression) -> bool {
    let verdicts = reasons_with(&plain(), &[home(), there()], &[], &[suppression]);
    verdicts[0].1 == ["suppressed"]
}

#[test]
fn a_suppression_fits_where_every_given_criterion_does() {
    assert!(suppressed(Suppression::default()), "none is given");
    let like = |pattern: &str| Suppression { entity_like: Some(pattern.into()), ..Suppression::default() };
    assert!(suppressed(like("k_y")));
    assert!(!suppressed(like("K%")));
    let fits = Suppression { country_code_a: Some("JP".into()), ..like("key") };
    assert!(suppressed(fits.clone()));
    assert!(!suppressed(Suppression { country_code_a: Some("ES".into()), ..fits.clone() }));
    assert!(!suppressed(Suppression { entity_like: Some("other".into()), ..fits }));
}

#[test]
fn the_two_countries_fit_in_either_order() {
    let countries = |a: Option<&str>, b: Option<&str>| Suppression {
        country_code_a: a.map(Into::into),
        country_code_b: b.map(Into::into),
        ..Suppression::default()
    };
    for (a, b) in [(Some("GB"), Some("JP")), (Some("JP"), Some("GB")), (Some("GB"), None), (None, Some("GB"))]
    {
        assert!(suppressed(countries(a, b)), "{a:?} {b:?}");
    }
    for (a, b) in [(Some("GB"), Some("GB")), (Some("JP"), Some("ES")), (None, Some("ES"))] {
        assert!(!suppressed(countries(a, b)), "{a:?} {b:?}");
    }
    let nowhere = event(ARRIVES, NOWHERE);
    let verdicts = reasons_with(&plain(), &[home(), nowhere], &[], &[countries(Some("GB"), Some("JP"))]);
    assert_eq!(verdicts[0].1, [""; 0], "an unknown country is none of them");
}

#[test]
fn a_suppression_s_network_contains_either_end() {
    let network = |prefix: &str, length| Suppression {
        network: Some(IpNet::new(prefix.parse().unwrap(), length).unwrap()),
        ..Suppression::default()
    };
    let (leaving, arriving) = (home().site.address().unwrap(), there().site.address().unwrap());
    assert!(suppressed(network(&arriving.to_string(), 32)));
    assert!(suppressed(network(&leaving.to_string(), 32)), "the way back from it");
    assert!(suppressed(network("192.0.2.0", 24)));
    assert!(!suppressed(network("198.51.100.0", 24)));
    assert!(!suppressed(network("::", 0)));
    let both =
        |code: &str| Suppression { country_code_a: Some(code.into()), ..network(&leaving.to_string(), 32) };
    assert!(suppressed(both("JP")), "the country may be that of the other end");
    assert!(!suppressed(both("ES")), "all that is given must fit");
}

#[test]
fn a_suppression_holds_from_its_beginning_until_before_its_end() {
    let valid = |from, until| Suppression { valid_from: from, valid_until: until, ..Suppression::default() };
    assert!(suppressed(valid(Some(ARRIVES), Some(ARRIVES + 1))));
    assert!(!suppressed(valid(Some(ARRIVES + 1), None)));
    assert!(!suppressed(valid(None, Some(ARRIVES))));
}

#[test]
fn all_reasons_are_kept() {
    let all = NetworkAttributes { anonymizer: true, hosting: true, carrier: true, same_asn: true };
    let rule = Rule { ignored: all, raise_from: Some(ARRIVES + 1), ..iam_user() };
    let everything = EvaluatedEvent {
        anonymizer: Some(Anonymizer::Vpn),
        hosting: true,
        carrier: Some(Carrier::Mobile),
        ..there()
    };
    let trusted = EvaluatedEvent { asn: Some(1), treatment: Some(Treatment::Trusted), ..home() };
    let before = event(NOON - 2 * MINUTE, TOKYO);
    let back = event(NOON - MINUTE, LONDON);
    let again = event(NOON - MINUTE / 2, TOKYO);
    let arriving = EvaluatedEvent { asn: Some(1), treatment: Some(Treatment::Trusted), ..everything.clone() };
    let events = [before, back, again, trusted, arriving];
    let verdicts = reasons_with(&rule, &events, &[], &[Suppression::default()]);
    assert_eq!(
        verdicts[3].1,
        [
            "before_raise_from",
            "learning",
            "known_place",
            "known_transition",
            "trusted_network",
            "anonymizer",
            "hosting",
            "carrier",
            "same_asn",
            "suppressed"
        ]
    );
    let vpn = EvaluatedEvent { treatment: Some(Treatment::Vpn), ..everything };
    assert_eq!(
        on(&Rule { ignored: all, ..plain() }, home(), vpn),
        ["vpn", "anonymizer", "hosting", "carrier"]
    );
}

#[test]
fn a_downgraded_attribute_at_either_end_downgrades_but_does_not_suppress() {
    let with_attributes = [
        (
            NetworkAttributes { anonymizer: true, ..NetworkAttributes::default() },
            EvaluatedEvent { anonymizer: Some(Anonymizer::Proxy), ..home() },
        ),
        (
            NetworkAttributes { hosting: true, ..NetworkAttributes::default() },
            EvaluatedEvent { hosting: true, ..home() },
        ),
        (
            NetworkAttributes { carrier: true, ..NetworkAttributes::default() },
            EvaluatedEvent { carrier: Some(Carrier::Mobile), ..home() },
        ),
    ];
    for (downgraded, end) in with_attributes {
        let rule = Rule { downgraded, ..plain() };
        let other_end = EvaluatedEvent { time: ARRIVES + MINUTE, ..end.clone() };
        for events in [[end, there()], [there(), other_end]] {
            let evaluation = evaluate(&rule, &events, &[], &[]);
            assert!(evaluation.verdicts[0].is_raised());
            assert!(evaluation.verdicts[0].downgraded);
            assert_eq!(evaluation.incidents[0].severity, Severity::Low);
            let not_downgraded =
                evaluate(&Rule { downgraded: NetworkAttributes::default(), ..plain() }, &events, &[], &[])
                    .incidents;
            assert_eq!(not_downgraded[0].severity, Severity::Medium);
        }
    }
    let one_as = [EvaluatedEvent { asn: Some(1), ..home() }, EvaluatedEvent { asn: Some(1), ..there() }];
    assert_eq!(evaluate(&plain(), &one_as, &[], &[]).incidents[0].severity, Severity::Low, "as by default");
}
