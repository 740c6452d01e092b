//! The numbers that the simulation assumes, each with where it comes from. `docs/evaluation-results.md` lists them.

/// A number that no public source gives for an organization like this one.
const ASSUMED: &str = "assumption";

/// Declares each parameter as a constant, and all of them as one list.
macro_rules! parameters {
    ($($name:ident = $value:literal, $meaning:literal, $source:expr;)*) => {
        $(#[doc = $meaning] pub const $name: f64 = $value;)*

        /// Each parameter: what it means, its value, and its source.
        pub const ALL: &[(&str, f64, &str)] = &[$(($meaning, $value, $source),)*];
    };
}

parameters! {
    SSO_SHARE = 0.5, "share of people who use sessions of IAM Identity Center; the others are IAM users with a long-term key", ASSUMED;
    MFA_SHARE = 0.7, "share of IAM users who sign in with a second factor", ASSUMED;
    OFFICE_SHARE = 0.5, "share of a person's work sessions at home that are in the office", ASSUMED;
    MOBILE_SHARE = 0.06, "share of work sessions over a mobile carrier", ASSUMED;
    FAILOVER_SHARE = 0.03, "share of work sessions at home that change to the mobile carrier midway", ASSUMED;
    ROAMING_HOME_SHARE = 0.5, "share of mobile sessions abroad that leave through the carrier at home", ASSUMED;
    DUAL_STACK_SHARE = 0.4, "share of homes with IPv4 and IPv6; half of their calls use each", ASSUMED;
    VPN_SHARE = 0.25, "share of people who use the company's VPN outside the office", ASSUMED;
    VPN_SESSION_SHARE = 0.8, "share of their sessions that use it", ASSUMED;
    VPN_HOP_SHARE = 0.15, "share of VPN sessions through another exit than the nearest", ASSUMED;
    SPLIT_TUNNEL_SHARE = 0.3, "share of VPN users whose tunnel is split: half of their calls do not use it", ASSUMED;
    PUBLIC_VPN_SHARE = 0.03, "share of people who use a public VPN for a third of their sessions at home", ASSUMED;
    FREQUENT_SHARE = 0.2, "share of people who travel often", ASSUMED;
    FREQUENT_TRIPS = 1.0, "business trips per month of a person who travels often", ASSUMED;
    RARE_TRIPS = 0.15, "business trips per month of the others", ASSUMED;
    HOLIDAYS = 0.17, "holidays abroad per month, in which a person works one day in four", ASSUMED;
    FLIGHT_KMH = 830.0, "velocity of a flight in km/h, between the last call before it and the first after it there are 4 hours more", ASSUMED;
    INFLIGHT_SHARE = 0.1, "share of flights with a work session over a satellite", ASSUMED;
    FAILED_SIGN_INS = 0.5, "sign-ins that strangers fail per IAM user and month, from anywhere", ASSUMED;
    ON_BEHALF_SHARE = 0.1, "share of work sessions in which an AWS service calls on behalf of the person", ASSUMED;
    GEOIP_WRONG_COUNTRY = 0.005, "share of access networks that GeoIP locates in another country, such as old data", ASSUMED;
    GEOIP_COUNTRY_ONLY = 0.06, "share of access networks for which GeoIP knows only the country", ASSUMED;
    GEOIP_WRONG_CITY = 0.2, "share of access networks that GeoIP locates in another city of the region", ASSUMED;
    GEOIP_WRONG_CITY_KM = 150.0, "mean error of those in km, exponentially distributed; of the others: up to 15 km", ASSUMED;
    GEOIP_RADIUS_HONEST = 0.67, "share of accuracy radii that contain the true location", "MaxMind's documentation of accuracy_radius: 67 % confidence";
    GEOIP_WRONG_CLOUD = 0.05, "share of AWS networks that GeoIP locates in another country", ASSUMED;
    GEOIP_VPN_KNOWN = 0.9, "share of the exits of public VPNs that GeoIP marks as such", ASSUMED;
    GEOIP_PROXY_KNOWN = 0.2, "share of residential proxies that GeoIP marks as such", ASSUMED;
    INTRUDER_SIGN_IN_SHARE = 0.5, "share of intruders who have a person's password, too, and sign in to the console first", ASSUMED;
    INTRUDER_RENTED_SHARE = 0.5, "share of distant intruders on rented machines; the others use residential proxies", ASSUMED;
}
