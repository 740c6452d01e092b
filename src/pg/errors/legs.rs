//! Errors in the window function and the aggregate.

use super::number;
use crate::pg::report::Report;
use pgrx::PgSqlErrorCode as Code;

errors! {
    /// An error in the arguments of `travel.leg` or `travel.impossible_legs`, or a limit of these.
    pub enum LegError {
        ThresholdNull { name: &'static str } =>
            Report::error(Code::ERRCODE_NULL_VALUE_NOT_ALLOWED, format!("threshold \"{name}\" must not be NULL"))
                .hint("Omit the argument to use the default: 500 km, 1000 km/h, use_accuracy false."),

        ThresholdOutOfRange { name: &'static str, value: f64 } =>
            Report::error(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("threshold \"{name}\" is out of range: {}", number(value)),
            )
            .detail("The value must be finite and not negative.")
            .hint("Omit the argument to use the default: 500 km, 1000 km/h."),

        /// `over` is "group" or "partition".
        ThresholdVaries { over: &'static str } =>
            Report::error(Code::ERRCODE_INVALID_PARAMETER_VALUE, format!("thresholds vary within one {over}"))
                .hint(
                    "Use constants, or values that depend only on the entity, for min_distance_km, min_velocity_kmh and \
                     use_accuracy.",
                ),

        InfiniteTime =>
            Report::error(Code::ERRCODE_DATETIME_FIELD_OVERFLOW, "event time must be finite")
                .hint("Exclude such rows: WHERE isfinite(event_time)."),

        DescendingTime =>
            Report::error(Code::ERRCODE_INVALID_PARAMETER_VALUE, "window is not in ascending order of time")
                .hint("Order the window by time: OVER (PARTITION BY access_key_id ORDER BY event_time, ip)."),

        /// `function` is "impossible_legs" or "journey". A journey takes no thresholds.
        ArgumentTypes { function: &'static str } =>
            Report::error(
                Code::ERRCODE_DATATYPE_MISMATCH,
                format!("wrong argument types for travel.{function}"),
            )
            .detail(format!(
                "After event_time, it takes ip (inet) or latitude and longitude (float8), then optionally event_id \
                 (text){}.",
                if function == "journey" {
                    ""
                } else {
                    ", then optionally min_distance_km, min_velocity_kmh (float8) and use_accuracy (boolean)"
                },
            ))
            .hint(format!(
                "For an address of type text, write travel.{function}(event_time, travel.source_ip(ip)). For an event \
                 ID of another type, write event_id::text.",
            )),

        AddressIsANumber { text: String } =>
            Report::error(Code::ERRCODE_INVALID_TEXT_REPRESENTATION, format!("invalid IP address: \"{text}\""))
                .detail("The value is a number.")
                .hint(
                    "If it is a coordinate, cast both coordinates to float8: (event_time, latitude::float8, \
                     longitude::float8).",
                ),

        JourneysDiffer =>
            Report::error(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                "cannot combine a journey that has event IDs with a journey that has none",
            )
            .hint("Compute both with the same form of travel.journey: with event_id or without."),

        TooManyEvents =>
            Report::error(Code::ERRCODE_PROGRAM_LIMIT_EXCEEDED, "too many events for one entity")
                .detail("The journey of the entity would exceed the limit of 1 GB for a value.")
                .hint(
                    "Use the window function, which has no such limit: travel.leg(event_time, ip) OVER (PARTITION BY \
                     access_key_id ORDER BY event_time, ip). Or omit the event ids: without them, an event takes only a \
                     few bytes.",
                ),

        TooManyLegs =>
            Report::error(Code::ERRCODE_PROGRAM_LIMIT_EXCEEDED, "too many impossible legs for one entity")
                .detail("The result of travel.impossible_legs would exceed the limit of 1 GB for a value.")
                .hint(
                    "Narrow the time range, raise the thresholds, or use the window function, which has no such limit: \
                     travel.leg(event_time, ip) OVER (PARTITION BY access_key_id ORDER BY event_time, ip).",
                ),

        TooManyEnds =>
            Report::error(Code::ERRCODE_PROGRAM_LIMIT_EXCEEDED, "too many events at the ends of the legs of one entity")
                .detail("Their labels would exceed the limit of 1 GB for a value.")
                .hint("Narrow the time range, or raise the thresholds."),

        JourneyText { detail: String } =>
            Report::error(
                Code::ERRCODE_INVALID_TEXT_REPRESENTATION,
                "invalid input syntax for type travel.journey",
            )
            .detail(detail)
            .hint("Use text that the type itself wrote: \\x, followed by hexadecimal digits."),

        JourneyBinary { detail: String } =>
            Report::error(
                Code::ERRCODE_INVALID_BINARY_REPRESENTATION,
                "invalid binary representation of type travel.journey",
            )
            .detail(detail)
            .hint("Use versions of impossible_travel that share one format on both servers."),
    }
}
