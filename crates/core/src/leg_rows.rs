//! Decides which rows of a history can be at the ends of its legs. A leg leads from the last event at one site to the first
//! event at another, so only the rows next to a change of site can be at an end. Code that reads the rows in order can
//! remember where these few rows are, and fetch them again without a search.

use crate::site::Site;

/// Decides which rows to keep while they arrive in order of time. Rows with the same time and site are one event, so they
/// are kept or dropped together. If one row of a time is kept, all rows of that time are kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct LegRows {
    last: Option<(i64, Site)>,
    /// The index among the kept rows of the first row of the last event.
    event: usize,
    /// Whether the last event is the first at its site, so a leg can end at it.
    arrives: bool,
}

impl LegRows {
    /// Takes the next row. `kept` is the number of rows kept so far. Returns how many of them remain; the new row follows
    /// them. Returns `None` if the row comes before the last one. The rows are then not in order, so it is not known which
    /// of them are at the ends of legs.
    #[inline]
    pub fn arrive(&mut self, kept: usize, time_us: i64, site: Site) -> Option<usize> {
        let before = self.last.replace((time_us, site));
        let Some((last_us, last)) = before else {
            self.arrives = true;
            return Some(kept);
        };
        if time_us < last_us {
            return None;
        }
        if site == last && time_us == last_us {
            return Some(kept);
        }
        let is_move = site != last;
        // The last event is between two others at its site.
        let remain = if is_move || self.arrives { kept } else { self.event };
        (self.event, self.arrives) = (remain, is_move);
        Some(remain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn site(n: u8) -> Site {
        Site::from_address(std::net::Ipv4Addr::new(192, 0, 2, n).into())
    }

    /// The indexes of the rows that are kept.
    fn kept(rows: &[(i64, u8)]) -> Option<Vec<usize>> {
        let (mut state, mut kept) = (LegRows::default(), Vec::new());
        for (n, (time_us, at)) in rows.iter().enumerate() {
            kept.truncate(state.arrive(kept.len(), *time_us, site(*at))?);
            kept.push(n);
        }
        Some(kept)
    }

    #[test]
    fn rows_around_a_move_are_kept() {
        assert_eq!(kept(&[(1, 1), (2, 1), (3, 1), (4, 1), (5, 2), (6, 2)]), Some(vec![0, 3, 4, 5]));
    }

    #[test]
    fn rows_of_one_event_are_kept_together() {
        assert_eq!(
            kept(&[(1, 1), (2, 1), (2, 1), (3, 1), (3, 1), (3, 2), (4, 2)]),
            Some(vec![0, 3, 4, 5, 6])
        );
    }

    #[test]
    fn rows_that_are_not_in_order_are_not_known() {
        assert_eq!(kept(&[(1, 1), (3, 1), (2, 1)]), None);
    }

    proptest! {
        #[test]
        fn the_ends_of_all_legs_are_kept_with_all_rows_of_their_times(
            mut rows in prop::collection::vec((0_i64..12, 1_u8..4), 0..30)
        ) {
            rows.sort_unstable();
            let kept = kept(&rows).unwrap();
            for pair in rows.windows(2).filter(|pair| pair[0].1 != pair[1].1) {
                for (time_us, _) in pair {
                    for n in (0..rows.len()).filter(|n| rows[*n].0 == *time_us) {
                        prop_assert!(kept.contains(&n), "row {n} of {rows:?}");
                    }
                }
            }
        }

        #[test]
        fn if_a_row_of_a_time_is_kept_all_of_them_are(
            mut rows in prop::collection::vec((0_i64..12, 1_u8..4), 1..30)
        ) {
            // In another order of the sites within a time.
            rows.sort_unstable_by_key(|(time_us, at)| (*time_us, std::cmp::Reverse(*at)));
            let kept = kept(&rows).unwrap();
            // The last event may still become an end.
            for n in kept.iter().filter(|n| rows[**n].0 != rows[rows.len() - 1].0) {
                for other in (0..rows.len()).filter(|other| rows[*other].0 == rows[*n].0) {
                    prop_assert!(kept.contains(&other), "row {other} of {rows:?}");
                }
            }
        }
    }
}
