//! One step of a scan: some of what is new is evaluated and written. The procedure travel.scan commits between steps.

use super::analyst_rows;
use super::checkpoints::{self, Checkpoints, MemberKind};
use super::definition::{Definition, text};
use super::evaluation::{EvaluationInputs, EvaluationResults};
use super::geoip_dependencies::{self, Needs};
use super::notify;
use super::progress::{self, Health, Progress, StepCounts};
use super::reader::{Read, Reader};
use super::reevaluation::{Reevaluation, RestartPoint};
use super::settled_verdicts;
use super::source_queries::{NewRows, SourceQueries};
use super::step_status;
use super::write::{EvaluatedMember, Writer, verdicts};
use crate::detect::{DiagnosedRows, Diagnosis, none_of};
use crate::pg::attempt::{Failure, attempt};
use crate::pg::errors::TravelError;
use crate::pg::function::{Call, pg_function};
use crate::pg::role::{Role, with_rights_of};
use crate::pg::scanning::while_scanning;
use crate::pg::settings;
use crate::pg::spi::{self, Cursor, Rows};
use crate::pg::time::just_before;
use pgrx::pg_sys;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use travel_core::rule::{AddressClass, EvaluatedEvent, Micros, Overlay, State};

pg_function!(travel_scan_step, pg_finfo_travel_scan_step, scan_step);
pg_function!(travel_begin_rescan, pg_finfo_travel_begin_rescan, begin_rescan);
pg_function!(travel_may_commit, pg_finfo_travel_may_commit, may_commit);

/// How much a step does, by `impossible_travel.scan_batch`.
#[derive(Clone, Copy)]
struct StepSizes {
    /// Rows that it reads of what is new.
    batch: usize,
    /// Rows of a history that are read at once.
    portion: usize,
    /// Members that it evaluates again: a pass over everything does so for all of them.
    members: usize,
}

impl StepSizes {
    fn set() -> Self {
        let batch = settings::scan_batch();
        Self { batch, portion: batch.div_ceil(10), members: batch.div_ceil(40) }
    }
}

/// `(rule) -> boolean`: whether there is more to do.
fn scan_step(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let rule = call.text(0)?.ok_or(TravelError::ArgumentNull { name: "rule" })?;
    let more = step_status::remembered(|| spi::connected(|| step(rule)))?;
    Ok(pg_sys::Datum::from(usize::from(more)))
}

/// `(rule, since)`
fn begin_rescan(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let rule = call.text(0)?.ok_or(TravelError::ArgumentNull { name: "rule" })?;
    let since = call.timestamp(1).ok_or(TravelError::ArgumentNull { name: "since" })?;
    // What arrives at that very time is evaluated again, too.
    step_status::remembered(|| spi::connected(|| Progress::begin_again(rule, just_before(since))))?;
    Ok(call.null())
}

/// Whether the procedure that asks may commit: it is not within a transaction block.
fn may_commit(_: &Call) -> Result<pg_sys::Datum, TravelError> {
    // SAFETY: asks SPI about the procedure that is running.
    Ok(pg_sys::Datum::from(usize::from(unsafe { pg_sys::SPI_inside_nonatomic_context() })))
}

fn step(rule: &str) -> Result<bool, TravelError> {
    let mut progress = Progress::lock(rule)?;
    let definition = Definition::load(rule)?;
    let owner = definition.owner()?;
    let queries = with_rights_of(owner, || {
        let arguments = definition.arguments()?;
        SourceQueries::of(&definition, &arguments)
    })?;
    if !progress.is_under_way {
        progress.begin(&definition, &queries, owner)?;
    }
    let mut step = ScanStep {
        definition,
        queries,
        owner,
        progress,
        tally: StepCounts::default(),
        sizes: StepSizes::set(),
    };
    step.run()
}

struct ScanStep {
    definition: Definition,
    queries: SourceQueries,
    owner: Role,
    progress: Progress,
    tally: StepCounts,
    sizes: StepSizes,
}

impl ScanStep {
    fn run(&mut self) -> Result<bool, TravelError> {
        let rule = self.definition.name.clone();
        let mut reader = Reader::new(self.queries.location_type)?;
        if let Some(places) = reader.places() {
            let anonymizers = self.definition.ignores_attributes();
            geoip_dependencies::check(&rule, places, Needs { systems: places.need_systems(), anonymizers })?;
        }
        let (events, read, last) = self.read_news(&mut reader)?;
        let is_last = read < self.sizes.batch;
        let is_done = self.evaluate_news(events, &mut reader)?;
        if !is_done {
            // The same rows again; what was evaluated of them is known.
            return Ok(true);
        }
        self.progress.advance(&rule, last.or(self.progress.position), &self.tally, reader.built_at());
        if !is_last {
            return Ok(true);
        }
        if self.evaluate_stale(&mut reader)? {
            return Ok(true);
        }
        self.progress.finish(&rule, self.health()?);
        notify::tell_of_many(&rule, &self.progress);
        // A pass that another statement began ends where that one began: what came since is another's.
        Ok(self.progress.is_resumed)
    }

    /// The next events of the pass, how many rows were read, and the time of the last.
    fn read_news(
        &mut self,
        reader: &mut Reader,
    ) -> Result<(Vec<EvaluatedEvent>, usize, Option<Micros>), TravelError> {
        let own = spi::select("SELECT pg_catalog.pg_current_xact_id()::text", &[]);
        let news = NewRows {
            arrived: self.progress.condition(&self.queries, own.text(0, 0)?.unwrap_or_default()),
            after: self.progress.after(&self.definition, &self.queries),
            limit: self.sizes.batch,
            is_small: self.progress.is_small(),
        };
        let query = self.queries.news(&news);
        let rows = with_rights_of(self.owner, || self.queries.by_arrival(&news, || spi::select(&query, &[])));
        let mut events = Vec::new();
        let (mut last, now) = (None, progress::now());
        for row in 0..rows.len {
            match reader.read(&rows, row)? {
                Read::Located(event) => {
                    last = Some(event.time);
                    events.push(*event);
                    self.tally.located += 1;
                }
                Read::NotLocated(time) => last = Some(time),
                Read::Nothing => {}
            }
            self.tally.newest_past = last.filter(|time| *time <= now).or(self.tally.newest_past);
            pgrx::check_for_interrupts!();
        }
        self.tally.events = rows.len as u64;
        self.tally.newest = last;
        Ok((events, rows.len, last))
    }

    /// Evaluates new events: those that come in order from the newest states on, late ones with their histories. Says
    /// whether all were.
    fn evaluate_news(
        &mut self,
        mut events: Vec<EvaluatedEvent>,
        reader: &mut Reader,
    ) -> Result<bool, TravelError> {
        let rule = &self.definition.name;
        let settings = self.definition.settings()?;
        events.retain(|event| AddressClass::of(event, &settings) != AddressClass::Absent);
        let entities = names(&events, |event| Some(&event.entity));
        let baselines = names(&events, |event| event.baseline_entity.as_ref());
        let entities = checkpoints::load(MemberKind::Entity, rule, &borrowed(&entities))?;
        let baselines = checkpoints::load(MemberKind::Baseline, rule, &borrowed(&baselines))?;

        let pass = self.progress.pass;
        let edition = reader.edition();
        let mut late = Reevaluation::under(edition);
        let mut is_complete = true;
        events.retain(|event| {
            let entity = entities.get(&event.entity);
            let baseline = event.baseline_entity.as_ref().and_then(|name| baselines.get(name));
            let members = || entity.into_iter().chain(baseline);
            if members().any(|member| member.was_read(pass, event.time)) {
                return false;
            }
            let is_late = members().any(|member| Some(event.time) <= member.evaluated_until());
            let is_again =
                self.progress.evaluate_from.is_some() && members().any(|member| member.pass != Some(pass));
            let is_other = members().any(|member| !member.is_of(edition));
            if !is_late && !is_again && !is_other {
                return true;
            }
            if late.len() < self.sizes.members {
                let before = event.time.saturating_sub(1);
                let from = self.progress.evaluate_from.filter(|_| is_again).unwrap_or(before);
                let from = before.min(from);
                late.add(Some(&event.entity), event.baseline_entity.as_ref(), from, is_late || is_again);
            } else {
                is_complete = false;
            }
            false
        });
        // What hangs together with a late event is read with its history: with as much of it as it takes.
        let mut is_wider = true;
        while is_wider {
            late.complete(rule, &self.queries, self.owner)?;
            is_wider = false;
            events.retain(|event| {
                let baseline = event.baseline_entity.as_ref();
                let from = [
                    late.again_after(MemberKind::Entity, &event.entity),
                    baseline.and_then(|name| late.again_after(MemberKind::Baseline, name)),
                ];
                if from.iter().flatten().any(|from| event.time <= *from) {
                    late.add(Some(&event.entity), baseline, event.time.saturating_sub(1), false);
                    is_wider = true;
                }
                from == [None, None]
            });
        }
        if !is_complete {
            events.clear();
        }
        self.evaluate(events, entities, baselines, &late, reader)?;
        Ok(is_complete)
    }

    /// In a pass that evaluates again: members of which nothing is left in the source since then. Says whether there were
    /// any.
    fn evaluate_stale(&mut self, reader: &mut Reader) -> Result<bool, TravelError> {
        let Some(from) = self.progress.evaluate_from else { return Ok(false) };
        let rule = &self.definition.name;
        let mut late = Reevaluation::under(reader.edition());
        for kind in [MemberKind::Entity, MemberKind::Baseline] {
            let query = format!(
                "SELECT {} FROM {}
                 WHERE rule = $1 AND valid_until = 'infinity' AND evaluated_until > $2 AND pass IS DISTINCT FROM $3
                 LIMIT {}",
                kind.column(),
                kind.table(),
                self.sizes.members,
            );
            let rows = spi::select(
                &query,
                &[
                    text(rule),
                    (pg_sys::TIMESTAMPTZOID, Some(pg_sys::Datum::from(from))),
                    (pg_sys::INT8OID, Some(pg_sys::Datum::from(self.progress.pass))),
                ],
            );
            for row in 0..rows.len {
                let name = rows.text(row, 0)?.map(Arc::<str>::from);
                match kind {
                    MemberKind::Entity => late.add(name.as_ref(), None, from, true),
                    MemberKind::Baseline => late.add(None, name.as_ref(), from, true),
                }
            }
        }
        if late.is_empty() {
            return Ok(false);
        }
        late.complete(rule, &self.queries, self.owner)?;
        self.evaluate(Vec::new(), HashMap::new(), HashMap::new(), &late, reader)?;
        Ok(true)
    }

    /// Evaluates events that come after all that is known of their members, then the histories of others, and writes what
    /// comes of it.
    fn evaluate(
        &mut self,
        events: Vec<EvaluatedEvent>,
        mut kept_entities: HashMap<Arc<str>, Checkpoints>,
        mut kept_baselines: HashMap<Arc<str>, Checkpoints>,
        late: &Reevaluation,
        reader: &mut Reader,
    ) -> Result<(), TravelError> {
        let rule = &self.definition.name;
        let newest =
            |names: Vec<Arc<str>>, kept: &mut HashMap<Arc<str>, Checkpoints>| -> Vec<EvaluatedMember> {
                let evaluated = |name: Arc<str>| {
                    let kept = kept.remove(&name).unwrap_or_default();
                    let until = kept.evaluated_until().unwrap_or(Micros::MIN);
                    EvaluatedMember {
                        name,
                        kept,
                        again: RestartPoint { from: until, cut: until },
                        is_whole: false,
                    }
                };
                names.into_iter().map(evaluated).collect()
            };
        let mut entities = newest(names(&events, |event| Some(&event.entity)), &mut kept_entities);
        let mut baselines =
            newest(names(&events, |event| event.baseline_entity.as_ref()), &mut kept_baselines);
        let mut state = State::default();
        for evaluated in &entities {
            if let Some(kept) = evaluated.kept.newest(rule)? {
                state.entities.insert(evaluated.name.clone(), kept);
            }
        }
        for evaluated in &baselines {
            if let Some(kept) = evaluated.kept.newest(rule)? {
                state.baselines.insert(evaluated.name.clone(), kept);
            }
        }
        for (member, again) in late.members() {
            let evaluated = EvaluatedMember {
                name: member.name.clone(),
                kept: member.kept.clone(),
                again,
                is_whole: true,
            };
            match member.kind {
                MemberKind::Entity => entities.push(evaluated),
                MemberKind::Baseline => baselines.push(evaluated),
            }
        }
        let inputs = self.inputs(&baselines, reader.edition())?;
        let mut results = EvaluationResults::from(state);
        let mut rest = &events[..];
        while !rest.is_empty() {
            let last = rest[self.sizes.portion.min(rest.len()) - 1].time;
            let (portion, later) = rest.split_at(rest.partition_point(|event| event.time <= last));
            evaluate_portion(&inputs, &mut results, portion)?;
            rest = later;
        }
        drop(events);
        if !late.is_empty() {
            let states = late.states(rule, &inputs.settings, |site, time| reader.placement(site, time))?;
            results.take_up(&inputs, states, settled_verdicts::load(&inputs, late)?);
            self.evaluate_histories(late, &inputs, &mut results, reader)?;
            results.take_rest(&inputs);
        }
        let writer = Writer {
            inputs: &inputs,
            pass: self.progress.pass,
            geoip_built_at: reader.built_at(),
            results,
            entities,
            baselines,
        };
        let raised = while_scanning(|| writer.write())?;
        notify::tell(rule, &mut self.progress, &raised);
        Ok(())
    }

    /// In portions that end between two times: so a history of any length is evaluated in bounded memory.
    fn evaluate_histories(
        &self,
        late: &Reevaluation,
        inputs: &EvaluationInputs,
        results: &mut EvaluationResults,
        reader: &mut Reader,
    ) -> Result<(), TravelError> {
        let query = self.queries.histories();
        let arguments = late.all();
        let by_owner = |body: &mut dyn FnMut() -> Option<Rows>| {
            with_rights_of(self.owner, || self.queries.look_up(body))
        };
        let mut cursor = None;
        by_owner(&mut || {
            cursor = Some(Cursor::open(&query, &arguments));
            None
        });
        let Some(mut cursor) = cursor else { return Ok(()) };
        let mut events: Vec<EvaluatedEvent> = Vec::new();
        while let Some(rows) =
            by_owner(&mut || Some(cursor.fetch(self.sizes.portion))).filter(|rows| rows.len > 0)
        {
            for row in 0..rows.len {
                if let Read::Located(event) = reader.read(&rows, row)? {
                    events.push(*event);
                }
                pgrx::check_for_interrupts!();
            }
            if let Some(last) = events.last().map(|event| event.time) {
                let rest = events.split_off(events.partition_point(|event| event.time < last));
                evaluate_portion(inputs, results, &events)?;
                events = rest;
            }
        }
        cursor.close();
        evaluate_portion(inputs, results, &events)
    }

    /// Diagnoses the rows that the pass read, to tell an idle source from a source without usable rows. `None` if the pass
    /// read no rows that should have been evaluated.
    fn health(&self) -> Result<Option<Health>, TravelError> {
        if !self.progress.located_nothing() {
            return Ok(Some(Health { problem: None }));
        }
        let own = spi::select("SELECT pg_catalog.pg_current_xact_id()::text", &[]);
        let which =
            self.progress.looked_at(&self.definition, &self.queries, own.text(0, 0)?.unwrap_or_default());
        let news = NewRows { arrived: None, after: None, limit: 0, is_small: self.progress.is_small() };
        let diagnosis = attempt(|| {
            with_rights_of(self.owner, || {
                self.queries.by_arrival(&news, || {
                    Diagnosis::of(&self.queries.events, &DiagnosedRows::All(Some(&which)))
                })
            })
        });
        let problem = match diagnosis {
            Ok(diagnosis) if diagnosis.evaluated == 0 && diagnosis.unusable() == 0 => return Ok(None),
            Ok(diagnosis) if diagnosis.evaluated == 0 => {
                let why = diagnosis.sentence(false);
                Some(format!("{}: {}", none_of(diagnosis.rows()), why.trim_end_matches('.')))
            }
            Ok(_) => None,
            Err(Failure::Ours(error)) => Some(error.in_one_line()),
            Err(Failure::Raised { code, message }) => {
                Some(TravelError::RuleUnresolved { code, message }.in_one_line())
            }
        };
        Ok(Some(Health { problem }))
    }

    /// The rule, with what analysts say of these baseline entities.
    fn inputs(&self, baselines: &[EvaluatedMember], edition: i64) -> Result<EvaluationInputs, TravelError> {
        let settings = self.definition.settings()?;
        let names: Vec<&str> = baselines.iter().map(|evaluated| &*evaluated.name).collect();
        Ok(EvaluationInputs {
            name: self.definition.name.clone(),
            message: self.definition.message.clone(),
            analysts: Overlay::new(&analyst_rows::rows(&self.definition.name, &names)?, settings.learn),
            suppressions: analyst_rows::suppressions(&self.definition.name)?,
            settings,
            edition,
            pruned_before: self.progress.pruned_before.unwrap_or(Micros::MIN),
            horizon: self.progress.horizon().max(self.tally.newest).unwrap_or(Micros::MIN),
        })
    }
}

/// Evaluates events; where that makes many verdicts, they are written.
fn evaluate_portion(
    inputs: &EvaluationInputs,
    results: &mut EvaluationResults,
    events: &[EvaluatedEvent],
) -> Result<(), TravelError> {
    results.evaluate(inputs, events)?;
    if results.verdicts.len() >= verdicts::HELD {
        while_scanning(|| verdicts::put(results));
    }
    Ok(())
}

fn names(events: &[EvaluatedEvent], of: fn(&EvaluatedEvent) -> Option<&Arc<str>>) -> Vec<Arc<str>> {
    let distinct: HashSet<&Arc<str>> = events.iter().filter_map(of).collect();
    distinct.into_iter().cloned().collect()
}

fn borrowed(names: &[Arc<str>]) -> Vec<&str> {
    names.iter().map(|name| &**name).collect()
}
