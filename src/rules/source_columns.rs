//! The columns of the queries over a rule's source: the queries list them, and the reader takes them from a row.

use crate::pg::types::Type;
use strum::EnumCount;
use travel_core::columns::{EventLabel, PlaceField};

/// A column of the queries over a source. Its position in a row is a constant, so reading a row looks up no names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryColumn {
    Entity,
    BaselineEntity,
    EventTime,
    /// NULL for a source with coordinates.
    Address,
    /// NULL for a source with addresses, as the next two are.
    Latitude,
    Longitude,
    AccuracyKm,
    MfaUsed,
    Label(EventLabel),
    /// One of [`PlaceField::SUPPLIED`].
    Place(PlaceField),
}

const FIRST_LABEL: usize = 8;
const FIRST_PLACE: usize = FIRST_LABEL + EventLabel::COUNT;

impl QueryColumn {
    /// How many columns a row has.
    pub const COUNT: usize = FIRST_PLACE + PlaceField::SUPPLIED.len();

    /// The types of a row's columns.
    pub const TYPES: [Type; Self::COUNT] = {
        let mut types = [Type::Text; Self::COUNT];
        types[Self::EventTime.index()] = Type::Timestamptz;
        types[Self::Address.index()] = Type::Inet;
        types[Self::Latitude.index()] = Type::Float8;
        types[Self::Longitude.index()] = Type::Float8;
        types[Self::AccuracyKm.index()] = Type::Float8;
        types[Self::MfaUsed.index()] = Type::Bool;
        types
    };

    /// Every column, in the order of a row.
    pub fn all() -> impl Iterator<Item = Self> {
        use QueryColumn::*;
        use strum::VariantArray;
        [Entity, BaselineEntity, EventTime, Address, Latitude, Longitude, AccuracyKm, MfaUsed]
            .into_iter()
            .chain(EventLabel::VARIANTS.iter().map(|label| Label(*label)))
            .chain(PlaceField::SUPPLIED.map(Place))
    }

    /// The position of the column in a row.
    #[inline]
    pub const fn index(self) -> usize {
        match self {
            Self::Entity => 0,
            Self::BaselineEntity => 1,
            Self::EventTime => 2,
            Self::Address => 3,
            Self::Latitude => 4,
            Self::Longitude => 5,
            Self::AccuracyKm => 6,
            Self::MfaUsed => 7,
            Self::Label(label) => FIRST_LABEL + label as usize,
            Self::Place(field) => FIRST_PLACE + field as usize,
        }
    }

    /// The name of the column in the query.
    pub fn name(self) -> &'static str {
        match self {
            Self::Entity => "entity",
            Self::BaselineEntity => "baseline_entity",
            Self::EventTime => "event_time",
            Self::Address => "address",
            Self::Latitude => "latitude",
            Self::Longitude => "longitude",
            Self::AccuracyKm => "accuracy_km",
            Self::MfaUsed => "mfa_used",
            Self::Label(label) => label.into_str(),
            Self::Place(field) => field.into_str(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_of_a_column_is_its_position_in_the_query() {
        let positions: Vec<usize> = QueryColumn::all().map(QueryColumn::index).collect();
        assert_eq!(positions, (0..QueryColumn::COUNT).collect::<Vec<_>>());
    }
}
