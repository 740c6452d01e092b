//! Cloud and hosting providers by the number of their autonomous system.

/// The provider to which an autonomous system belongs, if it is a well-known one.
pub fn provider(asn: i64) -> Option<&'static str> {
    let at = PROVIDERS.binary_search_by_key(&asn, |&(number, _)| number).ok()?;
    PROVIDERS.get(at).map(|&(_, name)| name)
}

/// The networks in which anyone can rent a machine, or a proxy in front of one, sorted by number.
const PROVIDERS: &[(i64, &str)] = &[
    (7203, "leaseweb"),
    (7224, "aws"),
    (8068, "azure"),
    (8069, "azure"),
    (8075, "azure"),
    (8100, "quadranet"),
    (8560, "ionos"),
    (8987, "aws"),
    (9009, "m247"),
    (10532, "rackspace"),
    (12076, "azure"),
    (12200, "rackspace"),
    (12876, "scaleway"),
    (13335, "cloudflare"),
    (14061, "digitalocean"),
    (14618, "aws"),
    (14789, "cloudflare"),
    (15169, "gcp"),
    (15395, "rackspace"),
    (16276, "ovh"),
    (16509, "aws"),
    (16625, "akamai"),
    (19527, "gcp"),
    (19994, "rackspace"),
    (20473, "vultr"),
    (20940, "akamai"),
    (22612, "namecheap"),
    (24940, "hetzner"),
    (25697, "upcloud"),
    (26347, "dreamhost"),
    (26496, "godaddy"),
    (27357, "rackspace"),
    (28753, "leaseweb"),
    (30633, "leaseweb"),
    (31898, "oracle"),
    (32244, "liquidweb"),
    (33070, "rackspace"),
    (35540, "ovh"),
    (36007, "kamatera"),
    (36351, "ibm"),
    (36352, "colocrossing"),
    (37963, "alibaba"),
    (38895, "aws"),
    (39111, "aws"),
    (40021, "contabo"),
    (40509, "fly"),
    (40676, "psychz"),
    (41436, "kamatera"),
    (45090, "tencent"),
    (45102, "alibaba"),
    (47583, "hostinger"),
    (51167, "contabo"),
    (53667, "frantech"),
    (53824, "liquidweb"),
    (54113, "fastly"),
    (54290, "hostwinds"),
    (54825, "equinix"),
    (55990, "huawei"),
    (59253, "leaseweb"),
    (60068, "datacamp"),
    (60781, "leaseweb"),
    (62567, "digitalocean"),
    (63949, "linode"),
    (132203, "tencent"),
    (132892, "cloudflare"),
    (133165, "digitalocean"),
    (133478, "tencent"),
    (134963, "alibaba"),
    (135340, "digitalocean"),
    (136907, "huawei"),
    (139070, "gcp"),
    (139190, "gcp"),
    (141995, "contabo"),
    (199524, "gcore"),
    (200130, "digitalocean"),
    (201229, "digitalocean"),
    (202018, "digitalocean"),
    (202053, "upcloud"),
    (202422, "gcore"),
    (202623, "cloudflare"),
    (203898, "cloudflare"),
    (204548, "kamatera"),
    (209242, "cloudflare"),
    (212238, "datacamp"),
    (212317, "hetzner"),
    (213230, "hetzner"),
    (393406, "digitalocean"),
    (394380, "leaseweb"),
    (394536, "cloudflare"),
    (395747, "cloudflare"),
    (396362, "leaseweb"),
    (396982, "gcp"),
    (398101, "godaddy"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_every_provider_is_found() {
        assert!(PROVIDERS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for &(number, name) in PROVIDERS {
            assert_eq!(provider(number), Some(name));
        }
        assert_eq!(provider(16509), Some("aws"));
        assert_eq!(provider(3320), None);
    }
}
