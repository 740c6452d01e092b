//! Which stored alert an incident is.

use std::collections::BTreeSet;
use travel_core::rule::*;

fn incident(first_seen: Micros, legs: &[&str]) -> Incident {
    Incident {
        entity: "key".into(),
        first_seen,
        last_seen: first_seen,
        legs: legs.iter().map(|leg| (*leg).into()).collect(),
        all_downgraded: false,
        severity: Severity::Medium,
        evidence: BTreeSet::new(),
    }
}

fn stored(id: i64, legs: &[&str]) -> StoredAlert {
    let legs = legs.iter().map(|leg| (*leg).into()).collect();
    StoredAlert { id, legs, archived: false, rule_deleted: false }
}

fn archived(id: i64, legs: &[&str]) -> StoredAlert {
    StoredAlert { archived: true, ..stored(id, legs) }
}

const fn kept(id: i64) -> AlertIdentity {
    AlertIdentity::Stored { id, reopened: false }
}

#[test]
fn an_incident_keeps_the_id_of_an_alert_that_shares_a_raised_leg() {
    let assignment = assign(&[incident(1, &["a", "b"])], &[stored(7, &["b"])]);
    assert_eq!(assignment, Assignment { incidents: vec![kept(7)], withdrawn: vec![] });
    let assignment = assign(&[incident(1, &["a"])], &[]);
    assert_eq!(assignment, Assignment { incidents: vec![AlertIdentity::New], withdrawn: vec![] });
}

#[test]
fn an_alert_without_its_legs_is_withdrawn() {
    let assignment = assign(&[incident(1, &["c"])], &[stored(7, &["a"]), stored(8, &[])]);
    assert_eq!(assignment, Assignment { incidents: vec![AlertIdentity::New], withdrawn: vec![7, 8] });
}

#[test]
fn where_alerts_merge_the_oldest_id_stays() {
    let assignment = assign(&[incident(1, &["a", "b"])], &[stored(8, &["a"]), stored(7, &["b"])]);
    assert_eq!(assignment, Assignment { incidents: vec![kept(7)], withdrawn: vec![8] });
}

#[test]
fn where_an_alert_splits_the_first_incident_keeps_it() {
    let incidents = [incident(2, &["b"]), incident(1, &["a"])];
    let assignment = assign(&incidents, &[stored(7, &["a", "b"])]);
    assert_eq!(assignment.incidents, [AlertIdentity::New, kept(7)]);
}

#[test]
fn what_is_taken_is_not_taken_again() {
    let incidents = [incident(1, &["a"]), incident(2, &["b", "c"])];
    let assignment = assign(&incidents, &[stored(7, &["a", "b"]), stored(8, &["c"])]);
    assert_eq!(assignment, Assignment { incidents: vec![kept(7), kept(8)], withdrawn: vec![] });
}

#[test]
fn a_leg_raised_into_an_archived_alert_reopens_it() {
    let reopened = AlertIdentity::Stored { id: 7, reopened: true };
    let taken = |incident, stored| assign(&[incident], &[stored]).incidents.remove(0);
    assert_eq!(taken(incident(1, &["a", "b"]), archived(7, &["a"])), reopened);
    assert_eq!(taken(incident(1, &["a"]), archived(7, &["a", "b"])), kept(7), "a leg that it loses does not");
    assert_eq!(taken(incident(1, &["a"]), archived(7, &["a"])), kept(7), "nor one that it had");
    assert_eq!(taken(incident(1, &["a", "b"]), stored(7, &["a"])), kept(7), "an open one stays open");
    let deleted = StoredAlert { rule_deleted: true, ..archived(7, &["a"]) };
    assert_eq!(taken(incident(1, &["a"]), deleted), reopened, "only its rule's deletion archived it");
    // The legs of an open alert do not vanish into an archived one.
    let merged = assign(&[incident(1, &["a", "b"])], &[archived(7, &["a"]), stored(8, &["b"])]);
    assert_eq!(merged, Assignment { incidents: vec![reopened], withdrawn: vec![8] });
}
