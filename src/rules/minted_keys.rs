//! Temporary keys and their roots, in `travel_internal.minted_keys`: what rules with lineage know of the events that
//! minted keys (see [`travel_core::rule::lineage`]).
//!
//! An event is read with its own key as the entity. [`resolve`] makes it an event of the root, for all rows of a portion
//! at once. A query for the history of an entity names the keys below it, which [`with_keys_below`] looks up. A root can
//! have any number of them, so they go from one query to the other as an array of PostgreSQL's.
//!
//! Keys are compared with the key and the rule of an index as pairs. No other index can answer that, so the plans do not
//! depend on the statistics of the table, which are often older than the rule.

use super::checkpoints::MemberKind;
use crate::pg::errors::{ScanError, TravelError};
use crate::pg::spi::{self, Argument, Rows};
use crate::pg::types::Type;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use travel_core::rule::lineage::{MintedKey, MintedKeys, Minting, RegroupedKey, Root};
use travel_core::rule::{EvaluatedEvent, Micros};
use travel_core::site::Site;

/// How many rows one statement writes, which bounds the size of its arguments.
const ROWS: usize = 5000;

/// Minted keys as they are stored, and which of them the present pass has found in the source.
#[derive(Default)]
pub struct Stored {
    pub keys: MintedKeys,
    pub seen: HashSet<Arc<str>>,
}

/// The roots of those of these keys that were minted. Within an SPI connection.
pub fn roots<T: AsRef<str>>(rule: &str, keys: &[T]) -> Result<HashMap<Arc<str>, Root>, TravelError> {
    let mut roots = HashMap::new();
    if keys.is_empty() {
        return Ok(roots);
    }
    let rows = by_index(
        "SELECT m.key, m.root, m.root_baseline
         FROM unnest($2::text[]) AS w (key)
         CROSS JOIN LATERAL (
             SELECT * FROM travel_internal.minted_keys AS k
             WHERE (k.key, k.rule) >= (w.key, $1) AND (k.key, k.rule) <= (w.key, $1) AND k.root <> k.key OFFSET 0
         ) AS m",
        &[Argument::text(rule), Argument::texts(keys)],
    );
    spi::columns!(rows => key, root, root_baseline);
    let mut last: Option<Arc<str>> = None;
    for row in rows.iter() {
        pgrx::check_for_interrupts!();
        let (Some(key), Some(name)) = (row.shared_text(key)?, row.text(root)?) else { continue };
        // Most keys of a portion have few roots.
        let root = last.take().filter(|last| **last == *name).unwrap_or_else(|| name.into());
        last = Some(root.clone());
        roots.insert(key, Root { key: root, baseline_entity: row.shared_text(root_baseline)? });
    }
    Ok(roots)
}

/// Makes events of minted keys events of their roots. Within an SPI connection.
pub fn resolve(rule: &str, events: &mut [EvaluatedEvent]) -> Result<(), TravelError> {
    let keys: HashSet<Arc<str>> = events.iter().map(|event| event.entity.clone()).collect();
    let roots = roots(rule, &keys.into_iter().collect::<Vec<_>>())?;
    if !roots.is_empty() {
        move_to_roots(events, |key| roots.get(key));
    }
    Ok(())
}

/// Makes events of minted keys events of the roots that `root_of` gives for these keys.
pub fn move_to_roots<'e, 'r>(
    events: impl IntoIterator<Item = &'e mut EvaluatedEvent>,
    root_of: impl Fn(&str) -> Option<&'r Root>,
) {
    for event in events {
        pgrx::check_for_interrupts!();
        if let Some(root) = root_of(&event.entity) {
            event.entity = root.key.clone();
            event.baseline_entity = root.baseline_entity.clone();
        }
    }
}

/// The keys whose events belong to these entities or baseline users: the entities themselves, and the minted keys below
/// both. They are two arguments for a query, a `text[]` and a `timestamptz[]`: each key with the earliest of the times
/// that are given with its entity and its baseline user. Within an SPI connection.
pub fn with_keys_below(
    rule: &str,
    entities: &HashMap<&str, Micros>,
    baselines: &HashMap<&str, Micros>,
) -> Result<[Argument; 2], TravelError> {
    let below = |names: u8, times: u8, column: &str| {
        format!(
            "SELECT m.key, o.after, true AS is_below
             FROM unnest(${names}::text[], ${times}::timestamptz[]) AS o (name, after)
             CROSS JOIN LATERAL (
                 SELECT k.key FROM travel_internal.minted_keys AS k
                 WHERE (k.{column}, k.rule) >= (o.name, $1) AND (k.{column}, k.rule) <= (o.name, $1) AND k.root <> k.key
                 OFFSET 0
             ) AS m"
        )
    };
    let query = format!(
        "SELECT array_agg(f.key) AS keys, array_agg(f.after) AS times
         FROM (
             SELECT w.key, coalesce(min(w.after) FILTER (WHERE w.is_below), min(w.after)) AS after
             FROM (
                 SELECT o.name AS key, o.after, false AS is_below
                 FROM unnest($2::text[], $3::timestamptz[]) AS o (name, after)
                 UNION ALL
                 {}
                 UNION ALL
                 {}
             ) AS w
             GROUP BY w.key
         ) AS f",
        below(2, 3, "root"),
        below(4, 5, "root_baseline"),
    );
    let [names, after] = names_and_times(entities);
    let [baselines, baselines_after] = names_and_times(baselines);
    let rows = by_index(&query, &[Argument::text(rule), names, after, baselines, baselines_after]);
    spi::columns!(rows => keys, times);
    let array = |column, of: Type| rows.first().and_then(|row| row.datum_copy(column, of));
    let (keys, times) = (array(keys, Type::TextArray), array(times, Type::TimestamptzArray));
    Ok([Argument::text_array(keys), Argument::time_array(times)])
}

/// Names and times as two arrays.
pub fn names_and_times(of: &HashMap<&str, Micros>) -> [Argument; 2] {
    let (names, times): (Vec<&str>, Vec<Micros>) = of.iter().map(|(name, time)| (*name, *time)).unzip();
    [Argument::texts(&names), Argument::times(&times)]
}

/// Loads these keys. With `and_below`, also the keys below them, whatever their depth. `OFFSET 0` makes PostgreSQL look up
/// each wanted key: with statistics from before the rule, it would compare each stored key with each wanted one.
pub fn load<T: AsRef<str>>(
    rule: &str,
    keys: &[T],
    and_below: bool,
    pass: i64,
) -> Result<Stored, TravelError> {
    let mut stored = Stored::default();
    if keys.is_empty() {
        return Ok(stored);
    }
    let wanted = if and_below {
        "WITH RECURSIVE wanted (key) AS (
             SELECT unnest($2::text[])
             UNION
             SELECT m.key FROM wanted AS w
             CROSS JOIN LATERAL (
                 SELECT i.key FROM travel_internal.minted_keys AS i
                 WHERE (i.issuer, i.rule) >= (w.key, $1) AND (i.issuer, i.rule) <= (w.key, $1) OFFSET 0
             ) AS m
         )"
    } else {
        "WITH wanted (key) AS (SELECT unnest($2::text[]))"
    };
    let query = format!(
        "{wanted}
         SELECT m.key, m.issuer, m.minted_at, m.site::text AS site, m.baseline_entity, m.root, m.root_baseline,
                m.pass = $3 AS seen
         FROM wanted AS w
         CROSS JOIN LATERAL (
             SELECT * FROM travel_internal.minted_keys AS k
             WHERE (k.key, k.rule) >= (w.key, $1) AND (k.key, k.rule) <= (w.key, $1) OFFSET 0
         ) AS m"
    );
    let rows = by_index(&query, &[Argument::text(rule), Argument::texts(keys), Argument::bigint(pass)]);
    spi::columns!(rows => key, issuer, minted_at, site, baseline_entity, root, root_baseline, seen);
    // A root can have any number of keys below it, so the loop must be interruptible.
    for row in rows.iter() {
        pgrx::check_for_interrupts!();
        let (Some(key), Some(issuer), Some(time), Some(root)) =
            (row.shared_text(key)?, row.shared_text(issuer)?, row.i64(minted_at), row.shared_text(root)?)
        else {
            continue;
        };
        let site = row.text(site)?.map(|stored| site_of(rule, stored)).transpose()?;
        let minting = Minting { time, site, issuer, baseline_entity: row.shared_text(baseline_entity)? };
        let root =
            (root != key).then_some(Root { key: root, baseline_entity: row.shared_text(root_baseline)? });
        if row.is_true(seen) {
            stored.seen.insert(key.clone());
        }
        stored.keys.insert(key, MintedKey { minting, root });
    }
    Ok(stored)
}

fn by_index(query: &str, arguments: &[Argument]) -> Rows {
    spi::with_settings(&spi::BY_INDEX, || spi::select(query, arguments))
}

fn site_of(rule: &str, stored: &str) -> Result<Site, TravelError> {
    serde_json::from_str(stored).map_err(|error| {
        ScanError::CheckpointUnreadable {
            rule: rule.to_owned(),
            detail: format!("{error} in travel_internal.minted_keys.site"),
        }
        .into()
    })
}

/// Keys whose minting event lies after a time, and that this pass, which has read all events since then, has not found
/// in the source: at most `count` of them.
pub fn lost(rule: &str, after: Option<Micros>, pass: i64, count: usize) -> Result<Vec<String>, TravelError> {
    spi::texts(
        &format!(
            "SELECT key FROM travel_internal.minted_keys
             WHERE rule = $1 AND minted_at > coalesce($2, '-infinity') AND pass IS DISTINCT FROM $3
             LIMIT {count}"
        ),
        &[Argument::text(rule), Argument::time(after), Argument::bigint(pass)],
    )
}

/// Notes that this pass has found the minting events of these keys in the source.
pub fn note_seen(rule: &str, keys: &[Arc<str>], pass: i64) {
    for keys in keys.chunks(ROWS) {
        spi::execute(
            "UPDATE travel_internal.minted_keys SET pass = $3 WHERE rule = $1 AND key = ANY ($2)",
            &[Argument::text(rule), Argument::texts(keys), Argument::bigint(pass)],
        );
    }
}

/// Stores what changed.
pub fn write(rule: &str, regrouped: &[RegroupedKey]) -> Result<(), TravelError> {
    let gone: Vec<&Arc<str>> = regrouped.iter().filter(|key| key.now.is_none()).map(|key| &key.key).collect();
    if !gone.is_empty() {
        spi::execute(
            "DELETE FROM travel_internal.minted_keys WHERE rule = $1 AND key = ANY ($2)",
            &[Argument::text(rule), Argument::texts(&gone)],
        );
    }
    let put: Vec<(&Arc<str>, &MintedKey)> =
        regrouped.iter().filter_map(|key| Some((&key.key, key.now.as_ref()?))).collect();
    for rows in put.chunks(ROWS) {
        let text = |of: fn(&MintedKey) -> Option<Arc<str>>| {
            Argument::optional_texts(&rows.iter().map(|(_, minted)| of(minted)).collect::<Vec<_>>())
        };
        let keys: Vec<&Arc<str>> = rows.iter().map(|(key, _)| *key).collect();
        let times: Vec<Micros> = rows.iter().map(|(_, minted)| minted.minting.time).collect();
        let roots: Vec<&Arc<str>> =
            rows.iter().map(|(key, minted)| minted.root.as_ref().map_or(*key, |root| &root.key)).collect();
        let sites: Vec<Option<String>> = rows
            .iter()
            .map(|(_, minted)| minted.minting.site.map(|site| serde_json::to_string(&site)).transpose())
            .collect::<Result<_, _>>()
            .map_err(|error| ScanError::CheckpointUnwritable { detail: error.to_string() })?;
        spi::execute(
            "INSERT INTO travel_internal.minted_keys
                 (rule, key, issuer, minted_at, site, baseline_entity, root, root_baseline)
             SELECT $1, n.key, n.issuer, n.minted_at, n.site::json, n.baseline_entity, n.root, n.root_baseline
             FROM unnest($2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::text[])
                 AS n (key, issuer, minted_at, site, baseline_entity, root, root_baseline)
             ON CONFLICT (rule, key) DO UPDATE
             SET issuer = excluded.issuer, minted_at = excluded.minted_at, site = excluded.site,
                 baseline_entity = excluded.baseline_entity, root = excluded.root,
                 root_baseline = excluded.root_baseline",
            &[
                Argument::text(rule),
                Argument::texts(&keys),
                text(|minted| Some(minted.minting.issuer.clone())),
                Argument::times(&times),
                Argument::optional_texts(&sites),
                text(|minted| minted.minting.baseline_entity.clone()),
                Argument::texts(&roots),
                text(|minted| minted.root.as_ref()?.baseline_entity.clone()),
            ],
        );
    }
    Ok(())
}

/// Of the members that changed keys left or joined, those whose evaluation is concerned: members that were evaluated
/// and that a key left, and members that a key joined after this pass had read their whole history.
pub fn concerned(
    rule: &str,
    pass: i64,
    left: &[Arc<str>],
    joined: &BTreeMap<MemberKind, Vec<Arc<str>>>,
) -> Result<HashSet<(MemberKind, Arc<str>)>, TravelError> {
    let mut concerned = HashSet::new();
    for kind in [MemberKind::Entity, MemberKind::Baseline] {
        let left = if kind == MemberKind::Entity { left } else { &[] };
        let joined = joined.get(&kind).map(Vec::as_slice).unwrap_or_default();
        let query = format!(
            "SELECT {name} AS member FROM {table}
             WHERE rule = $1 AND {name} = ANY ($2)
             UNION
             SELECT {name} FROM {table}
             WHERE rule = $1 AND {name} = ANY ($3)
               AND pass = $4 AND evaluated_from < 'infinity'",
            name = kind.column(),
            table = kind.table(),
        );
        let arguments =
            [Argument::text(rule), Argument::texts(left), Argument::texts(joined), Argument::bigint(pass)];
        let rows = by_index(&query, &arguments);
        spi::columns!(rows => member);
        for row in rows.iter() {
            concerned.extend(row.shared_text(member)?.map(|name| (kind, name)));
        }
    }
    Ok(concerned)
}
