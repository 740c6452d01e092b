//! Snapshots of transactions, as PostgreSQL writes them: `xmin:xmax:` and the transactions between them that run.

use std::collections::BTreeSet;

/// The snapshot, with the current transaction counted as running: what this transaction inserts later is new to the
/// next scan. `None` if the text is not a snapshot.
pub fn with_own(snapshot: &str, own_xid: &str) -> Option<String> {
    let own: u64 = own_xid.parse().ok()?;
    let mut parts = snapshot.split(':');
    let mut xmin: u64 = parts.next()?.parse().ok()?;
    let mut xmax: u64 = parts.next()?.parse().ok()?;
    let mut running: BTreeSet<u64> = parts.next()?.split(',').filter_map(|xid| xid.parse().ok()).collect();
    if own >= xmax {
        // The transactions in between had not begun or not ended when the snapshot was taken.
        running.extend(xmax..own);
        xmax = own + 1;
    }
    running.insert(own);
    xmin = running.first().copied().map_or(xmin, |first| xmin.min(first));
    let running: Vec<String> = running.iter().map(u64::to_string).collect();
    Some(format!("{xmin}:{xmax}:{}", running.join(",")))
}

/// Returns whether `later` can be a later snapshot of the same database as `earlier`. A database never takes back a
/// transaction number, so if the earlier one knows a number that the later one does not, it is from elsewhere.
pub fn has_reached(later: Option<&str>, earlier: Option<&str>) -> bool {
    let next = |snapshot: &str| snapshot.split(':').nth(1)?.parse::<u64>().ok();
    match (later.and_then(next), earlier.and_then(next)) {
        (Some(later), Some(earlier)) => earlier <= later,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_transaction_runs_whether_the_snapshot_knows_it_or_not() {
        assert_eq!(with_own("100:105:102", "103").as_deref(), Some("100:105:102,103"));
        assert_eq!(with_own("100:100:", "100").as_deref(), Some("100:101:100"));
        // Those between may have begun and not ended.
        assert_eq!(with_own("100:105:102", "107").as_deref(), Some("100:108:102,105,106,107"));
        assert_eq!(with_own("100:105", "107"), None);
        assert_eq!(with_own("100:105:", ""), None);
    }

    #[test]
    fn a_snapshot_with_a_later_transaction_is_not_reached() {
        assert!(has_reached(Some("100:105:"), Some("90:104:90,91")));
        assert!(has_reached(Some("100:105:"), Some("100:105:")));
        assert!(!has_reached(Some("100:105:"), Some("90:106:90")));
        // Numbers have 64 bits: after 2^32 transactions they go on.
        assert!(has_reached(Some("4294967399:4294967400:"), Some("4294967200:4294967290:")));
        assert!(!has_reached(Some("100:105:"), None));
        assert!(!has_reached(None, Some("100:105:")));
        assert!(!has_reached(Some("100:105:"), Some("105")));
    }
}
