//! The first pass of a rule, whose rows come in order of time. A step of it evaluates many portions of rows, and the
//! states of their members stay in memory from one portion to the next: they are written once, not once a portion, and
//! need not be read again. A step ends early if its results take much memory, or if `statement_timeout` draws near.

use super::ScanStep;
use super::coverage::Counted;
use super::event_order::Members;
use super::new_events::{self, NewRowDatums, own_xid};
use crate::pg::errors::TravelError;
use crate::pg::memory::Scratch;
use crate::pg::role::with_rights_of;
use crate::pg::scan_flag::while_scanning;
use crate::pg::settings;
use crate::pg::spi::{self, Cursor};
use crate::pg::time::clock_now;
use crate::rules::analyst_rows;
use crate::rules::evaluation::{EvaluationInputs, EvaluationResults};
use crate::rules::reader::Reader;
use crate::rules::source_queries::NewRows;
use crate::rules::write::{EvaluatedMember, verdicts};
use travel_core::rule::{AddressClass, AnalystRow, EvaluatedEvent, Micros, Overlay, Rule};

/// A step ends when its results take about this many bytes.
const MEMORY: usize = 128 << 20;

/// How many rows are fetched at once. So few stay in the caches of the processor while they are read.
const FETCHED: usize = 1000;

/// What remains to be done after a step.
pub(super) enum Remaining {
    /// The step has read the last row of the pass.
    Nothing,
    Rows,
    /// The next event does not come after all earlier ones of its members, so the step has done nothing.
    LateEvent,
}

/// What the portions of a step have come to.
struct Portions {
    inputs: EvaluationInputs,
    analysts: Vec<AnalystRow>,
    results: EvaluationResults,
    entities: Vec<EvaluatedMember>,
    baselines: Vec<EvaluatedMember>,
    /// The time of the last row, located or not.
    last: Option<Micros>,
}

/// The time of a row, what became of it, and whether the next pass reads it again.
type CountedRow = (Micros, Counted, Option<bool>);

/// Rows that were read and not evaluated yet, in order of time. The vectors keep their memory from portion to portion.
#[derive(Default)]
struct Waiting {
    rows: Vec<CountedRow>,
    /// Those of them that are evaluated.
    events: Vec<EvaluatedEvent>,
}

impl Waiting {
    /// How many rows and events come before the time of the last row, which later rows can share. All of them after the
    /// last row of the query.
    fn portion(&self, is_end: bool) -> (usize, usize) {
        match self.rows.last() {
            Some((last, ..)) if !is_end => (
                self.rows.partition_point(|(time, ..)| time < last),
                self.events.partition_point(|event| event.time < *last),
            ),
            _ => (self.rows.len(), self.events.len()),
        }
    }

    /// Reads a row that a query for new rows returned.
    fn read(&mut self, row: &NewRowDatums, reader: &mut Reader, settings: &Rule) -> Result<(), TravelError> {
        if let Some((time, counted, is_read_again, event)) = new_events::read_row(row, reader)? {
            self.rows.push((time, counted, is_read_again));
            let is_absent =
                |event: &EvaluatedEvent| AddressClass::of(event, settings) == AddressClass::Absent;
            self.events.extend(event.filter(|event| !is_absent(event)));
        }
        Ok(())
    }
}

impl ScanStep {
    /// Whether the step is one of a first pass. With lineage, an event can belong to a key of which a later row tells.
    pub(super) fn is_of_first_pass(&self) -> bool {
        self.progress.is_first() && !self.queries.has_lineage()
    }

    /// Evaluates portions of rows, and writes the results.
    pub(super) fn evaluate_portions(&mut self, reader: &mut Reader) -> Result<Remaining, TravelError> {
        let end = settings::quarter_of_statement_ms().map(|ms| clock_now() + i64::from(ms) * 1000);
        let own_xid = own_xid()?;
        let new = NewRows {
            arrived: self.progress.condition(&self.queries, &own_xid),
            read_again: self.progress.read_again(&self.queries, &own_xid),
            after: self.progress.after(&self.definition, &self.queries),
            limit: self.sizes.first,
            is_small: false,
        };
        let query = self.queries.new_rows(&new);
        let mut cursor = None;
        with_rights_of(self.owner, || {
            // A cursor is planned for its first rows, unless this says that all of them are fetched.
            // Compiling the query takes longer than it saves: it is one of many columns and no computation.
            spi::with_settings(&[(c"cursor_tuple_fraction", c"1"), (c"jit", c"off")], || {
                cursor = Some(Cursor::open(&query, &[], false));
            });
        });
        let Some(mut cursor) = cursor else { return Ok(Remaining::LateEvent) };
        let mut portions = Portions {
            inputs: self.inputs(&[], reader.edition())?,
            analysts: Vec::new(),
            results: EvaluationResults::default(),
            entities: Vec::new(),
            baselines: Vec::new(),
            last: None,
        };
        let mut waiting = Waiting::default();
        let (mut count, scratch) = (0, Scratch::new(c"travel: a portion of a first scan", 64 << 10));
        let row_scratch = Scratch::new(c"travel: values of a first scan", 8 << 10);
        let remaining = loop {
            let fetched = with_rights_of(self.owner, || {
                cursor.fetch_each(self.sizes.portion.min(FETCHED), &new_events::TYPES, &row_scratch, |row| {
                    waiting.read(row, reader, &portions.inputs.settings)
                })
            })?;
            let is_end = fetched == 0;
            count += fetched;
            row_scratch.reset();
            if !is_end && waiting.rows.len() < self.sizes.portion {
                continue;
            }
            let (row_count, event_count) = waiting.portion(is_end);
            let next = (&waiting.rows[..row_count], &waiting.events[..event_count]);
            if row_count > 0 && !scratch.within(|| self.evaluate_portion(next, &mut portions))? {
                break if portions.last.is_none() { Remaining::LateEvent } else { Remaining::Rows };
            }
            waiting.rows.drain(..row_count);
            waiting.events.drain(..event_count);
            scratch.reset();
            if is_end {
                break if count < new.limit { Remaining::Nothing } else { Remaining::Rows };
            }
            // A step that statement_timeout ends has done nothing.
            let is_out_of_time = portions.last.is_some() && end.is_some_and(|end| clock_now() > end);
            if is_out_of_time || portions.results.size() > MEMORY {
                break Remaining::Rows;
            }
        };
        cursor.close();
        if matches!(remaining, Remaining::LateEvent) {
            return Ok(remaining);
        }
        let Portions { inputs, results, entities, baselines, last, .. } = portions;
        if last.is_some() {
            self.write(&inputs, results, entities, baselines, reader.built_at())?;
        }
        self.counts.newest = last;
        let position = last.or(self.progress.position);
        self.progress.advance(&self.definition.name, position, &self.counts, reader.built_at());
        self.write_coverage();
        Ok(remaining)
    }

    /// Evaluates a portion of rows and counts them. Returns false, and does nothing, if not all of their events come
    /// after all earlier ones of their members.
    fn evaluate_portion(
        &mut self,
        (rows, events): (&[CountedRow], &[EvaluatedEvent]),
        portions: &mut Portions,
    ) -> Result<bool, TravelError> {
        let Portions { inputs, analysts, results, entities, baselines, last } = portions;
        let rule = &*self.definition.name;
        let members = Members::of_others(rule, events, &results.state)?;
        if !members.are_continued_by(events, self.progress.pass, inputs.edition) {
            return Ok(false);
        }
        let (new_entities, new_baselines, state) = members.all_in_order(rule)?;
        results.add_members(state);
        let names: Vec<&str> = new_baselines.iter().map(|member| &*member.name).collect();
        let entered = analyst_rows::load(rule, &names)?;
        if !entered.is_empty() {
            analysts.extend(entered);
            inputs.analysts = Overlay::new(analysts, inputs.settings.learn);
        }
        entities.extend(new_entities);
        baselines.extend(new_baselines);
        inputs.horizon = inputs.horizon.max(rows.last().map_or(Micros::MIN, |(time, ..)| *time));
        results.evaluate(inputs, events)?;
        while_scanning(|| verdicts::write_if_many(inputs, results))?;
        let now = clock_now();
        for &(time, counted, is_read_again) in rows {
            self.days.count(time, counted, is_read_again);
            self.counts.events += 1;
            self.counts.located += u64::from(!matches!(counted, Counted::NotLocated(_)));
            self.counts.newest_past = Some(time).filter(|time| *time <= now).or(self.counts.newest_past);
            *last = Some(time);
        }
        Ok(true)
    }
}
