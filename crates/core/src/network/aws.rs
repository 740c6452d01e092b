//! The address ranges that AWS publishes, as few networks as say the same.
//!
//! AWS lists ranges within ranges. A network without a location does not hide that of a network around it, so what has no
//! location is cut out of the ranges around it.

use ipnet::IpNet;

/// The region of ranges that are in all regions at once.
pub const GLOBAL: &str = "GLOBAL";

/// A range of addresses of AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsRange {
    pub network: IpNet,
    pub region: String,
    /// Where AWS announces the range: the region, or a Local Zone of it, which is in another city.
    pub border_group: String,
}

impl AwsRange {
    /// Returns `None` if the text is not a prefix, or if it has host bits set.
    pub fn new(prefix: &str, region: &str, border_group: &str) -> Option<Self> {
        // The parser of ipnet also accepts octets with leading zeros, which other programs read as octal numbers.
        let (address, length) = prefix.split_once('/')?;
        let is_number = length.bytes().all(|byte| byte.is_ascii_digit());
        let network = IpNet::new(address.parse().ok()?, length.parse().ok().filter(|_| is_number)?).ok()?;
        let (region, border_group) = (region.to_owned(), border_group.to_owned());
        (network.trunc() == network).then_some(Self { network, region, border_group })
    }

    /// Whether it is where the region is.
    pub fn is_in_region(&self) -> bool {
        self.border_group == self.region
    }

    fn says_as(&self, other: &Self) -> bool {
        (&self.region, &self.border_group) == (&other.region, &other.border_group)
    }
}

/// Ranges without those that say what another one already says: AWS lists a range once for each of its services, and
/// parts of it, too. Of two regions for one range, one that is a place wins over [`GLOBAL`]. A range with one that has no
/// location within it is split into its parts outside of the ranges that it contains.
pub fn distinct(mut ranges: Vec<AwsRange>, is_located: impl Fn(&AwsRange) -> bool) -> Vec<AwsRange> {
    // A network comes right before those that it contains.
    let is_global = |range: &AwsRange| range.region == GLOBAL;
    ranges.sort_by(|a, b| {
        let key = |range: &AwsRange| (range.network.network(), range.network.prefix_len(), is_global(range));
        (key(a), &a.region, &a.border_group).cmp(&(key(b), &b.region, &b.border_group))
    });
    ranges.dedup_by(|next, kept| next.network == kept.network);
    let mut distinct: Vec<AwsRange> = Vec::new();
    // For each of them, the networks directly within it, and whether anything within it has no location.
    let mut within: Vec<(Vec<IpNet>, bool)> = Vec::new();
    // The networks that contain the present one, the smallest last, by their positions in `distinct`.
    let mut around: Vec<usize> = Vec::new();
    for range in ranges {
        while around.last().is_some_and(|outer| !distinct[*outer].network.contains(&range.network)) {
            around.pop();
        }
        if around.last().is_some_and(|outer| distinct[*outer].says_as(&range)) {
            continue;
        }
        if let Some(outer) = around.last() {
            within[*outer].0.push(range.network);
        }
        if !is_located(&range) {
            around.iter().for_each(|outer| within[*outer].1 = true);
        }
        around.push(distinct.len());
        distinct.push(range);
        within.push((Vec::new(), false));
    }
    let mut split = Vec::with_capacity(distinct.len());
    for (range, (inner, must_split)) in distinct.into_iter().zip(within) {
        if must_split {
            without(range.network, &inner, &mut |network| split.push(AwsRange { network, ..range.clone() }));
        } else {
            split.push(range);
        }
    }
    split
}

/// Passes the parts of a network that are outside of these networks within it, as few as possible.
fn without(network: IpNet, inner: &[IpNet], each: &mut dyn FnMut(IpNet)) {
    let inner: Vec<IpNet> = inner.iter().copied().filter(|inner| network.contains(inner)).collect();
    if inner.is_empty() {
        each(network);
    } else if !inner.contains(&network) {
        // A network that contains another one is not a single address, so it has halves.
        for half in network.subnets(network.prefix_len() + 1).into_iter().flatten() {
            without(half, &inner, each);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(prefix: &str, region: &str) -> AwsRange {
        AwsRange::new(prefix, region, region).unwrap()
    }

    fn networks(ranges: Vec<AwsRange>) -> Vec<String> {
        let is_located = |range: &AwsRange| range.is_in_region() && range.region != GLOBAL;
        let distinct = distinct(ranges, is_located);
        distinct.iter().map(|range| format!("{} {}", range.network, range.border_group)).collect()
    }

    #[test]
    fn a_range_is_kept_once() {
        let twice = vec![range("3.0.0.0/15", "a"), range("2600::/40", "a"), range("3.0.0.0/15", "a")];
        assert_eq!(networks(twice), ["3.0.0.0/15 a", "2600::/40 a"]);
    }

    #[test]
    fn a_part_is_kept_only_if_it_says_something_else() {
        let parts = vec![
            range("3.0.0.0/15", "a"),
            range("3.0.5.0/24", "a"),
            range("3.1.0.0/16", "b"),
            range("3.1.7.0/24", "a"),
            range("3.1.8.0/24", "b"),
            range("3.2.0.0/24", "a"),
        ];
        assert_eq!(networks(parts), ["3.0.0.0/15 a", "3.1.0.0/16 b", "3.1.7.0/24 a", "3.2.0.0/24 a"]);
    }

    #[test]
    fn a_region_wins_over_global() {
        let both = vec![range("3.0.0.0/15", GLOBAL), range("3.0.0.0/15", "us-east-1")];
        assert_eq!(networks(both), ["3.0.0.0/15 us-east-1"]);
    }

    #[test]
    fn a_local_zone_is_not_in_its_region() {
        let zone = AwsRange::new("15.181.0.0/20", "us-west-2", "us-west-2-lax-1").unwrap();
        assert!(!zone.is_in_region());
        assert_eq!(
            networks(vec![range("15.181.0.0/18", "us-west-2"), zone]),
            ["15.181.16.0/20 us-west-2", "15.181.32.0/19 us-west-2", "15.181.0.0/20 us-west-2-lax-1"]
        );
    }

    #[test]
    fn a_range_without_a_location_is_in_none_with_one() {
        // It is in a region within a region, and contains a region.
        let ranges = vec![
            range("10.0.0.0/8", "a"),
            range("10.0.0.0/9", "b"),
            range("10.0.0.0/10", GLOBAL),
            range("10.0.0.0/11", "c"),
            range("2600::/32", "a"),
            range("2600:0:8000::/33", GLOBAL),
        ];
        assert_eq!(
            networks(ranges),
            [
                "10.128.0.0/9 a",
                "10.64.0.0/10 b",
                "10.0.0.0/10 GLOBAL",
                "10.0.0.0/11 c",
                "2600::/33 a",
                "2600:0:8000::/33 GLOBAL"
            ]
        );
    }

    #[test]
    fn a_prefix_has_no_bits_of_a_host() {
        assert_eq!(AwsRange::new("3.0.0.1/15", "a", "a"), None);
        assert_eq!(AwsRange::new("3.0.0.0", "a", "a"), None);
        assert_eq!(AwsRange::new("", "a", "a"), None);
    }

    #[test]
    fn a_prefix_is_an_address_and_a_length() {
        let bad = [
            "3.0.0.0/33",
            "3.0.0.0/+8",
            "3.0.0.0/",
            "/8",
            "010.0.0.0/8",
            "10.0.0/8",
            " 10.0.0.0/8",
            "::/129",
        ];
        for text in bad {
            assert_eq!(AwsRange::new(text, "a", "a"), None, "{text}");
        }
        for text in ["0.0.0.0/0", "3.0.0.1/32", "2600:1::/32", "2600:1::1/128"] {
            assert!(AwsRange::new(text, "a", "a").is_some(), "{text}");
        }
    }
}
