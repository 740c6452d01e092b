//! The shortest way between two points as lines for a map, in the form of GeoJSON (RFC 7946).
//!
//! A map shows the way as straight lines between positions, so there are positions along it, at most [`STEP_KM`] apart.
//! A map has edges: the lines are cut where the way crosses the antimeridian, and at a pole, where its longitude
//! jumps. Without the cut, a map would draw a line around the whole world.

use crate::geodesy::{Coordinates, EARTH_RADIUS_KM};
use std::fmt::Write;

/// The longest distance between two positions of a line, in km.
const STEP_KM: f64 = 200.0;

/// A longitude and a latitude in degrees, in the order of GeoJSON, rounded to 0.1 m.
pub type Position = [f64; 2];

/// The way from one point to another as lines, each of at least two positions. Each line begins where the one before it
/// ends, at the other edge of the map. Between antipodes, where every direction is as short, the way leads north.
pub fn lines(from: Coordinates, to: Coordinates) -> Vec<Vec<Position>> {
    cut(&positions(from, to))
}

/// These lines as a GeoJSON geometry: a `LineString`, or a `MultiLineString` if there are several.
pub fn geojson(from: Coordinates, to: Coordinates) -> String {
    let lines = lines(from, to);
    let mut json = String::new();
    let is_one = lines.len() == 1;
    json.push_str(if is_one {
        r#"{"type":"LineString","coordinates":"#
    } else {
        r#"{"type":"MultiLineString","coordinates":["#
    });
    for (n, line) in lines.iter().enumerate() {
        json.push_str(if n == 0 { "[" } else { ",[" });
        for (n, [longitude, latitude]) in line.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            // Writing to a String does not fail.
            let _ = write!(json, "{comma}[{longitude},{latitude}]");
        }
        json.push(']');
    }
    json.push_str(if is_one { "}" } else { "]}" });
    json
}

/// Positions along the way, which may be on both sides of the antimeridian.
fn positions(from: Coordinates, to: Coordinates) -> Vec<Position> {
    let distance = from.distance_km(to);
    let steps = (distance / STEP_KM).ceil().max(1.0) as usize;
    let start = Vector::of(from);
    let direction = start.direction_to(Vector::of(to), from);
    let position = |n: usize| match n {
        0 => position(from.longitude(), from.latitude()),
        n if n == steps => position(to.longitude(), to.latitude()),
        n => {
            let angle = distance / EARTH_RADIUS_KM * n as f64 / steps as f64;
            start.times(angle.cos()).plus(direction.times(angle.sin())).position()
        }
    };
    (0..=steps).map(position).collect()
}

fn position(longitude: f64, latitude: f64) -> Position {
    // Adding 0.0 turns a negative zero into zero.
    [longitude, latitude].map(|degrees| (degrees * 1e6).round() / 1e6 + 0.0)
}

/// Cuts a way into lines that do not cross the antimeridian.
fn cut(way: &[Position]) -> Vec<Vec<Position>> {
    let mut lines = Vec::new();
    let mut line: Vec<Position> = Vec::new();
    for &[longitude, latitude] in way {
        let Some(&[before, latitude_before]) = line.last() else {
            // A way that starts on the antimeridian starts at the edge of the map to which it leads.
            let side =
                way.iter().find(|position| !is_on_edge(position[0])).map_or(1.0, |[to, _]| to.signum());
            line.push([if is_on_edge(longitude) { 180.0 * side } else { longitude }, latitude]);
            continue;
        };
        let turn = (longitude - before).abs();
        if is_pole(latitude) {
            // A pole is at every longitude.
            line.push([before, latitude]);
        } else if is_pole(latitude_before) {
            if line.len() == 1 {
                line.clear();
            } else if turn > 0.0 {
                lines.push(std::mem::take(&mut line));
            }
            if line.is_empty() {
                line.push([longitude, latitude_before]);
            }
            line.push([longitude, latitude]);
        } else if (turn - 180.0).abs() < 2e-6 {
            // Opposite meridians meet at a pole, which is between the two positions.
            let pole = 90.0_f64.copysign(latitude + latitude_before);
            line.push([before, pole]);
            lines.push(std::mem::take(&mut line));
            line.extend([[longitude, pole], [longitude, latitude]]);
        } else if is_on_edge(longitude) {
            line.push([180.0_f64.copysign(before), latitude]);
        } else if turn > 180.0 {
            let edge = 180.0_f64.copysign(before);
            let crossing = if is_on_edge(before) {
                latitude_before
            } else {
                let crossing = crossing([before, latitude_before], [longitude, latitude]);
                line.push([edge, crossing]);
                crossing
            };
            lines.push(std::mem::take(&mut line));
            line.extend([[-edge, crossing], [longitude, latitude]]);
        } else {
            line.push([longitude, latitude]);
        }
    }
    lines.push(line);
    lines
}

fn is_on_edge(longitude: f64) -> bool {
    longitude.abs() >= 180.0
}

fn is_pole(latitude: f64) -> bool {
    latitude.abs() >= 90.0
}

/// The latitude at which the way between two positions crosses the antimeridian, where y is 0.
fn crossing(from: Position, to: Position) -> f64 {
    let [from, to] = [from, to].map(|[longitude, latitude]| Vector::at(longitude, latitude));
    let Vector { x, z, .. } = from.times(to.y.abs()).plus(to.times(from.y.abs()));
    position(180.0, z.atan2(x.abs()).to_degrees())[1]
}

/// A point on the unit sphere: x points to where the equator crosses the prime meridian, z to the north.
#[derive(Clone, Copy)]
struct Vector {
    x: f64,
    y: f64,
    z: f64,
}

impl Vector {
    fn of(at: Coordinates) -> Self {
        Self::at(at.longitude(), at.latitude())
    }

    fn at(longitude: f64, latitude: f64) -> Self {
        let ((sin_lon, cos_lon), (sin_lat, cos_lat)) =
            (longitude.to_radians().sin_cos(), latitude.to_radians().sin_cos());
        Self { x: cos_lat * cos_lon, y: cos_lat * sin_lon, z: sin_lat }
    }

    fn times(self, by: f64) -> Self {
        Self { x: self.x * by, y: self.y * by, z: self.z * by }
    }

    fn plus(self, other: Self) -> Self {
        Self { x: self.x + other.x, y: self.y + other.y, z: self.z + other.z }
    }

    fn dot(self, other: Self) -> f64 {
        self.x * other.x + self.y * other.y + self.z * other.z
    }

    /// The direction in which another point lies, at right angles to this one, which has the coordinates `here`.
    fn direction_to(self, other: Self, here: Coordinates) -> Self {
        let across = other.plus(self.times(-self.dot(other)));
        let length = across.dot(across).sqrt();
        if length > 1e-9 {
            return across.times(1.0 / length);
        }
        // The other point is this one or its antipode, and no direction is shorter than another: go north.
        let ((sin_lon, cos_lon), (sin_lat, cos_lat)) =
            (here.longitude().to_radians().sin_cos(), here.latitude().to_radians().sin_cos());
        Self { x: -sin_lat * cos_lon, y: -sin_lat * sin_lon, z: cos_lat }
    }

    fn position(self) -> Position {
        let Self { x, y, z } = self;
        // Not `hypot`, which needs a newer C library than the RPM supports: x and y are at most 1.
        position(y.atan2(x).to_degrees(), z.atan2((x * x + y * y).sqrt()).to_degrees())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(latitude: f64, longitude: f64) -> Coordinates {
        Coordinates::new(latitude, longitude).unwrap()
    }

    fn point([longitude, latitude]: Position) -> Coordinates {
        at(latitude, longitude)
    }

    /// The first and the last position of each line.
    fn ends(from: Coordinates, to: Coordinates) -> Vec<[Position; 2]> {
        lines(from, to).iter().map(|line| [line[0], line[line.len() - 1]]).collect()
    }

    /// What RFC 7946 asks of lines, and that they are the shortest way.
    fn check(from: Coordinates, to: Coordinates) -> Result<(), TestCaseError> {
        let lines = lines(from, to);
        let total = from.distance_km(to);
        let mut length = 0.0;
        let first = lines[0][0];
        prop_assert!(from.distance_km(point(first)) < 0.001, "it begins at {first:?}");
        let last = *lines.last().unwrap().last().unwrap();
        prop_assert!(to.distance_km(point(last)) < 0.001, "it ends at {last:?}");
        for pair in lines.windows(2) {
            let (end, start) = (*pair[0].last().unwrap(), pair[1][0]);
            prop_assert!(point(end).distance_km(point(start)) < 0.001, "{end:?} and {start:?} are one place");
            prop_assert!(is_pole(end[1]) || (is_on_edge(end[0]) && end[0] == -start[0]), "cut at {end:?}");
        }
        for line in &lines {
            prop_assert!(line.len() >= 2, "a line has two positions: {line:?}");
            for position in line {
                // It is in range, or this panics; and it is on the way.
                let detour = from.distance_km(point(*position)) + point(*position).distance_km(to) - total;
                prop_assert!(detour < 0.05, "{position:?} is {detour} km off the way");
            }
            for pair in line.windows(2) {
                prop_assert!((pair[0][0] - pair[1][0]).abs() < 180.0, "{pair:?} leads around the world");
                let step = point(pair[0]).distance_km(point(pair[1]));
                prop_assert!(step < STEP_KM + 0.01, "{pair:?} are {step} km apart");
                length += step;
            }
        }
        prop_assert!((length - total).abs() < 0.05, "{length} km instead of {total} km");
        Ok(())
    }

    #[test]
    fn a_way_across_the_antimeridian_is_cut_there() {
        // Auckland to Honolulu.
        let ends = ends(at(-36.84853, 174.76349), at(21.30694, -157.85833));
        assert_eq!(ends.len(), 2, "{ends:?}");
        assert_eq!(ends[0][0], [174.76349, -36.84853]);
        assert_eq!((ends[0][1][0], ends[1][0][0]), (180.0, -180.0));
        assert_eq!(ends[0][1][1], ends[1][0][1]);
        assert_eq!(ends[1][1], [-157.85833, 21.30694]);
    }

    #[test]
    fn a_way_that_begins_or_ends_on_the_antimeridian_is_not_cut() {
        for edge in [180.0, -180.0] {
            assert_eq!(ends(at(0.0, edge), at(0.0, 170.0)), [[[180.0, 0.0], [170.0, 0.0]]]);
            assert_eq!(ends(at(0.0, edge), at(0.0, -170.0)), [[[-180.0, 0.0], [-170.0, 0.0]]]);
            assert_eq!(ends(at(0.0, -170.0), at(0.0, edge)), [[[-170.0, 0.0], [-180.0, 0.0]]]);
            assert_eq!(ends(at(10.0, edge), at(20.0, -edge)), [[[180.0, 10.0], [180.0, 20.0]]]);
        }
    }

    #[test]
    fn a_way_over_a_pole_is_cut_there() {
        let over = ends(at(80.0, 10.0), at(80.0, -170.0));
        assert_eq!(over, [[[10.0, 80.0], [10.0, 90.0]], [[-170.0, 90.0], [-170.0, 80.0]]]);
        assert_eq!(ends(at(90.0, 33.0), at(80.0, -170.0)), [[[-170.0, 90.0], [-170.0, 80.0]]]);
        assert_eq!(ends(at(80.0, -170.0), at(90.0, 33.0)), [[[-170.0, 80.0], [-170.0, 90.0]]]);
    }

    #[test]
    fn odd_ways_are_valid_too() {
        let odd = [
            (at(0.0, 0.0), at(0.0, 180.0)),
            (at(90.0, 0.0), at(-90.0, 0.0)),
            (at(-90.0, 120.0), at(-90.0, -120.0)),
            (at(0.0, 180.0), at(0.0, -180.0)),
            (at(51.5, -0.1), at(51.5, -0.1)),
            (at(89.9, 0.0), at(89.9, 180.0)),
            (at(-45.0, 180.0), at(-45.0, 0.0)),
            (at(10.0, 20.0), at(-10.0, -160.0)),
            (at(0.0, 179.9999999), at(0.0, -179.9999999)),
        ];
        for (from, to) in odd {
            if let Err(error) = check(from, to) {
                panic!("{from:?} to {to:?}: {error}");
            }
        }
    }

    #[test]
    fn geojson_has_longitudes_first() {
        let near = geojson(at(51.50853, -0.12574), at(51.5, 0.0));
        assert_eq!(near, r#"{"type":"LineString","coordinates":[[-0.12574,51.50853],[0,51.5]]}"#);
        let across = geojson(at(0.0, 179.5), at(0.0, -179.5));
        assert_eq!(
            across,
            r#"{"type":"MultiLineString","coordinates":[[[179.5,0],[180,0]],[[-180,0],[-179.5,0]]]}"#
        );
    }

    prop_compose! {
        fn anywhere()(latitude in -90.0..=90.0, longitude in -180.0..=180.0) -> Coordinates {
            at(latitude, longitude)
        }
    }

    prop_compose! {
        /// Where the edges of a map are: whole degrees, poles and the antimeridian among them.
        fn at_edges()(
            latitude in prop_oneof![Just(-90.0), Just(0.0), Just(90.0), -90.0..=90.0],
            longitude in prop_oneof![Just(-180.0), Just(180.0), Just(0.0), 179.0..=180.0, -180.0..=-179.0],
        ) -> Coordinates {
            at(latitude, longitude)
        }
    }

    proptest! {
        #[test]
        fn lines_are_the_shortest_way_in_pieces(from in anywhere(), to in anywhere()) {
            check(from, to)?;
        }

        #[test]
        fn so_they_are_at_the_edges_of_a_map(from in at_edges(), to in at_edges()) {
            check(from, to)?;
        }
    }
}
