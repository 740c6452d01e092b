//! Whether the rows of a pass were usable, which tells an idle source from one without usable rows.

use super::ScanStep;
use super::new_events::own_xid;
use crate::detect::{DiagnosedRows, Diagnosis, none_of};
use crate::pg::attempt::{Failure, attempt};
use crate::pg::errors::{RuleError, TravelError};
use crate::pg::role::with_rights_of;
use crate::rules::progress::PassHealth;
use crate::rules::source_queries::NewRows;

impl ScanStep {
    /// Diagnoses the rows that the pass read, if it located none of them.
    pub(super) fn health(&self) -> Result<PassHealth, TravelError> {
        if !self.progress.located_nothing() {
            return Ok(PassHealth::Evaluated);
        }
        let which = self.progress.condition_on_all(&self.definition, &self.queries, &own_xid()?);
        let rows = NewRows { is_small: self.progress.is_small(), ..NewRows::any() };
        let diagnosis = attempt(|| {
            with_rights_of(self.owner, || {
                self.queries.by_arrival(&rows, || {
                    Diagnosis::of(&self.queries.events, &DiagnosedRows::All(Some(&which)))
                })
            })
        });
        Ok(match diagnosis {
            Ok(diagnosis) if diagnosis.evaluated > 0 => PassHealth::Evaluated,
            Ok(diagnosis) if diagnosis.unusable() == 0 => PassHealth::NoRows,
            Ok(diagnosis) => {
                let why = diagnosis.sentence(false);
                PassHealth::Problem(format!("{}: {}", none_of(diagnosis.rows()), why.trim_end_matches('.')))
            }
            Err(Failure::Ours(error)) => PassHealth::Problem(error.in_one_line()),
            Err(Failure::Raised { code, message }) => {
                PassHealth::Problem(TravelError::from(RuleError::Unresolved { code, message }).in_one_line())
            }
        })
    }
}
