//! Errors in the computation of distances and velocities.

use super::number;
use crate::pg::report::Report;
use pgrx::PgSqlErrorCode as Code;

errors! {
    /// An error in the arguments of `travel.distance_km` or `travel.velocity_kmh`.
    pub enum GeodesyError {
        CoordinateOutOfRange { argument: &'static str, value: f64, range: &'static str } =>
            Report::error(
                Code::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
                format!("argument \"{argument}\" is out of range: {}", number(value)),
            )
            .detail(format!("The value must be {range} degrees."))
            .hint("Pass latitude, longitude, latitude and longitude, in degrees."),

        DistanceNegative { value: f64 } =>
            Report::error(
                Code::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
                format!("argument \"distance_km\" is out of range: {}", number(value)),
            )
            .detail("The value must be 0 or greater.")
            .hint("Compute the distance with travel.distance_km."),
    }
}
