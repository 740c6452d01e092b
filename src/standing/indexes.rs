//! Which indexes a scan of a rule would use, asked of the planner: so those of partitions, of the tables under a view, and
//! over expressions count as well.

use super::definition::Definition;
use super::queries::{Arrival, Queries};
use crate::detect::{notice, quoted};
use crate::pg::errors::TravelError;
use crate::pg::spi;
use pgrx::pg_sys;
use serde_json::Value;

/// What stands in the questions for an entity and for a time: found again in the plans.
const ENTITY: &str = "impossible_travel: some entity";
const TIME: &str = "2001-02-03 04:05:06";
const TRANSACTION: &str = "20010203040506";

/// Says which indexes are missing, each with the statement that makes it. With the owner's rights, within an SPI
/// connection.
pub fn notices(definition: &Definition, queries: &Queries) -> Result<(), TravelError> {
    let advice = Advice::of(queries)?;
    let time = queries.events.time();
    advice.of_pair("the events of one entity", &queries.entity, &time)?;
    if definition.baseline && queries.has_baseline() && queries.baseline_entity != queries.entity {
        advice.of_pair("the events of one baseline entity", &queries.baseline_entity, &time)?;
    }
    advice.of_one("events by their time", &queries.events.time_key(), &queries.events.time_bound_at(TIME), TIME)?;
    match &queries.arrival {
        Arrival::Transaction(column) => {
            advice.of_one("new events", column, &format!("{column} >= '{TRANSACTION}'::xid8"), TRANSACTION)
        }
        Arrival::Column(column) => {
            advice.of_one("new events", column, &format!("{column} > timestamptz '{TIME}+00'"), TIME)
        }
        Arrival::Lookback => Ok(()),
    }
}

struct Advice<'a> {
    queries: &'a Queries,
    /// Of the relation, as in pg_class.
    kind: u8,
}

impl<'a> Advice<'a> {
    fn of(queries: &'a Queries) -> Result<Self, TravelError> {
        let name = crate::detect::Source::find(&queries.source);
        // SAFETY: a catalog look-up by oid.
        let kind = name.map_or(0, |oid| unsafe { pg_sys::get_rel_relkind(oid) } as u8);
        Ok(Self { queries, kind })
    }

    /// Whether an index leads from a key and a time to a few rows.
    fn of_pair(&self, what: &str, key: &str, time: &str) -> Result<(), TravelError> {
        let is_key = format!("{key} = '{ENTITY}'");
        let plan = self.plan(&is_key)?;
        let mut served = plan.is_by_index(ENTITY);
        if served {
            // One that begins with the key and goes on otherwise leads to all of its rows. Where the planner takes
            // another index, the table is small.
            let plan = self.plan(&format!("{is_key} AND {time} > timestamptz '{TIME}+00'"))?;
            served = !(plan.is_by_index(ENTITY) && plan.is_filtered(TIME));
        }
        if !served {
            self.say(what, &[key, time]);
        }
        Ok(())
    }

    fn of_one(&self, what: &str, key: &str, condition: &str, marker: &str) -> Result<(), TravelError> {
        if !self.plan(condition)?.is_by_index(marker) {
            self.say(what, &[key]);
        }
        Ok(())
    }

    fn plan(&self, condition: &str) -> Result<Plan, TravelError> {
        let query = format!("EXPLAIN (FORMAT json) SELECT 1 FROM {} WHERE {condition}", self.queries.from);
        let settings =
            [(c"enable_seqscan", c"off"), (c"timezone", c"UTC"), (c"datestyle", c"ISO"), (c"jit", c"off")];
        spi::with_settings(&settings, || {
            let rows = spi::select(&query, &[]);
            let text = if rows.len > 0 { rows.text(0, 0)? } else { None };
            Ok(Plan(text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()))
        })
    }

    fn say(&self, what: &str, keys: &[&str]) {
        let source = &self.queries.source;
        let message = format!("no index of {source} leads to {what}: a scan reads all of them");
        let plain: Option<Vec<String>> = keys.iter().map(|key| index_key(key)).collect();
        let hint = match (self.kind, plain) {
            // Another server's.
            (b'f', _) => return,
            (b'v', Some(keys)) => {
                format!("Make it on the tables under the view, over what is there ({}).", keys.join(", "))
            }
            (_, Some(keys)) => format!("CREATE INDEX ON {source} ({});", keys.join(", ")),
            (_, None) => "What columns takes out of a record or another expression is computed row by row: keep it in columns \
                          of a table, such as travel.create_events_table makes."
                .to_owned(),
        };
        notice(message, Some(hint));
    }
}

/// An expression over the source (named s) as a key of an index of it.
fn index_key(sql: &str) -> Option<String> {
    let mut key = String::with_capacity(sql.len() + 2);
    let mut before = ' ';
    let mut characters = sql.chars().peekable();
    while let Some(character) = characters.next() {
        let begins_word = !(before.is_alphanumeric() || matches!(before, '_' | '"' | '$' | '.'));
        if begins_word && characters.peek() == Some(&'.') {
            match character {
                // In a text it is no name.
                's' if !sql.contains('\'') => {
                    characters.next();
                    before = '.';
                    continue;
                }
                's' | 'r' => return None,
                _ => {}
            }
        }
        key.push(character);
        before = character;
    }
    let is_column = sql.strip_prefix("s.").is_some_and(|name| {
        let bare = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name);
        quoted(&bare.replace("\"\"", "\"")) == name
    });
    Some(if is_column { key } else { format!("({key})") })
}

/// A plan as EXPLAIN writes it.
struct Plan(Value);

impl Plan {
    /// Whether a condition with this text in it is answered by an index, wherever it is asked. A plan without any such
    /// condition (there are no partitions) needs none.
    fn is_by_index(&self, marker: &str) -> bool {
        let (mut indexed, mut filtered) = (false, false);
        visit(&self.0, &mut |name, condition| {
            if condition.contains(marker) {
                match name {
                    "Index Cond" => indexed = true,
                    "Filter" | "Join Filter" => filtered = true,
                    _ => {}
                }
            }
        });
        !filtered || indexed && !filtered
    }

    fn is_filtered(&self, marker: &str) -> bool {
        let mut filtered = false;
        visit(&self.0, &mut |name, condition| {
            filtered |= matches!(name, "Filter" | "Join Filter") && condition.contains(marker);
        });
        filtered
    }
}

fn visit(value: &Value, see: &mut impl FnMut(&str, &str)) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| visit(item, see)),
        Value::Object(fields) => {
            for (name, value) in fields {
                if let Value::String(text) = value {
                    see(name, text);
                }
                visit(value, see);
            }
        }
        _ => {}
    }
}
