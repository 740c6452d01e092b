//! The columns of an event and of a finding: the one declaration of their names, types and order.
//!
//! Rust takes the columns from here wherever it needs them: to parse a record into a row, to read a source, to write
//! findings, verdicts and alerts, and to check the names in a message's template. The SQL scripts declare the same
//! columns a second time, because `CREATE TYPE` must spell them out: `travel.event` is [`EVENT`], `travel.finding` is
//! [`FINDING`] and `travel.leg` is [`LEG`]. A test compares these types, and the tables made from them, with the
//! declaration here.

use strum::{EnumCount, IntoStaticStr, VariantArray};

/// The SQL type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "lowercase", const_into_str)]
pub enum ColumnType {
    Bigint,
    Boolean,
    Float8,
    Inet,
    Text,
    Timestamptz,
}

/// A column of `travel.event`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventColumn {
    pub name: &'static str,
    pub column_type: ColumnType,
}

/// Passes the columns of an event, as `name: Type`, to a macro. A caller that handles every column, such as the
/// function that writes an event as a row, is generated from this list and so cannot disagree with it. Each name is
/// also the name of a field of `travel_cloudtrail::Event`, which says what the column means.
#[macro_export]
macro_rules! with_event_columns {
    ($then:ident) => {
        $then! {
            event_id: Text,
            event_time: Timestamptz,
            event_name: Text,
            event_source: Text,
            event_type: Text,
            event_category: Text,
            aws_region: Text,
            account_id: Text,
            recipient_account_id: Text,
            shared_event_id: Text,
            source_ip: Inet,
            source_text: Text,
            source_kind: Text,
            identity_type: Text,
            principal_id: Text,
            arn: Text,
            user_name: Text,
            session_name: Text,
            principal: Text,
            actor: Text,
            access_key_id: Text,
            issued_access_key_id: Text,
            session_issuer_arn: Text,
            source_identity: Text,
            invoked_by: Text,
            mfa_used: Boolean,
            from_console: Boolean,
            vpc_endpoint_id: Text,
            user_agent: Text,
            error_code: Text,
            error_message: Text,
            outcome: Text,
            read_only: Boolean,
        }
    };
}

macro_rules! declare_event {
    ($($name:ident: $column_type:ident,)*) => {
        /// The columns of `travel.event`, in its order.
        pub const EVENT: &[EventColumn] =
            &[$(EventColumn { name: stringify!($name), column_type: ColumnType::$column_type },)*];
    };
}
with_event_columns!(declare_event);

/// A text column of an event that findings show: the label of one end of a leg. The order is the one in which a scan
/// reads them from its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum EventLabel {
    EventId,
    EventName,
    EventSource,
    AwsRegion,
    AccountId,
    IdentityType,
    Principal,
    Actor,
    SessionName,
    UserName,
    Arn,
    AccessKeyId,
    UserAgent,
    Outcome,
    ErrorCode,
}

/// A fact about the place of one end of a leg. For a source with addresses, GeoIP and the named networks supply all of
/// them. A source with coordinates supplies the coordinates, the radius and the [`PlaceField::SUPPLIED`] names itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum PlaceField {
    City,
    Subdivision,
    Country,
    CountryCode,
    Latitude,
    Longitude,
    AccuracyKm,
    Asn,
    AsOrganization,
    Hosting,
    Anonymizer,
    Carrier,
}

impl PlaceField {
    /// The names that a source with coordinates may supply for its places.
    pub const SUPPLIED: [Self; 4] = [Self::City, Self::Subdivision, Self::Country, Self::CountryCode];
}

/// A number or a decision that is measured between the two ends of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum LegMeasure {
    DistanceKm,
    EffectiveDistanceKm,
    ElapsedSeconds,
    VelocityKmh,
    Impossible,
}

/// One of the two ends of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum End {
    /// Where the leg starts.
    From,
    /// Where it arrives.
    To,
}

/// Where the value of a column of a finding comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueOf {
    /// The id of the leg: see [`crate::message::leg_id`].
    LegId,
    /// The identity whose consecutive events are the ends of the leg.
    Entity,
    /// A label of the event at which the leg arrives.
    Arrival(EventLabel),
    /// A label of the event at this end.
    Label(End, EventLabel),
    /// When the event at this end happened.
    Time(End),
    /// The address of the event at this end; NULL for a source with coordinates.
    Address(End),
    /// A fact about the place of this end.
    Place(End, PlaceField),
    /// A measure of the leg.
    Measure(LegMeasure),
    /// The elapsed time in words: see [`crate::message::travel_time`].
    TravelTime,
    /// The sentence for an analyst: see [`crate::message::message`].
    Message,
}

/// A column of `travel.finding`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FindingColumn {
    pub name: &'static str,
    pub column_type: ColumnType,
    pub value: ValueOf,
}

const fn column(name: &'static str, column_type: ColumnType, value: ValueOf) -> FindingColumn {
    FindingColumn { name, column_type, value }
}

/// The columns of `travel.finding`, in its order. The tables `travel.verdicts` and `travel.alerts` have them too.
pub const FINDING: [FindingColumn; 61] = {
    use ColumnType::*;
    use End::*;
    use EventLabel::*;
    use LegMeasure::*;
    use PlaceField::*;
    use ValueOf::*;
    [
        column("leg_id", Text, LegId),
        column("entity", Text, Entity),
        column("account_id", Text, Arrival(AccountId)),
        column("identity_type", Text, Arrival(IdentityType)),
        column("principal", Text, Arrival(Principal)),
        column("actor", Text, Arrival(Actor)),
        column("session_name", Text, Arrival(SessionName)),
        column("user_name", Text, Arrival(UserName)),
        column("arn", Text, Arrival(Arn)),
        column("access_key_id", Text, Arrival(AccessKeyId)),
        column("from_time", Timestamptz, Time(From)),
        column("from_ip", Inet, Address(From)),
        column("from_event_id", Text, Label(From, EventId)),
        column("from_city", Text, Place(From, City)),
        column("from_subdivision", Text, Place(From, Subdivision)),
        column("from_country", Text, Place(From, Country)),
        column("from_country_code", Text, Place(From, CountryCode)),
        column("from_latitude", Float8, Place(From, Latitude)),
        column("from_longitude", Float8, Place(From, Longitude)),
        column("from_accuracy_km", Float8, Place(From, AccuracyKm)),
        column("from_asn", Bigint, Place(From, Asn)),
        column("from_as_organization", Text, Place(From, AsOrganization)),
        column("from_hosting", Text, Place(From, Hosting)),
        column("from_anonymizer", Text, Place(From, Anonymizer)),
        column("from_carrier", Text, Place(From, Carrier)),
        column("to_time", Timestamptz, Time(To)),
        column("to_ip", Inet, Address(To)),
        column("to_event_id", Text, Label(To, EventId)),
        column("to_city", Text, Place(To, City)),
        column("to_subdivision", Text, Place(To, Subdivision)),
        column("to_country", Text, Place(To, Country)),
        column("to_country_code", Text, Place(To, CountryCode)),
        column("to_latitude", Float8, Place(To, Latitude)),
        column("to_longitude", Float8, Place(To, Longitude)),
        column("to_accuracy_km", Float8, Place(To, AccuracyKm)),
        column("to_asn", Bigint, Place(To, Asn)),
        column("to_as_organization", Text, Place(To, AsOrganization)),
        column("to_hosting", Text, Place(To, Hosting)),
        column("to_anonymizer", Text, Place(To, Anonymizer)),
        column("to_carrier", Text, Place(To, Carrier)),
        column("distance_km", Float8, Measure(DistanceKm)),
        column("effective_distance_km", Float8, Measure(EffectiveDistanceKm)),
        column("elapsed_seconds", Float8, Measure(ElapsedSeconds)),
        column("velocity_kmh", Float8, Measure(VelocityKmh)),
        column("impossible", Boolean, Measure(Impossible)),
        column("from_event_name", Text, Label(From, EventName)),
        column("from_event_source", Text, Label(From, EventSource)),
        column("from_aws_region", Text, Label(From, AwsRegion)),
        column("from_access_key_id", Text, Label(From, AccessKeyId)),
        column("from_user_agent", Text, Label(From, UserAgent)),
        column("from_outcome", Text, Label(From, Outcome)),
        column("from_error_code", Text, Label(From, ErrorCode)),
        column("to_event_name", Text, Label(To, EventName)),
        column("to_event_source", Text, Label(To, EventSource)),
        column("to_aws_region", Text, Label(To, AwsRegion)),
        column("to_access_key_id", Text, Label(To, AccessKeyId)),
        column("to_user_agent", Text, Label(To, UserAgent)),
        column("to_outcome", Text, Label(To, Outcome)),
        column("to_error_code", Text, Label(To, ErrorCode)),
        column("travel_time", Text, TravelTime),
        column("message", Text, Message),
    ]
};

/// The index in [`FINDING`] of the first column of `travel.leg`. The other columns of a leg follow it.
pub const LEG_AT: usize = 10;

/// The columns of `travel.leg`: those of a finding that do not need the events at the ends.
pub const LEG: &[FindingColumn] = FINDING.split_at(LEG_AT).1.split_at(35).0;

/// The names of the columns of a finding.
pub fn finding_names() -> impl Iterator<Item = &'static str> + Clone {
    FINDING.iter().map(|column| column.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The name that a column has because of what it holds; `None` if the name is its own.
    fn derived_name(value: ValueOf) -> Option<String> {
        let at = |end: End, name: &str| Some(format!("{}_{name}", end.into_str()));
        match value {
            ValueOf::Arrival(label) => Some(label.into_str().to_owned()),
            ValueOf::Label(end, label) => at(end, label.into_str()),
            ValueOf::Time(end) => at(end, "time"),
            ValueOf::Address(end) => at(end, "ip"),
            ValueOf::Place(end, field) => at(end, field.into_str()),
            ValueOf::Measure(measure) => Some(measure.into_str().to_owned()),
            ValueOf::LegId | ValueOf::Entity | ValueOf::TravelTime | ValueOf::Message => None,
        }
    }

    #[test]
    fn the_name_of_a_findings_column_says_what_it_holds() {
        for column in FINDING {
            if let Some(name) = derived_name(column.value) {
                assert_eq!(column.name, name);
            }
        }
    }

    #[test]
    fn every_column_of_a_finding_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> = finding_names().collect();
        assert_eq!(names.len(), FINDING.len());
    }

    #[test]
    fn every_label_is_a_text_column_of_an_event() {
        for label in EventLabel::VARIANTS {
            let column = EVENT.iter().find(|column| column.name == label.into_str());
            assert_eq!(column.map(|column| column.column_type), Some(ColumnType::Text), "{label:?}");
        }
    }

    #[test]
    fn a_leg_begins_with_a_time_and_ends_with_the_decision() {
        assert_eq!(LEG.first().map(|column| column.value), Some(ValueOf::Time(End::From)));
        assert_eq!(LEG.last().map(|column| column.value), Some(ValueOf::Measure(LegMeasure::Impossible)));
    }
}
