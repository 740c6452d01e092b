//! `travel.archive` and `travel.silence`: what analysts do with an alert, in one call. Both have the rights of their
//! caller.

use crate::pg::errors::{GuardError, RuleError, TravelError, UsageError};
use crate::pg::function::{Call, pg_function};
use crate::pg::report::Report;
use crate::pg::spi::{self, Argument};
use crate::pg::srf::RowSet;
use crate::pg::time::utc;
use pgrx::pg_sys;
use travel_core::entity::is_temporary_key;
use travel_core::rule::like_exactly;

pg_function!(travel_archive, pg_finfo_travel_archive, archive);
pg_function!(travel_silence, pg_finfo_travel_silence, silence);

/// `(alert_id, reason, comment)`
fn archive(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let id = alert_id(call)?;
    let reason = call.text(1)?.ok_or(UsageError::ArgumentNull { name: "reason" })?;
    let comment = call.text(2)?;
    spi::connected(|| {
        let found = spi::execute(
            "UPDATE travel.alerts SET status = 'archived', archive_reason = $2 WHERE id = $1",
            &[Argument::bigint(id), Argument::text(reason)],
        );
        if found == 0 {
            return Err(TravelError::from(RuleError::AlertNotFound { id }));
        }
        if let Some(comment) = comment {
            spi::execute(
                "INSERT INTO travel.alert_comments (alert_id, comment) VALUES ($1, $2)",
                &[Argument::bigint(id), Argument::text(comment)],
            );
        }
        Ok(())
    })?;
    Ok(call.null())
}

/// `(alert_id, duration, reason) -> setof bigint`: writes a suppression for each pair of countries and network between
/// which the alert's legs lead.
fn silence(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let mut rows = RowSet::begin(call)?;
    let id = alert_id(call)?;
    let duration = call.datum(1).ok_or(UsageError::ArgumentNull { name: "duration" })?;
    let duration = Argument::of(pg_sys::INTERVALOID, Some(duration));
    let reason = call.text(2)?.ok_or(UsageError::ArgumentNull { name: "reason" })?;
    let written = spi::connected(|| {
        check_duration(duration)?;
        let entity =
            spi::select_text("SELECT entity FROM travel.alerts WHERE id = $1", &[Argument::bigint(id)])?;
        let entity_like = entity.as_deref().map(like_exactly);
        let criteria = spi::select(CRITERIA, &[Argument::bigint(id)]);
        spi::columns!(criteria => country_code_a, country_code_b, network);
        if criteria.is_empty() {
            return Err(TravelError::from(RuleError::AlertNotFound { id }));
        }
        let mut written = Vec::new();
        for row in criteria.iter() {
            let [a, b] = [row.text(country_code_a)?, row.text(country_code_b)?];
            let network = row.text(network)?;
            if (a, b, network) == (None, None, None) {
                return Err(GuardError::NothingToSilenceBy { id }.into());
            }
            notice_if_suppressed(id, [a, b, network, entity_like.as_deref()])?;
            let inserted = spi::select(
                SUPPRESS,
                &[
                    Argument::bigint(id),
                    duration,
                    Argument::text(reason),
                    Argument::optional_text(a),
                    Argument::optional_text(b),
                    Argument::optional_text(network),
                    Argument::optional_text(entity_like.as_deref()),
                ],
            );
            let only = inserted.only_column();
            written.extend(inserted.iter().filter_map(|row| row.i64(only)));
        }
        notice_of_temporary_key(id)?;
        Ok(written)
    })?;
    for id in written {
        rows.push([Some(pg_sys::Datum::from(id))]);
    }
    Ok(rows.finish(call))
}

fn alert_id(call: &Call) -> Result<i64, TravelError> {
    let id = call.datum(0).ok_or(UsageError::ArgumentNull { name: "alert_id" })?;
    Ok(id.value() as i64)
}

fn check_duration(duration: Argument) -> Result<(), TravelError> {
    let rows = spi::select(
        "SELECT $1 > interval '0' AND $1 <= interval '10 years' AS is_in_range, $1::text AS given",
        &[duration],
    );
    spi::columns!(rows => is_in_range, given);
    match rows.first() {
        Some(row) if !row.is_true(is_in_range) => {
            Err(GuardError::SilenceDuration { given: row.string(given)?.unwrap_or_default() }.into())
        }
        _ => Ok(()),
    }
}

/// Names the suppressions in force that have the same rule and criteria. If an analyst deletes one of two, the other
/// still applies.
fn notice_if_suppressed(id: i64, criteria: [Option<&str>; 4]) -> Result<(), TravelError> {
    let [a, b, network, entity_like] = criteria.map(Argument::optional_text);
    let equal = spi::select(
        "SELECT s.id::text AS id, s.valid_until AS until
         FROM travel.suppressions AS s
         WHERE s.rule = (SELECT rule FROM travel.alerts WHERE id = $1)
           AND s.country_code_a IS NOT DISTINCT FROM $2 AND s.country_code_b IS NOT DISTINCT FROM $3
           AND s.network IS NOT DISTINCT FROM $4::cidr AND s.entity_like IS NOT DISTINCT FROM $5
           AND (s.valid_until IS NULL OR s.valid_until > now())
         ORDER BY s.id",
        &[Argument::bigint(id), a, b, network, entity_like],
    );
    spi::columns!(equal => id, until);
    for row in equal.iter() {
        let until =
            row.i64(until).map_or_else(|| "without end".to_owned(), |until| format!("until {}", utc(until)));
        let id = row.text(id)?.unwrap_or_default();
        Report::notice(format!("suppression {id} has the same criteria, and applies {until}"))
            .hint(format!(
                "Either one suppresses the travel. To keep the new one only: DELETE FROM travel.suppressions WHERE id = {id}."
            ))
            .send();
    }
    Ok(())
}

/// Says that a suppression of a temporary key ends with the key, whatever its duration.
fn notice_of_temporary_key(id: i64) -> Result<(), TravelError> {
    let entity = spi::select_text(
        // With lineage, the entity is an access key, from which those of both ends may have been minted.
        "SELECT a.entity FROM travel.alerts AS a
         WHERE a.id = $1
           AND (a.entity = a.access_key_id
                OR EXISTS (SELECT FROM travel.rules AS r WHERE r.name = a.rule AND r.lineage))",
        &[Argument::bigint(id)],
    )?;
    if let Some(key) = entity.filter(|key| is_temporary_key(key)) {
        Report::notice(format!("suppression applies only to temporary access key {key}, which expires within 36 hours"))
            .hint(
                "The next key of the same identity is another entity. To silence it, too, change entity_like of the \
                 suppression, for example to 'ASIA%', or to NULL for all entities.",
            )
            .send();
    }
    Ok(())
}

/// The countries and the network of each leg of the alert $1, each combination once.
///
/// A suppression matches a leg if either end is in its network. The network must not be the one from which the first leg
/// starts, where the user probably is as usual: that would silence all travel from there. If that is where a leg leads
/// back to, the network is that of the leg's other end.
const CRITERIA: &str = "
    WITH legs AS (
        SELECT from_ip, to_ip, from_country_code, to_country_code FROM travel.verdicts WHERE alert_id = $1 AND raised
        UNION
        SELECT from_ip, to_ip, from_country_code, to_country_code FROM travel.alerts WHERE id = $1
    ), networks AS (
        SELECT network(set_masklen(l.from_ip, CASE family(l.from_ip) WHEN 4 THEN 24 ELSE 48 END)) AS from_network,
               network(set_masklen(l.to_ip, CASE family(l.to_ip) WHEN 4 THEN 24 ELSE 48 END)) AS to_network,
               network(set_masklen(a.from_ip, CASE family(a.from_ip) WHEN 4 THEN 24 ELSE 48 END)) AS home,
               CASE WHEN l.from_country_code ~ '^[A-Z]{2}$' THEN l.from_country_code END AS from_code,
               CASE WHEN l.to_country_code ~ '^[A-Z]{2}$' THEN l.to_country_code END AS to_code
        FROM legs AS l CROSS JOIN (SELECT from_ip FROM travel.alerts WHERE id = $1) AS a
    )
    SELECT DISTINCT
           least(from_code, to_code) AS country_code_a,
           CASE WHEN num_nulls(from_code, to_code) = 0 THEN greatest(from_code, to_code) END AS country_code_b,
           (CASE WHEN to_network = home AND from_network <> home THEN from_network ELSE to_network END)::text AS network
    FROM networks
    ORDER BY country_code_a, country_code_b, network";

/// Writes a suppression for legs that arrive later than those of the alert $1. Those stay raised.
const SUPPRESS: &str = "
    INSERT INTO travel.suppressions
        (rule, entity_like, country_code_a, country_code_b, network, valid_from, valid_until, reason)
    SELECT rule, $7, $4, $5, $6::cidr,
           last_seen + interval '1 microsecond', now() + $2, $3
    FROM travel.alerts
    WHERE id = $1
    RETURNING id";
