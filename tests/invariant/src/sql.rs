//! The SQL statements of a case.

use crate::case::{BaselineColumn, Case, EXCLUDED, EarlierSettings, EntityColumns, Source};
use std::fmt::Display;
use std::net::IpAddr;
use travel_core::rule::settings::{DAY, SECOND};
use travel_core::rule::*;

pub const TABLES: [Source; 5] =
    [Source::Events, Source::Partitioned, Source::Transactions, Source::Arrivals, Source::Lookback];

pub fn table(source: Source) -> &'static str {
    match source {
        Source::Events => "public.events",
        Source::Partitioned => "public.partitioned",
        Source::Transactions => "public.transactions",
        Source::Arrivals => "public.arrivals",
        Source::Lookback => "public.lookbacks",
    }
}

pub fn create_table(source: Source) -> String {
    let table = table(source);
    let more = match source {
        Source::Events => return format!("SELECT travel.create_events_table('{table}')"),
        Source::Partitioned => {
            return format!("SELECT travel.create_events_table('{table}', partitioned => true)");
        }
        Source::Transactions => ", ingest_xid xid8 NOT NULL DEFAULT pg_current_xact_id()",
        Source::Arrivals => ", arrived timestamptz NOT NULL",
        Source::Lookback => "",
    };
    format!(
        "CREATE TABLE {table} (event_id text, event_time timestamptz, source_ip inet, account_id text, session_name text, \
         user_name text, actor text, principal text, access_key_id text, event_name text, user_agent text, outcome text, \
         identity_type text, mfa_used boolean, issued_access_key_id text{more})"
    )
}

/// Drops the partitions of the months of the histories, so the next rows are in the DEFAULT partition again.
pub fn drop_partitions() -> &'static str {
    "DO $$ DECLARE name text; BEGIN
         FOR name IN SELECT i.inhrelid::regclass FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
             WHERE i.inhparent = 'public.partitioned'::regclass AND c.relname ~ '_2025_'
         LOOP EXECUTE format('DROP TABLE %s', name); END LOOP;
     END $$"
}

/// Makes the partitions of the months of all rows, into which the rows are moved.
pub fn make_partitions() -> &'static str {
    "CALL travel.make_partitions('public.partitioned', now())"
}

pub fn insert(case: &Case, table: &str, rows: &[usize]) -> String {
    let arrived = if case.source == Source::Arrivals { ", arrived" } else { "" };
    let values: Vec<String> = rows.iter().map(|row| format!("\n  ({})", values(case, *row))).collect();
    format!(
        "INSERT INTO {table} (event_id, event_time, source_ip, account_id, session_name, user_name, actor, principal, \
         access_key_id, event_name, user_agent, outcome, identity_type, mfa_used, issued_access_key_id{arrived}) VALUES{}",
        values.join(",")
    )
}

fn values(case: &Case, at: usize) -> String {
    let row = &case.rows[at];
    let mint = case.mints.get(at).and_then(Option::as_ref);
    let address = row.site.address().filter(|_| mint.is_none_or(|mint| mint.has_address));
    let address = address.map(|address| address.to_string());
    // An address is the same host however it is written.
    let address =
        address.map(|text| if at % 7 == 3 && !text.contains(':') { format!("::ffff:{text}") } else { text });
    let (account, session) = match (case.entity, row.entity.split_once(" | ")) {
        (EntityColumns::Pair, Some((account, session))) => (Some(account), Some(session)),
        (EntityColumns::Name | EntityColumns::Pair, _) => (None, Some(&*row.entity)),
        (EntityColumns::Key, _) => (None, None),
    };
    let person = row.baseline_entity.as_deref();
    let (user_name, actor, principal) = match (case.baseline, person) {
        (BaselineColumn::Column, person) => (person, Some("nobody"), Some("nobody")),
        (BaselineColumn::Person, Some("bob")) => (Some("nobody"), None, person),
        (BaselineColumn::Person, Some(_)) => (Some("nobody"), person, Some("nobody")),
        (BaselineColumn::Person, None) => (Some("nobody"), None, None),
    };
    let mut values = vec![
        nullable(row.event_id.as_deref()),
        literal(utc(row.time)),
        nullable(address.as_deref()),
        nullable(account),
        nullable(session),
        nullable(user_name),
        nullable(actor),
        nullable(principal),
        nullable(row.access_key_id.as_deref()),
        nullable(row.event_name.as_deref()),
        nullable(row.user_agent.as_deref()),
        nullable(row.outcome.as_deref()),
        nullable(row.identity_type.as_deref()),
        row.mfa_used.map_or_else(|| "NULL".to_owned(), |used| used.to_string()),
        nullable(mint.map(|mint| &*mint.key)),
    ];
    if case.source == Source::Arrivals {
        values.push(literal(utc(case.arrived[at])));
    }
    values.join(", ")
}

pub fn insert_rule(case: &Case, name: &str, rule: &Rule) -> String {
    let condition = case.has_lineage().then(|| format!("event_name <> {}", literal(EXCLUDED)));
    let mut columns = vec![
        ("name", literal(name)),
        ("owner", "current_user".to_owned()),
        ("source", literal(table(case.source))),
        (
            "entity",
            literal(match case.entity {
                EntityColumns::Key => "access_key_id",
                EntityColumns::Name => "session_name",
                EntityColumns::Pair => "account_id, session_name",
            }),
        ),
        ("baseline_entity", nullable((case.baseline == BaselineColumn::Column).then_some("user_name"))),
        ("arrival_column", nullable((case.source == Source::Arrivals).then_some("arrived"))),
        ("lookback", interval(case.lookback)),
        ("lineage", case.has_lineage().to_string()),
        ("condition", nullable(condition.as_deref())),
    ];
    columns.extend(settings(rule));
    let (names, values): (Vec<&str>, Vec<String>) = columns.into_iter().unzip();
    format!("INSERT INTO travel.rules ({}) VALUES ({})", names.join(", "), values.join(", "))
}

pub fn set_source(name: &str, table: &str) -> String {
    format!("UPDATE travel.rules SET source = {} WHERE name = {}", literal(table), literal(name))
}

pub fn update_rule(name: &str, rule: &Rule) -> String {
    let set: Vec<String> =
        settings(rule).into_iter().map(|(name, value)| format!("{name} = {value}")).collect();
    format!("UPDATE travel.rules SET {} WHERE name = {}", set.join(", "), literal(name))
}

fn settings(rule: &Rule) -> Vec<(&'static str, String)> {
    vec![
        ("min_distance_km", rule.thresholds.min_distance_km.to_string()),
        ("min_velocity_kmh", rule.thresholds.min_velocity_kmh.to_string()),
        ("use_accuracy", rule.thresholds.use_accuracy.to_string()),
        ("baseline", rule.baseline.to_string()),
        ("learning_period", interval(rule.learning_period)),
        ("forget_after", interval(rule.forget_after)),
        ("trial_period", interval(rule.trial_period)),
        ("learn", literal(rule.learn.into_str())),
        ("learn_transitions", rule.learn_transitions.to_string()),
        ("downgraded", attributes(rule.downgraded)),
        ("ignored", attributes(rule.ignored)),
        ("keep_alive", interval(rule.keep_alive)),
        ("max_duration", interval(rule.max_duration)),
        ("raise_from", nullable(rule.raise_from.map(utc).as_deref())),
        ("severity", literal(rule.severity.into_str())),
    ]
}

/// The rows of analysts and the suppressions of a rule.
pub fn analyst_statements(name: &str, analysts: &[AnalystRow], suppressions: &[Suppression]) -> Vec<String> {
    let rule = literal(name);
    let mut statements = Vec::new();
    for row in analysts {
        let (of, from) = (literal(&row.baseline_entity), literal(utc(row.valid_from)));
        let until = nullable(row.valid_until.map(utc).as_deref());
        statements.push(match &row.known {
            KnownItem::Place(at) => format!(
                "INSERT INTO travel.known_places (rule, baseline_entity, country_code, subdivision, city, valid_from, valid_until) \
                 VALUES ({rule}, {of}, {}, {from}, {until})",
                place(at)
            ),
            KnownItem::Transition(pair) => format!(
                "INSERT INTO travel.known_transitions (rule, baseline_entity, from_country_code, from_subdivision, from_city, \
                 to_country_code, to_subdivision, to_city, valid_from, valid_until) VALUES ({rule}, {of}, {}, {}, {from}, {until})",
                place(&pair.from),
                place(&pair.to)
            ),
        });
    }
    for row in suppressions {
        let network = row.network.map(|network| network.to_string());
        statements.push(format!(
            "INSERT INTO travel.suppressions (rule, entity_like, country_code_a, country_code_b, network, valid_from, \
             valid_until, reason) VALUES ({rule}, {}, {}, {}, {}, {}, {}, 'a test')",
            nullable(row.entity_like.as_deref()),
            nullable(row.country_code_a.as_deref()),
            nullable(row.country_code_b.as_deref()),
            nullable(network.as_deref()),
            nullable(row.valid_from.map(utc).as_deref()),
            nullable(row.valid_until.map(utc).as_deref()),
        ));
    }
    statements
}

/// The statements that give a rule its final settings.
pub fn change(case: &Case, name: &str) -> Vec<String> {
    let rule = literal(name);
    let mut statements =
        vec![update_rule(name, &case.rule), format!("DELETE FROM travel.suppressions WHERE rule = {rule}")];
    // The triggers would end a row that is in force instead of deleting it.
    for table in ["travel.known_places", "travel.known_transitions"] {
        statements.push("SET session_replication_role = replica".to_owned());
        statements.push(format!("DELETE FROM {table} WHERE rule = {rule} AND origin = 'analyst'"));
        statements.push("RESET session_replication_role".to_owned());
    }
    statements.extend(analyst_statements(name, &case.analysts, &case.suppressions));
    statements
}

pub fn first_settings(case: &Case) -> EarlierSettings {
    case.earlier.clone().unwrap_or_else(|| EarlierSettings {
        rule: case.rule.clone(),
        analysts: case.analysts.clone(),
        suppressions: case.suppressions.clone(),
    })
}

pub fn networks(case: &Case) -> Vec<String> {
    let mut statements = vec!["DELETE FROM travel.networks".to_owned()];
    for (address, treatment) in case.networks() {
        let treatment = treatment.into_str();
        statements.push(format!(
            "INSERT INTO travel.networks (network, name, treatment) VALUES ('{address}', '{}', '{treatment}')",
            network_name(address)
        ));
    }
    statements
}

/// The name of the network that treats an address.
pub fn network_name(address: IpAddr) -> String {
    format!("n{address}")
}

/// The statements that move all addresses of the case, every other one to the other side of the Earth.
pub fn other_edition(case: &Case) -> Vec<String> {
    let at = ["-33.87, 151.21, 'Elsewhere 1', 'AU'", "-12.05, -77.04, 'Elsewhere 2', 'PE'"];
    let row = |((address, _), at): ((IpAddr, &EvaluatedEvent), &&str)| {
        format!(
            "INSERT INTO travel.networks (network, name, latitude, longitude, city, country_code) \
             VALUES ('{address}', 'other edition', {at})"
        )
    };
    case.addresses().into_iter().zip(at.iter().cycle()).map(row).collect()
}

fn place(place: &PlaceKey) -> String {
    let (subdivision, city) = (nullable(place.subdivision.as_deref()), nullable(place.city.as_deref()));
    format!("{}, {subdivision}, {city}", literal(&place.country_code))
}

fn attributes(attributes: NetworkAttributes) -> String {
    let names = [
        ("anonymizer", attributes.anonymizer),
        ("hosting", attributes.hosting),
        ("carrier", attributes.carrier),
        ("same_asn", attributes.same_asn),
    ];
    let names: Vec<&str> = names.into_iter().filter(|(_, is)| *is).map(|(name, _)| name).collect();
    format!("'{{{}}}'", names.join(","))
}

fn interval(length: Micros) -> String {
    format!("interval '{} seconds'", length / SECOND)
}

pub fn literal(text: impl Display) -> String {
    format!("'{}'", text.to_string().replace('\'', "''"))
}

fn nullable(text: Option<&str>) -> String {
    text.map_or_else(|| "NULL".to_owned(), literal)
}

/// A time in whole seconds in the form of PostgreSQL.
pub fn utc(time: Micros) -> String {
    // Howard Hinnant's calendar, from 0000-03-01 on.
    let days = time.div_euclid(DAY) + 730_425;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    let seconds = time.rem_euclid(DAY) / SECOND;
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}+00",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}
