//! The queries over the source of an alert's rule: the events behind the alert, and what the credential did after it.
//!
//! Both begin with the entity and a time, so the index that scans use finds the rows. The temporary keys that the
//! credential issued at the second location or later count as the credential. They are found by the access key. With
//! lineage, the entity is all keys of the chain.
//!
//! - The events behind an alert are those that the rule evaluates: they satisfy its condition, and they are neither
//!   failed sign-ins nor calls of a service.
//! - Afterwards, everything that the credential did counts. A condition selects which events are compared, such as only
//!   sign-ins, and would hide the rest. So of the events of the entity, those count that satisfy the condition, and those
//!   that were made with an access key or an ARN of the alert.

use super::alert::{Alert, parsed};
use super::chain::Chain;
use super::event_columns::{add_outcome, event_column};
use crate::detect::{Events, Expression};
use crate::pg::errors::{AlertError, RuleError, TravelError};
use crate::pg::identifier::literal;
use crate::pg::report::Report;
use crate::pg::role::{Role, with_rights_of};
use crate::pg::spi;
use crate::pg::srf::RowSet;
use crate::rules::definition::Definition;
use crate::rules::source_trust;
use serde_json::Value;
use std::ffi::CStr;
use travel_core::columns::EVENT;

/// The source of an alert's rule.
pub struct AlertSource {
    definition: Definition,
    owner: Role,
    /// The name of the source.
    name: String,
    pub(super) events: Events,
    /// The columns of `travel.event`, as SQL; `None` for those that the source does not have.
    columns: Vec<(&'static str, Option<String>)>,
    /// The access key as the source has it, which an index can find.
    pub(super) access_key: Option<String>,
    pub(super) chain: Chain,
}

/// How many addresses and access keys a row of the activity lists. It counts all of them.
const LISTED: usize = 10;

/// JIT is off because PostgreSQL overestimates the rows of an entity, and compiling takes longer than reading them.
const QUICK: [(&CStr, &CStr); 1] = [(c"jit", c"off")];

impl AlertSource {
    /// Resolves the source of an alert with the rights of its rule's owner. Within an SPI connection.
    pub fn of(alert: &Alert) -> Result<Self, TravelError> {
        let definition = match Definition::load(&alert.rule) {
            Err(TravelError::Rule(RuleError::NotFound { .. })) => {
                return Err(AlertError::RuleDeleted { id: alert.id, rule: alert.rule.clone() }.into());
            }
            definition => definition?,
        };
        let owner = definition.owner()?;
        let names: Vec<String> = EVENT.iter().map(|column| column.name.to_owned()).collect();
        let (name, events, found) = with_rights_of(owner, || {
            let arguments = definition.arguments()?;
            let (events, found) = Events::over_all_rows(&arguments, &names)?;
            Ok::<_, TravelError>((arguments.source.name.clone(), events, found))
        })?;
        let access_key = EVENT.iter().zip(&found).find(|(column, _)| column.name == "access_key_id");
        let access_key =
            access_key.and_then(|(_, found)| found.clone()).map(Expression::into_text).transpose()?;
        let mut columns = EVENT
            .iter()
            .zip(found)
            .map(|(column, found)| {
                Ok((column.name, event_column(column.name, column.column_type, found, &events)?))
            })
            .collect::<Result<Vec<_>, TravelError>>()?;
        add_outcome(&mut columns);
        let chain = if definition.lineage { Chain::of(alert)? } else { Chain::default() };
        Ok(Self { definition, owner, name, events, columns, access_key, chain })
    }

    /// Puts the events behind an alert into a set, as rows of `travel.event` in order.
    pub fn events_into(&self, alert: &Alert, rows: &RowSet) -> Result<(), TravelError> {
        self.chain.notice_if_cut(alert);
        let issued = self.issued_keys(alert)?;
        issued.notice_if_cut();
        let own = [
            self.is_entity(alert),
            self.events.time.bound(">=", Some(alert.from_time), "-infinity"),
            self.until(alert),
        ];
        let own: Vec<String> = own.into_iter().chain(self.events.filters()).collect();
        let parts = self.with_issued(own, issued.condition(self), &[self.since(alert), self.until(alert)]);
        let query = format!(
            "SELECT *\nFROM (\n{parts}\n) AS e\nORDER BY event_time, source_ip, event_id COLLATE \"C\""
        );
        self.run_into(&query, alert, rows)
    }

    /// Puts what the credential did from the second location on into a set: a row for each call, service, access and
    /// outcome.
    pub fn activity_into(&self, alert: &Alert, rows: &RowSet) -> Result<(), TravelError> {
        self.notice_of_what_is_missing();
        self.chain.notice_if_cut(alert);
        self.run_into(&self.activity_query(alert)?, alert, rows)
    }

    /// The rows of [`Self::activity_into`] as JSON objects.
    pub fn activity(&self, alert: &Alert) -> Result<Vec<Value>, TravelError> {
        let query = format!(
            "SELECT pg_catalog.to_jsonb(a)::text AS activity\nFROM (\n{}\n) AS a",
            self.activity_query(alert)?
        );
        let rows = self.run(&query, || spi::select(&query, &[]))?;
        spi::columns!(rows => activity);
        rows.iter().map(|row| Ok(parsed(row.text(activity)?))).collect()
    }

    fn activity_query(&self, alert: &Alert) -> Result<String, TravelError> {
        let issued = self.issued_keys(alert)?;
        issued.notice_if_cut();
        let list = |value: &str| {
            format!(
                "coalesce((pg_catalog.array_agg(DISTINCT {value} COLLATE \"C\") \
                 FILTER (WHERE {value} IS NOT NULL))[1:{LISTED}], '{{}}')"
            )
        };
        let count = |value: &str| format!("pg_catalog.count(DISTINCT {value} COLLATE \"C\")");
        let address = "coalesce(pg_catalog.host(source_ip), source_text)";
        Ok(format!(
            "SELECT event_name, event_source, read_only, outcome, outcome = 'denied' AS denied,
       pg_catalog.count(DISTINCT event_id) + pg_catalog.count(*) FILTER (WHERE event_id IS NULL) AS events,
       pg_catalog.min(event_time) AS first_time, pg_catalog.max(event_time) AS last_time,
       {} AS source_ips,
       {} AS access_key_ids,
       {} AS source_ip_count,
       {} AS access_key_count
FROM (
{}
) AS e
GROUP BY event_name, event_source, read_only, outcome
ORDER BY first_time, event_source COLLATE \"C\", event_name COLLATE \"C\", read_only, outcome COLLATE \"C\"",
            list(address),
            list("access_key_id"),
            count(address),
            count("access_key_id"),
            self.with_issued(
                self.is_own(alert),
                issued.condition(self),
                &[self.since(alert), self.is_finite()]
            ),
        ))
    }

    /// A query for the columns of `travel.event` of the rows that satisfy these conditions and, if the credential issued
    /// keys, of the other rows with these keys that satisfy `bounds`.
    fn with_issued(&self, own: Vec<String>, issued: Option<String>, bounds: &[String]) -> String {
        let part = |conditions: &[String]| {
            format!(
                "SELECT {}\nFROM {}\nWHERE {}",
                self.select(),
                self.events.from,
                conditions.join("\n  AND ")
            )
        };
        let Some(issued) = issued else { return part(&own) };
        let others = format!("({}) IS NOT TRUE", own.join(" AND "));
        let of_issued: Vec<String> =
            [issued].into_iter().chain(bounds.iter().cloned()).chain([others]).collect();
        format!("{}\nUNION ALL\n{}", part(&own), part(&of_issued))
    }

    /// The conditions that the credential of an alert made a call from the second location on.
    pub(super) fn is_own(&self, alert: &Alert) -> Vec<String> {
        let conditions = [
            Some(self.is_entity(alert)),
            Some(self.since(alert)),
            Some(self.is_finite()),
            self.is_credential(alert),
        ];
        conditions.into_iter().flatten().collect()
    }

    /// The condition that an event is one of the alert's entity. The entity can be the key at the root of a chain of
    /// keys; then it is one of the chain that the alert's legs name.
    fn is_entity(&self, alert: &Alert) -> String {
        let keys: Vec<String> = self.events.keys.iter().map(|key| key.sql.clone()).collect();
        let mut entities = vec![alert.entity.as_str()];
        if matches!(&self.events.keys[..], [key] if key.name == "access_key_id") {
            entities.extend(alert.keys_at_both_ends());
            entities.extend(self.chain.keys());
            entities.sort_unstable();
            entities.dedup();
        }
        is_one_of(&self.events.entity(&keys), &entities)
    }

    /// The condition that the credential of an alert made a call of the entity. `None` if it made all of them.
    fn is_credential(&self, alert: &Alert) -> Option<String> {
        let condition = self.events.condition.as_ref()?;
        let mut ways = vec![condition.clone()];
        for (name, values) in [("access_key_id", alert.access_keys()), ("arn", alert.arns())] {
            ways.extend(self.column(name).filter(|_| !values.is_empty()).map(|sql| is_one_of(sql, &values)));
        }
        Some(format!("({})", ways.join(" OR ")))
    }

    /// The condition that an event is not older than the first one at the second location.
    pub(super) fn since(&self, alert: &Alert) -> String {
        self.events.time.bound(">=", Some(alert.to_time), "-infinity")
    }

    pub(super) fn until(&self, alert: &Alert) -> String {
        self.events.time.bound("<=", Some(alert.last_seen), "infinity")
    }

    pub(super) fn is_finite(&self) -> String {
        self.events.time.bound("<", None, "infinity")
    }

    pub(super) fn column(&self, name: &str) -> Option<&str> {
        self.columns.iter().find(|(column, _)| *column == name).and_then(|(_, sql)| sql.as_deref())
    }

    /// All columns of `travel.event`, in its order and with its types.
    pub(super) fn select(&self) -> String {
        let columns = EVENT.iter().zip(&self.columns).map(|(column, (name, sql))| match sql {
            Some(sql) => format!("{sql} AS {name}"),
            None => format!("NULL::{} AS {name}", column.column_type.into_str()),
        });
        columns.collect::<Vec<_>>().join(",\n       ")
    }

    /// Runs a query with the rights of the rule's owner, after checking what it would read and run.
    pub(super) fn run<R>(&self, query: &str, body: impl FnOnce() -> R) -> Result<R, TravelError> {
        with_rights_of(self.owner, || {
            let used = spi::objects_in(query);
            source_trust::must_be_safe(&self.definition, &used)?;
            Ok(spi::with_settings(&QUICK, body))
        })
    }

    fn run_into(&self, query: &str, alert: &Alert, rows: &RowSet) -> Result<(), TravelError> {
        if self.run(query, || spi::execute_into(query, rows))? == 0 {
            Report::notice(format!("source \"{}\" has no events of alert {}", self.name, alert.id))
                .detail("The events were deleted, or the rule was changed after it raised the alert.")
                .hint(format!("See what the alert itself stores: SELECT travel.report({}).", alert.id))
                .send();
        }
        Ok(())
    }

    /// Says which columns are missing that the activity is grouped by, and what that means.
    fn notice_of_what_is_missing(&self) {
        let consequences = [
            ("event_name", "calls are not told apart by their name"),
            ("event_source", "calls are not told apart by their service"),
            ("read_only", "reads and writes are not told apart"),
            ("outcome", "denied calls are not marked"),
            ("issued_access_key_id", "keys that the credential issued are not followed"),
        ];
        for (name, consequence) in consequences {
            if self.column(name).is_none() {
                Report::notice(format!("source has no column {name}: {consequence}"))
                    .hint("If the source has this information in another column, name it in the columns of the rule.")
                    .send();
            }
        }
    }
}

/// The condition that a column has one of these values.
pub fn is_one_of<T: AsRef<str>>(sql: &str, values: &[T]) -> String {
    let values: Vec<String> = values.iter().map(|value| literal(value.as_ref())).collect();
    format!("{sql} IN ({})", values.join(", "))
}
