//! `travel.explain` and `travel.explain_alert`: every event of an entity with the leg that arrives at it, what the
//! baseline knew at that moment, and the verdict in words. Nothing is stored.
//!
//! The events are evaluated as a scan evaluates late ones (see [`reevaluation`](super::reevaluation)): from the newest
//! checkpoints before the range, or before the first event of the entity, with the events of all members that they depend
//! on until its last event. All rows are read in portions, so an entity of any size takes bounded memory. A verdict that
//! a scan gave stands, whatever the evaluation says now, so it is shown as it is stored.
//!
//! | module | what it holds |
//! |---|---|
//! | this one | the arguments, and the two streams of events that are joined in order of time |
//! | [`evaluation`] | the evaluated events of the entity, each with its leg and what was known before it |
//! | [`entity_rows`] | the rows of the entity in the source, evaluated or not |
//! | [`unread`] | which of these rows no scan has read yet |
//! | [`stored`] | the verdicts that scans gave |
//! | [`ends`] | the ends of a leg, as reasons refer to them |
//! | [`named_rows`] | the rows that causes name: suppressions, and entries of analysts |
//! | [`words`] | causes and explanations |
//! | [`output`] | the rows of the result |

mod ends;
mod entity_rows;
mod evaluation;
mod named_rows;
mod output;
mod stored;
mod unread;
mod words;

use super::analyst_rows;
use super::checkpoints::MemberKind;
use super::definition::Definition;
use super::minted_keys;
use super::reader::Reader;
use super::reevaluation::Reevaluation;
use super::source_queries::SourceQueries;
use crate::detect::begin_and_end;
use crate::pg::errors::{AlertError, RuleError, SourceError, TravelError, UsageError};
use crate::pg::fixed_settings::with_fixed_settings;
use crate::pg::function::{Call, pg_function};
use crate::pg::memory::Scratch;
use crate::pg::report::Report;
use crate::pg::role::{Role, with_rights_of};
use crate::pg::settings;
use crate::pg::spi::{self, Argument, Cursor};
use crate::pg::srf::RowSet;
use crate::pg::time::{just_after, just_before, utc};
use entity_rows::EntityRows;
use evaluation::EntityEvaluation;
use named_rows::NamedRows;
use output::Output;
use pgrx::pg_sys;
use std::collections::HashMap;
use std::sync::Arc;
use stored::StoredVerdicts;
use travel_core::rule::{EvaluatedEvent, EvaluationState, Micros, Overlay, Policy};
use unread::Unread;

pg_function!(travel_explain, pg_finfo_travel_explain, |call: &Call| with_fixed_settings(|| explain(call)));
pg_function!(travel_explain_alert, pg_finfo_travel_explain_alert, |call: &Call| with_fixed_settings(|| {
    explain_alert(call)
}));

/// What is explained: the events of an entity in a range of time. `None`: the range is open.
struct Wanted {
    rule: String,
    entity: Arc<str>,
    since: Option<Micros>,
    until: Option<Micros>,
    /// With lineage, the entity and the minted keys of which it is the root, as a `text[]`.
    keys: Option<Argument>,
}

/// `(rule, entity, since, until) -> rows`
fn explain(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let rule = call.text(0)?.ok_or(UsageError::ArgumentNull { name: "rule" })?;
    let entity = call.text(1)?.ok_or(UsageError::ArgumentNull { name: "entity" })?;
    let (since, until) = range(call.timestamp(2), call.timestamp(3))?;
    let wanted = Wanted::of(rule.to_owned(), entity.into(), since, until);
    let mut rows = RowSet::begin(call)?;
    spi::connected(|| wanted.explain(&mut rows))?;
    Ok(rows.finish(call))
}

/// `(id) -> rows`: the events of an alert's entity, from the start of its first leg to the end of its last leg.
fn explain_alert(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let id = call.datum(0).ok_or(UsageError::ArgumentNull { name: "id" })?.value() as i64;
    let mut rows = RowSet::begin(call)?;
    spi::connected(|| {
        let wanted = Wanted::of_alert(id)?;
        let rule = wanted.rule.clone();
        wanted.explain(&mut rows).map_err(|error| match error {
            TravelError::Rule(RuleError::NotFound { .. }) => AlertError::RuleDeleted { id, rule }.into(),
            error => error,
        })
    })?;
    Ok(rows.finish(call))
}

/// The range of time, as in `travel.detect`.
fn range(
    since: Option<Micros>,
    until: Option<Micros>,
) -> Result<(Option<Micros>, Option<Micros>), TravelError> {
    let (since, until) = (since.filter(|time| *time != i64::MIN), until.filter(|time| *time != i64::MAX));
    let is_empty = since == Some(i64::MAX)
        || until == Some(i64::MIN)
        || since.zip(until).is_some_and(|(since, until)| since >= until);
    if is_empty {
        let text = |bound: Option<Micros>| bound.map_or_else(|| "open".to_owned(), utc);
        return Err(SourceError::EmptyRange { since: text(since), until: text(until) }.into());
    }
    Ok((since, until))
}

impl Wanted {
    fn of(rule: String, entity: Arc<str>, since: Option<Micros>, until: Option<Micros>) -> Self {
        Self { rule, entity, since, until, keys: None }
    }

    fn of_alert(id: i64) -> Result<Self, TravelError> {
        let rows = spi::select(
            "SELECT a.rule, a.entity, a.last_seen,
                    least(a.from_time, (SELECT pg_catalog.min(v.from_time) FROM travel.verdicts AS v
                                        WHERE v.alert_id = a.id)) AS first_start
             FROM travel.alerts AS a
             WHERE a.id = $1",
            &[Argument::bigint(id)],
        );
        spi::columns!(rows => rule, entity, last_seen, first_start);
        let Some(row) = rows.first() else { return Err(RuleError::AlertNotFound { id }.into()) };
        Ok(Self::of(
            row.string(rule)?.unwrap_or_default(),
            row.shared_text(entity)?.unwrap_or_else(|| Arc::from("")),
            row.i64(first_start),
            row.i64(last_seen).map(just_after),
        ))
    }

    fn explain(mut self, rows: &mut RowSet) -> Result<(), TravelError> {
        let definition = Definition::load(&self.rule)?;
        if definition.lineage {
            self.notice_if_not_scanned()?;
            self.go_to_root()?;
        }
        let owner = definition.owner()?;
        let (mut queries, over_all_rows) = with_rights_of(owner, || {
            let arguments = definition.arguments()?;
            let queries = SourceQueries::of(&definition, &arguments)?;
            // The condition of a source with records can be in its FROM clause.
            let over_all_rows = if definition.condition.is_some() && queries.events.condition.is_none() {
                Some(SourceQueries::over_all_rows(&definition, &arguments)?)
            } else {
                None
            };
            Ok::<_, TravelError>((queries, over_all_rows))
        })?;
        let (first, last) = self.span(&queries, owner)?;
        queries.until = self.until.into_iter().chain(last.map(just_after)).min();
        let mut reader = Reader::new(queries.location_type)?;
        let rule = definition.settings()?;
        let after = self.since.max(first).map_or(Micros::MIN, just_before);
        let mut members = Reevaluation::under(reader.edition());
        members.add(Some(&self.entity), None, after, true);
        members.complete_from_first_events(&self.rule, &queries, owner)?;
        let evaluated_until = members
            .members()
            .find(|(of, _)| of.kind == MemberKind::Entity && of.name == self.entity)
            .and_then(|(of, _)| of.checkpoints.evaluated_until());
        let unread = Unread::load(&self.rule, &queries, evaluated_until)?;
        // An event that came late changes what follows it, so the evaluation begins before it.
        while let Some(late) = first_late_event(&self.rule, &members, &unread, &queries, owner)? {
            members.add(Some(&self.entity), None, just_before(late), true);
            members.complete_from_first_events(&self.rule, &queries, owner)?;
        }
        let baseline_entities = names(&members, MemberKind::Baseline);
        let analysts = analyst_rows::load(&self.rule, &baseline_entities)?;
        let suppressions = analyst_rows::suppressions(&self.rule)?;
        let analysts = Overlay::new(&analysts, rule.learn);
        let named = NamedRows::load(&self.rule, &baseline_entities)?;
        let policy = Policy { rule: &rule, analysts: &analysts, suppressions: &suppressions };
        let states = members.states(&self.rule, &rule, |site, time| reader.current_location(site, time))?;
        let mut evaluation = EntityEvaluation::new(policy, states, &self);
        let mut entity_rows =
            EntityRows::open(&self, over_all_rows.as_ref().unwrap_or(&queries), owner, &unread);
        let mut output = Output {
            rule: &rule,
            stored: StoredVerdicts::open(&self, rule.learn),
            named: &named,
            pruned_before: unread.pruned_before,
            count: 0,
            scratch: Scratch::new(c"travel: a row of an explanation", 8 << 10),
        };

        let portion = settings::scan_rows().div_ceil(10);
        let mut history = History::open(&definition.name, &queries, &members, owner)?;
        let mut events: Vec<EvaluatedEvent> = Vec::new();
        while history.read(portion, &mut reader, &mut events)? {
            // No portion ends between two events of the same time.
            let Some(last) = events.last().map(|event| event.time) else { continue };
            let rest = events.split_off(events.partition_point(|event| event.time < last));
            evaluation.run(&events);
            events = rest;
            output.write(&mut entity_rows, &mut reader, &mut evaluation, last, rows)?;
        }
        evaluation.run(&events);
        output.write(&mut entity_rows, &mut reader, &mut evaluation, Micros::MAX, rows)?;
        if output.count == 0 {
            self.report_nothing(&definition, over_all_rows.as_ref().unwrap_or(&queries), owner)?;
        }
        Ok(())
    }

    /// Says so if no scan could have found the keys that were minted: each key is then explained on its own.
    fn notice_if_not_scanned(&self) -> Result<(), TravelError> {
        let rows = spi::select(
            "SELECT FROM travel_internal.scans WHERE rule = $1 AND finished_at IS NOT NULL",
            &[Argument::text(&self.rule)],
        );
        if rows.is_empty() {
            Report::notice(format!(
                "no scan of rule \"{}\" has ended yet, so each key is explained without the keys that it minted",
                self.rule
            ))
            .hint("Scan the rule first. travel.backtest shows its alerts before that, and reads which keys were minted.")
            .send();
        }
        Ok(())
    }

    /// The events of a minted key are those of the root of its chain, and so are those of all other keys of the chain.
    fn go_to_root(&mut self) -> Result<(), TravelError> {
        let root = minted_keys::roots(&self.rule, &[&self.entity])?.remove(&self.entity);
        if let Some(root) = root {
            Report::notice(format!(
                "access key \"{}\" is evaluated together with \"{}\", the root of its chain",
                self.entity, root.key
            ))
            .send();
            self.entity = root.key;
        }
        let whole = HashMap::from([(&*self.entity, Micros::MIN)]);
        let [keys, _] = minted_keys::with_keys_below(&self.rule, &whole, &HashMap::new())?;
        self.keys = Some(keys);
        Ok(())
    }

    /// The access keys of the entity, as an argument of queries over its rows: a text, with lineage an array.
    fn keys(&self) -> Argument {
        self.keys.unwrap_or_else(|| Argument::text(&self.entity))
    }

    /// The times of the first and the last row of the entity, as far as the range is open and an index finds them.
    fn span(
        &self,
        queries: &SourceQueries,
        owner: Role,
    ) -> Result<(Option<Micros>, Option<Micros>), TravelError> {
        let is_open = self.since.is_none() || self.until.is_none();
        if !is_open || !queries.is_indexed {
            return Ok((None, None));
        }
        self.span_in(queries, owner)
    }

    /// The times of the first and the last row of the entity, whatever the range.
    fn span_in(
        &self,
        queries: &SourceQueries,
        owner: Role,
    ) -> Result<(Option<Micros>, Option<Micros>), TravelError> {
        let query = queries.span_of_entity();
        let arguments = [self.keys()];
        let rows = with_rights_of(owner, || queries.look_up(|| spi::select(&query, &arguments)));
        spi::columns!(rows => first, last);
        Ok(rows.first().map_or((None, None), |row| (row.i64(first), row.i64(last))))
    }

    /// Says that there was nothing to explain, and why: the range of time or the entity.
    fn report_nothing(
        &self,
        definition: &Definition,
        over_all_rows: &SourceQueries,
        owner: Role,
    ) -> Result<(), TravelError> {
        let SourceQueries { source, .. } = over_all_rows;
        let has_range = self.since.is_some() || self.until.is_some();
        let span = if has_range { self.span_in(over_all_rows, owner)? } else { (None, None) };
        let nothing = format!("\"{source}\" has no events of entity \"{}\"", self.entity);
        let report = if let (Some(first), Some(last)) = span {
            Report::notice(format!("{nothing} in the time range"))
                .detail(begin_and_end("Its events", (first, last)))
                .hint("Pass an earlier since or a later until. NULL leaves a side of the range open.")
        } else {
            Report::notice(nothing)
                .detail(format!("Rule \"{}\" compares the events by {}.", self.rule, definition.entity))
                .hint(
                    "Write the entity as the column entity of travel.verdicts and travel.alerts does. The comparison \
                     is case-sensitive.",
                )
        };
        report.send();
        Ok(())
    }
}

/// The names of the members of a kind.
fn names(members: &Reevaluation, kind: MemberKind) -> Vec<&str> {
    members.members().filter(|(of, _)| of.kind == kind).map(|(of, _)| &*of.name).collect()
}

/// The time of the first event of any member that no scan has read, if the evaluation would begin after it.
fn first_late_event(
    rule: &str,
    members: &Reevaluation,
    unread: &Unread,
    queries: &SourceQueries,
    owner: Role,
) -> Result<Option<Micros>, TravelError> {
    let Some(condition) = &unread.by_arrival else { return Ok(None) };
    let cut = members.members().map(|(_, restart)| restart.cut).max();
    let Some(cut) = cut.filter(|cut| *cut > Micros::MIN) else { return Ok(None) };
    let query = with_rights_of(owner, || queries.first_arrived(condition, cut))?;
    let arguments = members.history_arguments(rule, queries)?;
    let rows = with_rights_of(owner, || queries.look_up(|| spi::select(&query, &arguments)));
    spi::columns!(rows => first);
    Ok(rows.first().and_then(|row| row.i64(first)))
}

/// The events of all members, in order of time.
struct History<'q> {
    rule: &'q str,
    queries: &'q SourceQueries,
    members: &'q Reevaluation,
    owner: Role,
    cursor: Option<Cursor>,
}

impl<'q> History<'q> {
    fn open(
        rule: &'q str,
        queries: &'q SourceQueries,
        members: &'q Reevaluation,
        owner: Role,
    ) -> Result<Self, TravelError> {
        let (query, arguments) = (queries.histories(), members.history_arguments(rule, queries)?);
        let cursor = with_rights_of(owner, || queries.look_up(|| Cursor::open(&query, &arguments, false)));
        Ok(Self { rule, queries, members, owner, cursor: Some(cursor) })
    }

    /// Reads the next rows and adds those that are located. Returns whether there were any rows.
    fn read(
        &mut self,
        count: usize,
        reader: &mut Reader,
        events: &mut Vec<EvaluatedEvent>,
    ) -> Result<bool, TravelError> {
        use super::reader::Read;
        let Some(cursor) = &mut self.cursor else { return Ok(false) };
        let rows = with_rights_of(self.owner, || self.queries.look_up(|| cursor.fetch(count)));
        let read_before = events.len();
        for row in 0..rows.len {
            if let Read::Located(event) = reader.read(&rows, row)? {
                events.push(*event);
            }
            pgrx::check_for_interrupts!();
        }
        if self.queries.has_lineage() {
            let mut read = events.split_off(read_before);
            self.members.resolve(self.rule, &mut read)?;
            events.append(&mut read);
        }
        if rows.is_empty()
            && let Some(cursor) = self.cursor.take()
        {
            cursor.close();
        }
        Ok(!rows.is_empty())
    }
}

impl Wanted {
    fn contains(&self, time: Micros) -> bool {
        self.since.is_none_or(|since| since <= time) && self.until.is_none_or(|until| time < until)
    }
}

/// The states from which the evaluation starts.
type States = EvaluationState;
