//! The function `travel_internal.findings`, which the query of `travel.detect` calls once for each entity. It returns the
//! legs of the entity as rows of `travel.finding`, with the events at both of their ends.
//!
//! As SQL, each column of each leg would be an expression over columns of the legs and of the events, which PostgreSQL would
//! copy from row to row. This function writes a row of 61 columns once.

use super::leg_array::{LegColumns, Legs, column};
use crate::pg::array;
use crate::pg::errors::{LegError, TravelError};
use crate::pg::function::{Call, pg_function, utf8, varlena_bytes};
use crate::pg::memory::{Palloc, Scratch, within};
use crate::pg::row::{RowType, RowWriter};
use crate::pg::srf::value_per_call;
use crate::pg::types::Type;
use pgrx::pg_sys;
use std::cell::Cell;
use std::mem::ManuallyDrop;
use strum::{EnumCount, VariantArray};
use travel_core::columns::{ColumnType, End, EventLabel, FINDING, FindingColumn, LEG_AT, ValueOf};
use travel_core::leg_events::{LegEvent, LegEvents};
use travel_core::message::{self, Credential, LegEnd, Sentence};

pg_function!(travel_findings, pg_finfo_travel_findings, findings);

/// The text of each label of an event, if it is known. That of a label is at `[label as usize]`.
type Labels<'a> = [Option<&'a str>; EventLabel::COUNT];

/// What a call site keeps. It lives in the memory of the call site and is never dropped.
struct CallSite {
    row_type: RowType,
    columns: LegColumns,
    /// The memory of `entity` and of what it refers to.
    scratch: ManuallyDrop<Scratch>,
    /// The entity whose findings are being returned, or a null pointer.
    entity: Cell<*mut Entity>,
}

/// What the findings of an entity are made from. The arguments of a call stay where they are until its last row.
struct Entity {
    name: Option<&'static str>,
    legs: Legs,
    events: LegEvents<'static, Palloc>,
    /// The labels in the order in which `events` has their values. `None` stands for a name that is not a label.
    order: [Option<EventLabel>; EventLabel::COUNT],
    /// The labels that are columns of the entity.
    own: Labels<'static>,
}

/// Returns the next finding: `(entity, legs, events, labels, own_labels)`. `labels` has the names of the labels in the order
/// in which the events have their values, and `own_labels` the values of those that are columns of the entity.
fn findings(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let info = value_per_call(call)?;
    let Some(legs) = call.datum(1) else { return Ok(no_more(call, info)) };
    let site = call.site_cache(|| {
        let context = call.site_context();
        // SAFETY: SQL declares the argument as travel.leg[] and the result as travel.finding. The context is that of the
        // call site.
        unsafe {
            let columns = LegColumns::of(call, legs)?;
            let types = FINDING.iter().map(|column| Type::from(column.column_type));
            let row_type = RowType::load(call.result_type()?, types, context)?;
            let scratch = within(context, || Scratch::new(c"travel: the findings of an entity", 8 * 1024));
            Ok(CallSite {
                row_type,
                columns,
                scratch: ManuallyDrop::new(scratch),
                entity: Cell::new(std::ptr::null_mut()),
            })
        }
    })?;
    if site.entity.get().is_null() {
        site.entity.set(site.scratch.within(|| Entity::begin(call, site.columns, legs))?);
        // SAFETY: the site and the context of the expression live as long as the query.
        unsafe { pg_sys::RegisterExprContextCallback((*info).econtext, Some(forget), datum_of(site)) };
    }
    // SAFETY: `begin` made the entity, and this is the only reference to it during the call.
    let entity = unsafe { &mut *site.entity.get() };
    if entity.legs.advance() {
        // SAFETY: PostgreSQL's own structure.
        unsafe { (*info).isDone = pg_sys::ExprDoneCond::ExprMultipleResult };
        return entity.finding(site.row_type);
    }
    // SAFETY: as above, with the same arguments.
    unsafe {
        pg_sys::UnregisterExprContextCallback((*info).econtext, Some(forget), datum_of(site));
        forget(datum_of(site));
    }
    Ok(no_more(call, info))
}

/// Ends the set.
fn no_more(call: &Call, info: *mut pg_sys::ReturnSetInfo) -> pg_sys::Datum {
    // SAFETY: `value_per_call` returned the structure.
    unsafe { (*info).isDone = pg_sys::ExprDoneCond::ExprEndResult };
    call.null()
}

fn datum_of(site: &CallSite) -> pg_sys::Datum {
    pg_sys::Datum::from(std::ptr::from_ref(site))
}

/// Forgets the entity. PostgreSQL calls this function if it does not read all rows of a set.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn forget(site: pg_sys::Datum) {
    // SAFETY: `findings` registered its call site.
    let site = unsafe { &*site.cast_mut_ptr::<CallSite>() };
    site.entity.set(std::ptr::null_mut());
    site.scratch.reset();
}

impl Entity {
    /// Reads the arguments. The result and all that it refers to lives in the current memory context, or in that of the
    /// arguments.
    fn begin(call: &Call, columns: LegColumns, legs: pg_sys::Datum) -> Result<*mut Self, TravelError> {
        let mut order = [None; EventLabel::COUNT];
        let mut own = Labels::default();
        // SAFETY: SQL declares the arguments as text, travel.leg[], bytea and text[]. They outlive the entity.
        unsafe {
            let texts = |n: usize| call.datum(n).map(|texts| array::elements(texts, b'i'));
            let text = |datum: pg_sys::Datum| utf8(varlena_bytes::<'static>(datum));
            let mut values = texts(4);
            for (name, slot) in texts(3).into_iter().flatten().zip(&mut order) {
                let value = values.as_mut().and_then(array::Elements::next).flatten();
                let name = name.map(text).transpose()?;
                *slot = EventLabel::VARIANTS.iter().find(|label| Some(label.into_str()) == name).copied();
                if let Some(label) = *slot {
                    own[label as usize] = value.map(text).transpose()?;
                }
            }
            let events = call.datum(2).map_or(&[][..], |datum| varlena_bytes(datum));
            let entity = Self {
                name: call.datum(0).map(text).transpose()?,
                legs: Legs::of(columns, legs),
                events: LegEvents::of(events, &Palloc)
                    .map_err(|_| TravelError::from(LegError::TooManyEnds))?,
                order,
                own,
            };
            let allocated = pg_sys::palloc(size_of::<Self>()).cast::<Self>();
            allocated.write(entity);
            Ok(allocated)
        }
    }

    /// The labels of an event.
    fn labels<'e>(&self, event: Option<LegEvent<'e>>) -> Result<Labels<'e>, TravelError> {
        let mut labels = Labels::default();
        let Some(event) = event else { return Ok(labels) };
        for (label, value) in self.order.iter().zip(event.labels()) {
            if let (Some(label), Some(value)) = (label, value) {
                // The bytes are an argument of an SQL function, so they need not be text.
                labels[*label as usize] = Some(utf8(value)?);
            }
        }
        Ok(labels)
    }

    /// The current leg as a finding.
    fn finding(&self, row_type: RowType) -> Result<pg_sys::Datum, TravelError> {
        let [from, to] = self.legs.ends();
        let labels_at = |(time_us, site)| {
            let (Some(time_us), Some(site)) = (time_us, site) else { return Ok(Labels::default()) };
            self.labels(self.events.find(time_us, site))
        };
        let (from_labels, to_labels) = (labels_at(from)?, labels_at(to)?);
        let labels = |end: End| if end == End::From { &from_labels } else { &to_labels };
        let of_event = |end: End, label: EventLabel| self.own[label as usize].or(labels(end)[label as usize]);
        let elapsed_seconds = self.number(const { column("elapsed_seconds") });
        let mut row = RowWriter::<{ FINDING.len() }>::new();
        for (n, column) in FINDING.iter().enumerate() {
            match column.value {
                ValueOf::LegId => row.text(self.leg_id().as_deref()),
                ValueOf::Entity => row.text(self.name),
                ValueOf::Arrival(label) => row.text(of_event(End::To, label)),
                ValueOf::Label(end, label) => row.text(labels(end)[label as usize]),
                ValueOf::Time(_) | ValueOf::Address(_) | ValueOf::Place(..) | ValueOf::Measure(_) => {
                    self.write_of_leg(&mut row, n - LEG_AT, column);
                }
                ValueOf::TravelTime => row.text(elapsed_seconds.map(message::travel_time).as_deref()),
                ValueOf::Message => row.text(self.message(of_event)?.as_deref()),
            }
        }
        row.finish(row_type)
    }

    /// Adds a column of the leg.
    fn write_of_leg(&self, row: &mut RowWriter<{ FINDING.len() }>, n: usize, column: &FindingColumn) {
        let value = self.legs.value(n);
        match column.column_type {
            ColumnType::Text | ColumnType::Inet => match value {
                // SAFETY: these types have a variable length.
                Some(value) => row.bytes(unsafe { varlena_bytes(value) }),
                None => row.text(None),
            },
            ColumnType::Bigint | ColumnType::Float8 | ColumnType::Timestamptz => {
                row.i64(value.map(|value| value.value() as i64));
            }
            ColumnType::Boolean => row.bool(value.map(|value| value.value() as u8 != 0)),
        }
    }

    fn leg_id(&self) -> Option<String> {
        let [(from_time, from), (to_time, to)] = self.legs.ends();
        Some(message::leg_id(self.name?, from_time?, from?, to_time?, to?))
    }

    /// The sentence for an analyst. `of_event` returns a label of the event at an end.
    fn message<'e>(
        &'e self,
        of_event: impl Fn(End, EventLabel) -> Option<&'e str>,
    ) -> Result<Option<String>, TravelError> {
        let (Some(entity), Some(elapsed_seconds), Some(distance_km)) = (
            self.name,
            self.number(const { column("elapsed_seconds") }),
            self.number(const { column("distance_km") }),
        ) else {
            return Ok(None);
        };
        let credential = |end: End| {
            Credential::new(
                of_event(end, EventLabel::AccessKeyId),
                of_event(end, EventLabel::IdentityType),
                of_event(end, EventLabel::SessionName).or_else(|| of_event(end, EventLabel::UserName)),
            )
        };
        let leg_end = |[city, country, latitude, longitude]: [usize; 4]| {
            Ok::<_, TravelError>(LegEnd {
                city: self.text(city)?,
                country: self.text(country)?,
                latitude: self.number(latitude).unwrap_or(f64::NAN),
                longitude: self.number(longitude).unwrap_or(f64::NAN),
            })
        };
        const FROM: [usize; 4] =
            [column("from_city"), column("from_country"), column("from_latitude"), column("from_longitude")];
        const TO: [usize; 4] =
            [column("to_city"), column("to_country"), column("to_latitude"), column("to_longitude")];
        Ok(Some(message::message(&Sentence {
            entity,
            from_credential: credential(End::From),
            to_credential: credential(End::To),
            from: leg_end(FROM)?,
            to: leg_end(TO)?,
            elapsed_seconds,
            distance_km,
            velocity_kmh: self.number(const { column("velocity_kmh") }),
            impossible: self.boolean(const { column("impossible") }),
        })))
    }

    /// A column of the leg of type float8.
    fn number(&self, column: usize) -> Option<f64> {
        self.legs.value(column).map(|value| f64::from_bits(value.value() as u64))
    }

    /// A column of the leg of type boolean. NULL is false.
    fn boolean(&self, column: usize) -> bool {
        self.legs.value(column).is_some_and(|value| value.value() as u8 != 0)
    }

    /// A column of the leg of type text.
    fn text(&self, column: usize) -> Result<Option<&str>, TravelError> {
        // SAFETY: the column has this type.
        self.legs.value(column).map(|value| utf8(unsafe { varlena_bytes(value) })).transpose()
    }
}
