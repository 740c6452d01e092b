//! The numbers that the simulation assumes, each with where it comes from. `docs/evaluation-results.md` lists them.
//!
//! Not in the list: the cities, the offices and their gateways, the exits of the VPN and the AWS regions, which are
//! tables in [`super::people`] and [`super::machines`], and what `docs/evaluation.md` states as a rule, such as that
//! every second person has an intruder.

use crate::rng::Rng;
use std::fmt::{self, Display, Formatter};

/// A number that no public source gives for an organization like this one.
const ASSUMED: &str = "assumption";

/// From the first number to the second.
#[derive(Clone, Copy, Debug)]
pub struct Span(pub u64, pub u64);

impl Span {
    /// A whole number of the range, which may be either bound.
    pub fn count(self, rng: &mut Rng) -> u64 {
        self.0 + rng.below(self.1 - self.0 + 1)
    }

    /// A number of seconds in the range, whose bounds are in units of `unit` seconds. The upper bound is excluded.
    pub fn seconds(self, unit: i64, rng: &mut Rng) -> i64 {
        self.0 as i64 * unit + rng.below((self.1 - self.0) * unit as u64) as i64
    }

    /// Whether the number is in the range. The upper bound is excluded.
    pub fn contains(self, number: f64) -> bool {
        (self.0 as f64..self.1 as f64).contains(&number)
    }
}

impl Display for Span {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.0, self.1)
    }
}

/// Several numbers, in ascending order.
#[derive(Clone, Copy, Debug)]
pub struct List(pub &'static [u16]);

impl Display for List {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(u16::to_string).collect();
        f.write_str(&numbers.join(", "))
    }
}

/// Declares each parameter as a constant, and all of them as one list.
macro_rules! parameters {
    ($($name:ident: $kind:ty = $value:expr, $meaning:literal, $source:expr;)*) => {
        $(#[doc = $meaning] pub const $name: $kind = $value;)*

        /// Each parameter: what it means, its value, and its source in Markdown.
        pub const ALL: &[(&str, &dyn Display, &str)] = &[$(($meaning, &$name, $source),)*];
    };
}

parameters! {
    // People and their credentials.
    SSO_SHARE: f64 = 0.5, "share of people who use sessions of IAM Identity Center; the others are IAM users with a long-term key", ASSUMED;
    MFA_SHARE: f64 = 0.7, "share of IAM users who sign in with a second factor", "assumption; [Netskope](https://www.netskope.com/blog/a-real-world-look-at-aws-best-practices-iam-user-accounts) counted 94 % of IAM users with one in 2021";
    USER_SIGN_IN_SHARE: f64 = 0.3, "share of an IAM user's work sessions that begin with a console sign-in", ASSUMED;
    SSO_SIGN_IN_SHARE: f64 = 0.5, "share of the work sessions with IAM Identity Center that begin with a console sign-in", ASSUMED;
    FAILED_SIGN_INS: f64 = 0.5, "sign-ins that strangers fail per IAM user and month, from anywhere", ASSUMED;
    ON_BEHALF_SHARE: f64 = 0.1, "share of work sessions in which an AWS service calls on behalf of the person", ASSUMED;

    // When people work.
    WORKDAYS: f64 = 0.9, "share of weekdays on which a person works", ASSUMED;
    WEEKEND_WORKDAYS: f64 = 0.1, "share of days of a weekend on which a person works", ASSUMED;
    HOLIDAY_WORKDAYS: f64 = 0.25, "share of days of a holiday abroad on which a person works", ASSUMED;
    WORKDAY_BEGINS: Span = Span(7, 10), "hour of the day at which a person's workday begins", ASSUMED;
    SESSION_BEGINS: Span = Span(0, 9), "hours from there to the beginning of a work session", ASSUMED;
    SESSIONS: Span = Span(2, 4), "work sessions of a workday", ASSUMED;
    SESSION_CALLS: Span = Span(3, 7), "calls of a work session", ASSUMED;
    SESSION_MINUTES: Span = Span(10, 70), "length of a work session in minutes", ASSUMED;

    // Through which networks.
    OFFICE_SHARE: f64 = 0.5, "share of a person's work sessions at home that are in the office", "assumption; in the information sector of the United States, people worked [2.8 days a week](https://www.nber.org/papers/w33951) from home";
    OFFICE_ABROAD_SHARE: f64 = 0.3, "share of work sessions on a business trip to a city with an office that are in the office or over a mobile carrier", ASSUMED;
    OFFICE_ADDRESSES: u64 = 4, "addresses of an office", ASSUMED;
    MOBILE_SHARE: f64 = 0.06, "share of work sessions over a mobile carrier", ASSUMED;
    MOBILE_GATEWAYS: u64 = 2, "networks of the carrier's gateway in each city", ASSUMED;
    FAILOVER_SHARE: f64 = 0.03, "share of work sessions at home that change to the mobile carrier midway", ASSUMED;
    ROAMING_HOME_SHARE: f64 = 0.5, "share of mobile sessions abroad that leave through the carrier at home", "assumption; [16 carriers in Europe](https://www.it.uc3m.es/amandala/roaming.html) were found to route roaming users home";
    HOME_ADDRESS_DAYS: i64 = 20, "days after which a home gets another address", ASSUMED;
    DUAL_STACK_SHARE: f64 = 0.4, "share of homes with IPv4 and IPv6", "assumption; APNIC measured IPv6 for [42 % of users](https://blog.apnic.net/2026/04/28/google-hits-50-ipv6/) worldwide";
    V6_CALL_SHARE: f64 = 0.5, "share of the calls of such a home, and of mobile carriers, that use IPv6", ASSUMED;
    PROVIDERS: u64 = 4, "providers of access networks in each country", ASSUMED;
    VPN_SHARE: f64 = 0.25, "share of people who use the company's VPN outside the office", ASSUMED;
    VPN_SESSION_SHARE: f64 = 0.8, "share of their sessions that use it", ASSUMED;
    VPN_HOP_SHARE: f64 = 0.15, "share of VPN sessions through an exit at random, and not the nearest", ASSUMED;
    VPN_ADDRESSES: u64 = 8, "addresses of an exit of a VPN", ASSUMED;
    SPLIT_TUNNEL_SHARE: f64 = 0.3, "share of VPN users whose tunnel is split", ASSUMED;
    SPLIT_CALL_SHARE: f64 = 0.5, "share of the calls that do not use a split tunnel", ASSUMED;
    PUBLIC_VPN_SHARE: f64 = 0.03, "share of people who use a public VPN", ASSUMED;
    PUBLIC_VPN_SESSION_SHARE: f64 = 0.33, "share of their sessions outside the office that use it", ASSUMED;

    // How people travel.
    FREQUENT_SHARE: f64 = 0.2, "share of people who travel often", "assumption; [17 % of business travelers](https://insideflyer.com/2005/03/business-travelers-habits-tracked-in-survey/) in the United States took ten or more trips a year in 2003";
    FREQUENT_TRIPS: f64 = 1.0, "business trips per month of a person who travels often", ASSUMED;
    RARE_TRIPS: f64 = 0.15, "business trips per month of the others", ASSUMED;
    HOLIDAYS: f64 = 0.17, "holidays abroad per month", ASSUMED;
    TRIP_KM: f64 = 200.0, "shortest trip in km", ASSUMED;
    TRIP_NIGHTS: Span = Span(2, 5), "nights of a business trip", ASSUMED;
    HOLIDAY_NIGHTS: Span = Span(7, 14), "nights of a holiday", ASSUMED;
    HOME_DAYS: i64 = 3, "shortest time between two trips in days", ASSUMED;
    DEPARTURES: List = List(&[7, 11, 18, 21]), "hours of the day at which flights leave; each at random within the hour", ASSUMED;
    FLIGHT_KMH: f64 = 830.0, "velocity of a flight in km/h", "the [Airbus A320](https://1library.net/article/performance-considerations-tri-type-specific-documentation.qvg83x0q) is designed to cruise at Mach 0.78, which is 829 km/h above 11 km";
    FLIGHT_HOURS: i64 = 1, "hours of a flight in addition to its distance over its velocity", ASSUMED;
    BEFORE_FLIGHT_HOURS: i64 = 2, "hours without work before a flight", ASSUMED;
    AFTER_FLIGHT_HOURS: i64 = 1, "hours without work after a flight", ASSUMED;
    INFLIGHT_SHARE: f64 = 0.1, "share of long flights out with a work session over a satellite", ASSUMED;
    INFLIGHT_HOURS: i64 = 5, "shortest of these flights in hours", ASSUMED;

    // Machines and root users.
    PEOPLE_PER_MACHINE: u64 = 10, "people for each EC2 instance, each long-term key of a machine, each key of continuous integration, and each root user", ASSUMED;
    AWS_NETWORKS: u64 = 4, "networks of EC2 instances in each region, and as many of other machines", ASSUMED;
    INSTANCE_CALL_HOURS: usize = 4, "hours between two calls of an EC2 instance", ASSUMED;
    INSTANCE_KEY_HOURS: i64 = 6, "hours after which an EC2 instance gets another key", ASSUMED;
    INSTANCE_PRIVATE: u64 = 3, "one in so many calls of an EC2 instance goes through a VPC endpoint", ASSUMED;
    MACHINE_KEY_REGIONS: Span = Span(2, 4), "regions in which the long-term key of a machine is used", ASSUMED;
    MACHINE_KEY_CALL_HOURS: usize = 2, "hours between two calls with such a key", ASSUMED;
    CI_CALL_HOURS: usize = 3, "hours between two calls of continuous integration", ASSUMED;
    CI_ADDRESSES: u64 = 200, "addresses of each pool of continuous integration", ASSUMED;
    ROOT_FIRST_DAY: Span = Span(0, 19), "day on which a root user first signs in", ASSUMED;
    ROOT_DAYS: Span = Span(10, 34), "days between two sign-ins of a root user", ASSUMED;
    ROOT_BEGINS: Span = Span(9, 15), "hour of the day (UTC) at which a root user signs in", ASSUMED;
    ROOT_CALLS: i64 = 5, "calls of a root user after a sign-in, with it", ASSUMED;
    ROOT_CALL_MINUTES: i64 = 4, "minutes between two of them", ASSUMED;
    ROOT_HOME: u64 = 3, "one in so many sign-ins of a root user comes from home, the others from the office", ASSUMED;

    // What GeoIP says.
    GEOIP_WRONG_COUNTRY: f64 = 0.005, "share of access networks that GeoIP locates in another country, such as old data", "assumption; MaxMind states [0.2 %](https://wikitech.wikimedia.org/wiki/Analytics/Systems/Cluster/Geolocation) for addresses";
    GEOIP_COUNTRY_ONLY: f64 = 0.06, "share of access networks for which GeoIP knows only the country", ASSUMED;
    GEOIP_WRONG_CITY: f64 = 0.2, "share of access networks that GeoIP locates in another city of the region", "assumption; four databases failed for [9 to 20 %](https://arxiv.org/html/2605.21937) in Europe, and for 53 to 61 % in Asia";
    GEOIP_WRONG_CITY_KM: f64 = 150.0, "mean error of those in km, exponentially distributed", ASSUMED;
    GEOIP_WRONG_CITY_NAMES: u64 = 20, "names of cities that GeoIP gives to those in each region", ASSUMED;
    GEOIP_CITY_KM: f64 = 15.0, "largest error of the others in km, evenly distributed", "assumption; the median error was [3 to 16 km](https://arxiv.org/html/2605.21937) in fixed networks";
    GEOIP_RADIUS_HONEST: f64 = 0.67, "share of accuracy radii that contain the true location", "MaxMind's documentation of accuracy_radius: 67 % confidence";
    GEOIP_RADII: List = List(&[1, 5, 10, 20, 50, 100, 200, 500]), "accuracy radii of access networks in km: the smallest that contains the true location, or the one below", ASSUMED;
    GEOIP_RADIUS_WRONG_COUNTRY: u16 = 50, "accuracy radius in km where the country is wrong", ASSUMED;
    GEOIP_RADIUS_COUNTRY_ONLY: u16 = 1000, "accuracy radius in km where only the country is known", ASSUMED;
    GEOIP_RADIUS_HOSTED: u16 = 20, "accuracy radius of AWS, rented machines and exits of VPNs in km; except for AWS, their location is right", ASSUMED;
    GEOIP_RADIUS_SATELLITE: u16 = 500, "accuracy radius of satellites in km", ASSUMED;
    GEOIP_WRONG_CLOUD: f64 = 0.05, "share of AWS networks that GeoIP locates in another country", ASSUMED;
    GEOIP_VPN_KNOWN: f64 = 0.9, "share of the exits of public VPNs that GeoIP marks as such", ASSUMED;
    GEOIP_PROXY_KNOWN: f64 = 0.2, "share of residential proxies that GeoIP marks as such", ASSUMED;

    // Intruders.
    INTRUDER_SIGN_IN_SHARE: f64 = 0.5, "share of intruders who have a person's password, too, and sign in to the console first", ASSUMED;
    INTRUDER_RENTED_SHARE: f64 = 0.5, "share of distant intruders on rented machines; the others use residential proxies", ASSUMED;
    INTRUDER_FAR_KM: f64 = 4000.0, "shortest distance of an intruder from afar in km", ASSUMED;
    INTRUDER_AT_ONCE: Span = Span(5, 15), "minutes after the owner's call at which an intruder comes at once", ASSUMED;
    INTRUDER_LATER: Span = Span(1, 3), "hours after the owner's call at which an intruder comes later", ASSUMED;
    INTRUDER_HOURS: i64 = 2, "hours for which these intruders stay", ASSUMED;
    INTRUDER_PAUSE: Span = Span(5, 15), "minutes between two of their calls", ASSUMED;
    CHAINED_HOURS: i64 = 1, "hours for which a session lasts that is minted from a temporary key", "AWS's limit for [role chaining](https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html)";
    PATIENT_KMH: f64 = 700.0, "velocity in km/h at which an intruder who waits for a flight seems to travel, with one more hour", ASSUMED;
    PATIENT_GAP_HOURS: i64 = 9, "shortest pause of the owner after which such an intruder comes, in hours", ASSUMED;
    PATIENT_STAY_KM: Span = Span(4000, 7000), "distance of such an intruder who stays in km", ASSUMED;
    PATIENT_STAY_HOURS: i64 = 12, "hours for which this intruder stays", ASSUMED;
    PATIENT_LEAVE_KM: Span = Span(700, 2500), "distance of such an intruder who leaves in time in km", ASSUMED;
    PATIENT_LEAVE_HOURS: i64 = 1, "shortest stay of this intruder in hours", ASSUMED;
    PATIENT_PAUSE: Span = Span(15, 45), "minutes between two calls of an intruder who waits for a flight", ASSUMED;
}
