//! `travel.assert_healthy`: raises an error if a rule has an error or a problem, for monitors that watch for errors.

use crate::pg::errors::{ScanError, TravelError};
use crate::pg::function::{Call, pg_function};
use crate::pg::spi;
use pgrx::pg_sys;

pg_function!(travel_assert_healthy, pg_finfo_travel_assert_healthy, assert_healthy);

/// `()`, with the caller's rights.
fn assert_healthy(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let (names, lines) = spi::connected(|| {
        let rows = spi::select(
            "SELECT rule, pg_catalog.concat_ws('; ', last_error, problem) AS problems
             FROM travel.status
             WHERE enabled AND (last_error IS NOT NULL OR problem IS NOT NULL)
             ORDER BY rule COLLATE \"C\"",
            &[],
        );
        spi::columns!(rows => rule, problems);
        let (mut names, mut lines) = (Vec::new(), Vec::new());
        for row in rows.iter() {
            let name = row.string(rule)?.unwrap_or_default();
            lines.push(format!("{name}: {}", row.text(problems)?.unwrap_or_default()));
            names.push(name);
        }
        Ok::<_, TravelError>((names, lines))
    })?;
    if names.is_empty() { Ok(call.null()) } else { Err(ScanError::RulesUnhealthy { names, lines }.into()) }
}
