//! `travel.import_aws_ranges`: the address ranges that AWS publishes, as rows of `travel.networks`.

use crate::pg::errors::{GuardError, TravelError, UsageError};
use crate::pg::function::{Call, pg_function};
use crate::pg::jsonb::Node;
use crate::pg::report::{Report, counted};
use crate::pg::spi::{self, Argument};
use pgrx::pg_sys;
use std::collections::HashSet;
use travel_cloudtrail::aws_ranges;
use travel_core::network::aws::{AwsRange, GLOBAL, distinct};

pg_function!(travel_import_aws_ranges, pg_finfo_travel_import_aws_ranges, import_aws_ranges);

/// `(document) -> bigint`, with the caller's rights: replaces the rows of the last import, and returns how many there are
/// now.
fn import_aws_ranges(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let document = call.datum(0).ok_or(UsageError::ArgumentNull { name: "document" })?;
    // SAFETY: SQL declares the argument as jsonb, which outlives the call.
    let document = unsafe { Node::of(document) };
    // The whole document is read before anything is written.
    let tick = || {
        pgrx::check_for_interrupts!();
    };
    let ranges = aws_ranges(document, tick).map_err(|what| GuardError::AwsRangesInvalid { what })?;
    let count = spi::connected(|| {
        let regions: HashSet<String> =
            spi::texts("SELECT region FROM travel.aws_regions", &[])?.into_iter().collect();
        let ranges = distinct(ranges, |range| range.is_in_region() && regions.contains(&range.region));
        write(&ranges)?;
        Ok::<_, TravelError>(ranges.len())
    })?;
    Ok(pg_sys::Datum::from(count as i64))
}

/// Deletes the imported rows that are not among these ranges, and adds those that are missing. A row that stays keeps its
/// id and its author.
fn write(ranges: &[AwsRange]) -> Result<(), TravelError> {
    let networks: Vec<String> = ranges.iter().map(|range| range.network.to_string()).collect();
    let regions: Vec<&str> = ranges.iter().map(|range| &*range.region).collect();
    let groups: Vec<&str> = ranges.iter().map(|range| &*range.border_group).collect();
    let arguments = [Argument::texts(&networks), Argument::texts(&regions), Argument::texts(&groups)];
    spi::execute(&format!("{GIVEN} {DELETE_OTHERS}"), &arguments);
    spi::execute(&format!("{GIVEN} {INSERT_MISSING}"), &arguments);
    notice_of_unknown_regions(&arguments[1..2])?;
    notice_of_local_zones(ranges);
    Ok(())
}

/// The rows as they shall be. A range that is not where its region is has no location.
const GIVEN: &str = "
    WITH given AS (
        SELECT n.network::cidr AS network, 'AWS ' || n.border_group AS name, r.latitude, r.longitude, r.city,
               r.subdivision, r.country, r.country_code
        FROM unnest($1::text[], $2::text[], $3::text[]) AS n (network, region, border_group)
        LEFT JOIN travel.aws_regions AS r ON r.region = n.region AND n.border_group = n.region
    )";

const DELETE_OTHERS: &str = "
    DELETE FROM travel.networks AS w
    WHERE w.origin = 'aws' AND NOT EXISTS (
        SELECT FROM given AS g
        WHERE g.network = w.network AND w.treatment = 'place' AND w.hosting = 'aws'
          AND w.valid_from IS NULL AND w.valid_until IS NULL
          AND (g.name, g.latitude, g.longitude, g.city, g.subdivision, g.country, g.country_code)
              IS NOT DISTINCT FROM
              (w.name, w.latitude, w.longitude, w.city, w.subdivision, w.country, w.country_code))";

const INSERT_MISSING: &str = "
    INSERT INTO travel.networks
        (network, name, latitude, longitude, city, subdivision, country, country_code, hosting, origin)
    SELECT g.network, g.name, g.latitude, g.longitude, g.city, g.subdivision, g.country, g.country_code, 'aws', 'aws'
    FROM given AS g
    WHERE NOT EXISTS (SELECT FROM travel.networks AS w WHERE w.origin = 'aws' AND w.network = g.network)";

fn notice_of_unknown_regions(regions: &[Argument]) -> Result<(), TravelError> {
    let query = format!(
        "SELECT sum(networks)::bigint AS networks,
                string_agg(region, ', ' ORDER BY region COLLATE \"C\") AS regions
         FROM (
             SELECT n.region, count(*) AS networks
             FROM unnest($1::text[]) AS n (region)
             WHERE n.region <> '{GLOBAL}' AND NOT EXISTS (SELECT FROM travel.aws_regions AS r WHERE r.region = n.region)
             GROUP BY n.region
         ) AS unknown"
    );
    let rows = spi::select(&query, regions);
    spi::columns!(rows => networks, regions);
    let Some(row) = rows.first() else { return Ok(()) };
    let (Some(count), Some(names)) = (row.i64(networks), row.text(regions)?) else { return Ok(()) };
    Report::notice(format!(
        "{} in unknown regions, whose location is not known: {names}",
        counted(count as u64, "network is", "networks are")
    ))
    .hint("GeoIP locates their addresses. To give them another location, insert rows of your own into travel.networks.")
    .send();
    Ok(())
}

fn notice_of_local_zones(ranges: &[AwsRange]) {
    let count = ranges.iter().filter(|range| !range.is_in_region()).count();
    if count > 0 {
        Report::notice(format!(
            "{} in Local Zones, which are in other cities than their region, and GeoIP locates their addresses",
            counted(count as u64, "network is", "networks are")
        ))
        .send();
    }
}
