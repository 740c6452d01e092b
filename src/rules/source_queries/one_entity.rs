//! All rows of one entity, whether they are evaluated or not.

use super::SourceQueries;
use crate::pg::time::{just_after, just_before, utc};
use crate::rules::source_columns::QueryColumn;
use travel_core::rule::Micros;

impl SourceQueries {
    /// A query for all rows of an entity ($1; with lineage, an array of its keys) in a range of time, whether they are
    /// evaluated or not, in order of time. The queries must have been built by [`Self::over_all_rows`], or the rule must
    /// have no condition. Behind the columns of [`QueryColumn`] are the kind of the address, whether `unread` holds, and
    /// the status.
    pub fn rows_of_entity(&self, since: Option<Micros>, until: Option<Micros>, unread: &str) -> String {
        let events = &self.events;
        let names: Vec<&str> = QueryColumn::all().map(QueryColumn::name).collect();
        let flag = |sql: Option<String>| sql.unwrap_or_else(|| "false".to_owned());
        let failed =
            events.outcome.as_ref().map(|outcome| format!("{outcome} IS NOT DISTINCT FROM 'failed_auth'"));
        let (is_ignored, is_located) = events.ignored_and_located();
        let time = &events.time;
        let begin = match since {
            Some(_) => time.bound(">=", since, "-infinity"),
            None => time.bound(">", None, "-infinity"),
        };
        // At a single time there are few rows, so they are found by the time.
        let is_moment = since.zip(until).is_some_and(|(since, until)| until == just_after(since));
        let is_by_member = self.has_lineage() && self.is_by_member && !is_moment;
        let (of_keys, is_of_entity, begin, fence) = if is_by_member {
            let keys = format!(
                "unnest($1::text[]) AS m (name)\nCROSS JOIN (SELECT timestamptz '{}' AS after OFFSET 0) AS since\n\
                 CROSS JOIN LATERAL ",
                since.map_or_else(|| "-infinity".to_owned(), |since| utc(just_before(since)))
            );
            (keys, self.is_of_member(&self.entity), time.is_later_than("since.after"), self.fence())
        } else {
            let keys = if self.has_lineage() { "ANY ($1)" } else { "$1" };
            (String::new(), format!("{} = {keys}", self.entity), begin, "")
        };
        format!(
            "SELECT {names}, source_kind, is_unread,
       CASE
           WHEN NOT is_wanted THEN 'excluded'
           WHEN is_failed_auth THEN 'failed_auth'
           WHEN is_service THEN 'service'
           WHEN {is_ignored} THEN 'ignored'
           WHEN ({is_located}) IS NOT TRUE THEN 'not_located'
           ELSE 'evaluated'
       END AS status
FROM {of_keys}(
    SELECT {select},
       {kind} AS source_kind, {unread} AS is_unread, CASE WHEN {wanted} THEN true ELSE false END AS is_wanted,
       {failed} AS is_failed_auth, {service} AS is_service
    FROM {from}
    WHERE {is_of_entity} AND {has_entity}
      AND {begin}
      AND {end}{fence}
) AS e
ORDER BY event_time",
            names = names.join(", "),
            select = self.select,
            kind = events.source_kind,
            wanted = events.condition.as_deref().unwrap_or("true"),
            failed = flag(failed),
            service = flag(events.is_service()),
            from = self.from,
            has_entity = events.has_entity(),
            end = time.bound("<", until, "infinity"),
        )
    }

    /// A query for the times of the first and the last row of an entity ($1; with lineage, an array of its keys).
    pub fn span_of_entity(&self) -> String {
        let time = &self.events.time;
        if !self.has_lineage() {
            return time.span(&self.from, &format!("{} = $1", self.entity));
        }
        format!(
            "SELECT pg_catalog.min(h.first) AS first, pg_catalog.max(h.last) AS last\n\
             FROM unnest($1::text[]) AS m (name)\nCROSS JOIN LATERAL ({}) AS h",
            time.span(&self.from, &self.is_of_member(&self.entity))
        )
    }
}
