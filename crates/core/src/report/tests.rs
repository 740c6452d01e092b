use super::*;
use serde_json::json;

fn alert() -> Value {
    json!({
        "id": 4, "rule": "access_key", "entity": "ASIA0", "message": "used in Frankfurt and in Singapore",
        "severity": "medium", "status": "archived", "archive_reason": "true_positive", "assignee": null,
        "first_seen": "2026-03-05T14:25:10+00:00", "last_seen": "2026-03-05T14:50:00+00:00", "leg_count": 2,
        "evidence": ["no_mfa", "of_a_later_version"],
        "from_time": "2026-03-05T14:05:10+00:00", "from_city": "Frankfurt", "from_country": "Germany",
        "from_latitude": 50.1155, "from_longitude": 8.6842, "from_accuracy_km": 20,
        "to_time": "2026-03-05T14:25:10+00:00", "to_city": "Singapore", "to_country_code": "SG",
        "to_ip": "198.19.0.77", "to_asn": 64500, "to_hosting": "digitalocean", "to_event_name": "ListSecrets",
        "distance_km": 10265.4, "effective_distance_km": 10245.4, "travel_time": "20 minutes", "velocity_kmh": 30796.2
    })
}

fn page<'a>(alert: &'a Value, change: impl FnOnce(&mut ReportInput<'a>)) -> String {
    let mut input = ReportInput {
        alert,
        legs: &[],
        leg_count: 0,
        known: &[],
        known_places: &[],
        known_place_count: 0,
        activity: Ok(&[]),
        containment: "# Containment\n",
        rule: None,
    };
    change(&mut input);
    report(&input)
}

#[test]
fn both_ends_stand_side_by_side() {
    let page = page(&alert(), |_| ());
    for line in [
        "# Alert 4: `ASIA0`",
        "| Status | archived: true\\_positive |",
        "| Time | 2026-03-05 14:05:10 UTC | 2026-03-05 14:25:10 UTC |",
        "| Location | Frankfurt, Germany | Singapore, SG |",
        "| Coordinates | 50.1155, 8.6842 (within 20 km) |  |",
        "| Network |  | AS 64500, hosting: digitalocean |",
        "10265 km in 20 minutes: 30796 km/h (at least 10245 km apart, given the accuracy).",
        "- `of_a_later_version`",
        "The rule `access_key` was deleted.",
    ] {
        assert!(page.lines().any(|found| found == line), "{line}\n{page}");
    }
    assert!(page.contains("- `no_mfa`: "));
    assert!(!page.contains("Assignee") && !page.contains("User agent"), "{page}");
}

#[test]
fn an_open_alert_shows_why_it_had_been_archived_only_with_the_time_of_reopening() {
    let mut alert = alert();
    alert["reopened_at"] = "2026-03-06T08:00:00+00:00".into();
    assert!(page(&alert, |_| ()).contains("| Reopened | 2026-03-06 08:00:00 UTC |\n"));
    alert["status"] = "open".into();
    let page = page(&alert, |_| ());
    assert!(page.contains("| Status | open |\n"), "{page}");
    let line = "| Reopened | 2026-03-06 08:00:00 UTC, after it was archived as true\\_positive |\n";
    assert!(page.contains(line), "{page}");
}

#[test]
fn a_list_says_how_many_rows_it_leaves_out() {
    let leg = json!({"from_city": "Frankfurt", "to_city": "Singapore"});
    let legs = [leg.clone(), leg];
    let ends = |n: usize| KnownEnds {
        baseline_entity: Some("carol".to_owned()),
        from: ("Frankfurt".to_owned(), true),
        to: (format!("City {n}"), false),
    };
    let known: Vec<KnownEnds> = (1..ROWS + 7).map(ends).collect();
    let page = page(&alert(), |input| {
        (input.legs, input.leg_count) = (&legs, 1234);
        (input.known_places, input.known_place_count) = (&legs, 51);
        input.known = &known;
    });
    for line in [
        "1184 more are in `travel.verdicts`.",
        "1 more is in `travel.known_places`.",
        "7 more are in the legs in `travel.verdicts`.",
    ] {
        assert!(page.lines().any(|found| found == line), "{line}\n{page}");
    }
    assert_eq!(page.matches(" was not known.").count(), ROWS - 1);
}

#[test]
fn what_was_known_names_each_location_once() {
    let ends = KnownEnds {
        baseline_entity: Some("carol".to_owned()),
        from: ("Frankfurt, DE".to_owned(), true),
        to: (String::new(), false),
    };
    let known = [ends.clone(), ends];
    let page = page(&alert(), |input| input.known = &known);
    assert_eq!(page.matches("- Frankfurt, DE was known.").count(), 1, "{page}");
    assert_eq!(page.matches("- A location without a name was not known.").count(), 1);
    assert!(page.contains("Today no location of the baseline user is known."));
}

#[test]
fn activity_marks_writes_and_denials() {
    let rows = [json!({
        "event_name": "CreateUser", "event_source": "iam.amazonaws.com", "read_only": false, "outcome": "denied",
        "denied": true, "events": 3, "first_time": "2026-03-05T14:26:00+00:00", "source_ips": ["198.19.0.77"],
        "access_key_ids": ["ASIA0"]
    })];
    let page = page(&alert(), |input| input.activity = Ok(&rows));
    let line = "| `CreateUser` | iam.amazonaws.com | **write** | **denied** | 3 | 2026-03-05 14:26:00 UTC |  | \
                `198.19.0.77` | `ASIA0` |";
    assert!(page.lines().any(|found| found == line), "{page}");
}

#[test]
fn activity_says_how_many_addresses_and_keys_it_leaves_out() {
    let rows = [json!({
        "event_name": "ListUsers", "source_ips": ["198.19.0.77", "198.19.0.78"], "source_ip_count": 5,
        "access_key_ids": ["ASIA0"], "access_key_count": 1
    })];
    let page = page(&alert(), |input| input.activity = Ok(&rows));
    assert!(page.contains("| `198.19.0.77`, `198.19.0.78`, and 3 more | `ASIA0` |"), "{page}");
}

#[test]
fn an_activity_that_cannot_be_read_is_said() {
    let page = page(&alert(), |input| input.activity = Err("table \"x|y\" does not exist".to_owned()));
    assert!(page.contains(r#"could not be read: table "x\|y" does not exist."#), "{page}");
}

#[test]
fn a_value_adds_no_lines_cells_or_markup() {
    let hostile = "x|y\n\n# <script>alert(1)</script> `a` **b** [c](https://example.com) ```";
    let mut alert = alert();
    let before = page(&alert, |_| ());
    for (_, value) in alert.as_object_mut().into_iter().flatten() {
        if value.is_string() && !value.as_str().is_some_and(|time| time.ends_with("+00:00")) {
            *value = hostile.into();
        }
    }
    let after = page(&alert, |_| ());
    assert_eq!(before.lines().count(), after.lines().count(), "{after}");
    let cells = |page: &str| -> Vec<usize> {
        page.lines().map(|line| line.replace(r"\|", "").matches('|').count()).collect()
    };
    assert_eq!(cells(&before), cells(&after), "{after}");
    assert!(!after.contains("<script>") && !after.contains("](https"), "{after}");
}

#[test]
fn the_steps_of_triage_stay_a_list() {
    let rule = json!({"goal": "Detect *it*.", "triage": "1. Look.\n2. Act <b>.\n12345. x\n- y"});
    let page = page(&alert(), |input| input.rule = Some(&rule));
    assert!(
        page.ends_with(
            "## Goal\n\nDetect \\*it\\*.\n\n## Triage\n\n1. Look.\n2. Act \\<b\\>.\n12345\\. x\n\\- y\n"
        ),
        "{page}"
    );
}
