//! People: where they live, how they travel, through which networks they work, and with which credentials.

use super::parameters as p;
use super::record::{Act, Call, Credential, EVERYDAY};
use super::world::{Kind, SiteId, city_named, country_of, distance_km};
use super::{DAY, Group, HOUR, Simulation, Subject};
use crate::cities::CITIES;
use std::rc::Rc;

/// The cities with offices, in which people live, and the city through whose gateway the office reaches the Internet.
pub const OFFICES: &[(&str, &str)] = &[
    ("London", "London"),
    ("Dublin", "Dublin"),
    ("Paris", "Frankfurt am Main"),
    ("Frankfurt am Main", "Frankfurt am Main"),
    ("Warsaw", "Warsaw"),
    ("New York", "New York"),
    ("Seattle", "Seattle"),
    ("Toronto", "Toronto"),
    ("São Paulo", "São Paulo"),
    ("Tokyo", "Tokyo"),
    ("Singapore", "Singapore"),
    ("Mumbai", "Singapore"),
    ("Sydney", "Sydney"),
];

/// The exits of the company's VPN.
const EXITS: &[&str] = &["London", "Ashburn", "Singapore"];

#[derive(Clone, Copy, PartialEq)]
enum Vpn {
    None,
    Full,
    Split,
    Public,
}

struct Person {
    subject: usize,
    home: usize,
    gateway: usize,
    site: SiteId,
    vpn: Vpn,
    mfa: bool,
    begins: i64,
    account: String,
    /// The long-term key of an IAM user.
    user: Option<Rc<Credential>>,
    name: String,
}

/// A stay away from home, between two flights.
struct Trip {
    city: usize,
    leaves: i64,
    arrives: i64,
    returns: i64,
    back: i64,
    hotel: SiteId,
    holiday: bool,
}

impl Simulation {
    /// Makes a person and everything that the person does.
    pub fn person(&mut self, number: u64) {
        let (office, gateway) = *self.rng.pick(OFFICES);
        let (home, gateway) = (city_named(office), city_named(gateway));
        let name = format!("user{number:04}");
        let account = format!("{:012}", 100_000_000_000 + number % 8);
        let sso = self.rng.fraction() < p::SSO_SHARE;
        let key = self.key("AKIA");
        let user = (!sso).then(|| {
            Rc::new(Credential {
                kind: "IAMUser",
                account: account.clone(),
                name: name.clone(),
                session: None,
                key,
            })
        });
        let vpn = match (self.rng.fraction(), self.rng.fraction()) {
            (chance, split) if chance < p::VPN_SHARE && split < p::SPLIT_TUNNEL_SHARE => Vpn::Split,
            (chance, _) if chance < p::VPN_SHARE => Vpn::Full,
            (chance, _) if chance < p::VPN_SHARE + p::PUBLIC_VPN_SHARE => Vpn::Public,
            _ => Vpn::None,
        };
        let group = if sso { Group::Sso } else { Group::IamUser };
        self.subjects.push(Subject { name: name.clone(), group });
        let person = Person {
            subject: self.subjects.len() - 1,
            home,
            gateway,
            site: self.world.site(Kind::Home, home, &mut self.rng),
            vpn,
            mfa: self.rng.fraction() < p::MFA_SHARE,
            begins: p::WORKDAY_BEGINS.seconds(HOUR, &mut self.rng),
            account,
            user,
            name,
        };
        let trips = self.trips(&person);
        for day in 0..self.days {
            self.day(&person, &trips, day);
        }
        for trip in &trips {
            if self.rng.fraction() < p::INFLIGHT_SHARE
                && trip.arrives - trip.leaves > p::INFLIGHT_HOURS * HOUR
            {
                let site = self.world.shared(Kind::Satellite, city_named("Ashburn"), 0, &mut self.rng);
                let begins = trip.leaves + (trip.arrives - trip.leaves) / 2;
                self.session(&person, begins, trip.city, Route::through(site));
            }
        }
        if !sso {
            for _ in 0..self.times(p::FAILED_SIGN_INS * self.days as f64 / 30.4) {
                self.stranger(&person);
            }
        }
    }

    /// How often something happens that happens so often on average.
    fn times(&mut self, mean: f64) -> u64 {
        mean as u64 + u64::from(self.rng.fraction() < mean.fract())
    }

    fn stranger(&mut self, person: &Person) {
        let Some(user) = &person.user else { return };
        let time = self.begin + self.rng.below((self.days * DAY) as u64) as i64;
        let city = self.rng.below(CITIES.len() as u64) as usize;
        let site = self.world.shared(Kind::Rented, city, 0, &mut self.rng);
        let address = self.world.address(site, self.rng.next_u64(), false);
        let who = Rc::clone(user);
        self.act(Act {
            time,
            subject: person.subject,
            intruder: None,
            city,
            address,
            who,
            call: Call::FailedSignIn,
        });
    }

    fn trips(&mut self, person: &Person) -> Vec<Trip> {
        let often = self.rng.fraction() < p::FREQUENT_SHARE;
        let business = if often { p::FREQUENT_TRIPS } else { p::RARE_TRIPS } / 30.4;
        let mut trips = Vec::new();
        let mut day = p::HOME_DAYS;
        while day < self.days {
            let holiday = self.rng.fraction() < p::HOLIDAYS / 30.4;
            if !holiday && self.rng.fraction() >= business {
                day += 1;
                continue;
            }
            let nights = if holiday { p::HOLIDAY_NIGHTS } else { p::TRIP_NIGHTS };
            let nights = nights.count(&mut self.rng) as i64;
            let city = loop {
                let city = self.rng.below(CITIES.len() as u64) as usize;
                if distance_km(person.home, city) > p::TRIP_KM {
                    break city;
                }
            };
            let flight = (distance_km(person.home, city) / p::FLIGHT_KMH * HOUR as f64) as i64
                + p::FLIGHT_HOURS * HOUR;
            // In the morning or in the evening, by the clock of the place that the person leaves.
            let mut departure = |day: i64, city: usize| {
                let hour = i64::from(*self.rng.pick(p::DEPARTURES.0));
                self.begin + day * DAY + hour * HOUR + self.rng.below(HOUR as u64) as i64 - clock(city)
            };
            let leaves = departure(day, person.home);
            let returns = departure(day + nights, city).max(leaves + flight + DAY);
            trips.push(Trip {
                city,
                leaves,
                arrives: leaves + flight,
                returns,
                back: returns + flight,
                hotel: self.world.shared(Kind::Hotel, city, 0, &mut self.rng),
                holiday,
            });
            day += nights + p::HOME_DAYS;
        }
        trips
    }

    /// The work sessions of a day.
    fn day(&mut self, person: &Person, trips: &[Trip], day: i64) {
        let noon = self.begin + day * DAY + DAY / 2;
        let trip = trips.iter().find(|trip| (trip.leaves..trip.back).contains(&noon));
        // The simulation begins on a Monday.
        let works = match (day % 7, trip) {
            (_, Some(trip)) if trip.holiday => p::HOLIDAY_WORKDAYS,
            (5 | 6, _) => p::WEEKEND_WORKDAYS,
            _ => p::WORKDAYS,
        };
        if self.rng.fraction() >= works {
            return;
        }
        let city = trip.map_or(person.home, |trip| trip.city);
        for _ in 0..p::SESSIONS.count(&mut self.rng) {
            let by_clock = person.begins + p::SESSION_BEGINS.seconds(HOUR, &mut self.rng);
            let begins = self.begin + day * DAY + by_clock - clock(city);
            // Nobody works shortly before and after a flight: these are hours of travel, too.
            let travels = |time: i64| {
                let travels = |leaves: i64, arrives: i64| {
                    (leaves - p::BEFORE_FLIGHT_HOURS * HOUR..arrives + p::AFTER_FLIGHT_HOURS * HOUR)
                        .contains(&time)
                };
                trips
                    .iter()
                    .any(|trip| travels(trip.leaves, trip.arrives) || travels(trip.returns, trip.back))
            };
            let at = trips.iter().find(|trip| (trip.arrives..trip.returns).contains(&begins));
            // No session is longer than two hours.
            if travels(begins)
                || travels(begins + 2 * HOUR)
                || at.map_or(person.home, |trip| trip.city) != city
            {
                continue;
            }
            let route = match at {
                Some(trip) => self.route_abroad(person, trip),
                None => self.route_at_home(person, begins),
            };
            self.session(person, begins, city, route);
        }
    }

    fn route_at_home(&mut self, person: &Person, begins: i64) -> Route {
        let chance = self.rng.fraction();
        if chance < p::MOBILE_SHARE {
            return Route::through(self.gateway(person.home));
        }
        if chance < p::MOBILE_SHARE + p::OFFICE_SHARE && (begins - self.begin).div_euclid(DAY) % 7 < 5 {
            // A few addresses for everybody in the office.
            let site = self.world.shared(Kind::Office, person.gateway, 0, &mut self.rng);
            return Route { host: Some(self.rng.below(p::OFFICE_ADDRESSES)), ..Route::through(site) };
        }
        // Providers change a home's address from time to time.
        let host = Some((begins - self.begin) / (p::HOME_ADDRESS_DAYS * DAY) * 31 + person.subject as i64)
            .map(|host| host as u64);
        let mut route = Route { host, ..self.with_vpn(person, person.site, person.home) };
        if self.rng.fraction() < p::FAILOVER_SHARE {
            route.then = Some(self.gateway(person.home));
        }
        route
    }

    fn route_abroad(&mut self, person: &Person, trip: &Trip) -> Route {
        let chance = self.rng.fraction();
        if chance < p::MOBILE_SHARE {
            let home = self.rng.fraction() < p::ROAMING_HOME_SHARE;
            return Route::through(self.gateway(if home { person.home } else { trip.city }));
        }
        if chance < p::OFFICE_ABROAD_SHARE
            && !trip.holiday
            && let Some((_, gateway)) = OFFICES.iter().find(|(office, _)| city_named(office) == trip.city)
        {
            return Route::through(self.world.shared(Kind::Office, city_named(gateway), 0, &mut self.rng));
        }
        self.with_vpn(person, trip.hotel, trip.city)
    }

    fn with_vpn(&mut self, person: &Person, site: SiteId, city: usize) -> Route {
        let route = Route::through(site);
        match person.vpn {
            Vpn::Full | Vpn::Split if self.rng.fraction() < p::VPN_SESSION_SHARE => {
                let nearest = EXITS
                    .iter()
                    .map(|exit| city_named(exit))
                    .min_by(|&a, &b| distance_km(city, a).total_cmp(&distance_km(city, b)));
                let hops = self.rng.fraction() < p::VPN_HOP_SHARE;
                let &other = self.rng.pick(EXITS);
                let exit = if hops { city_named(other) } else { nearest.unwrap_or(city) };
                let tunnel = Some(self.world.shared(Kind::CompanyVpn, exit, 0, &mut self.rng));
                Route { tunnel, split: person.vpn == Vpn::Split, ..route }
            }
            Vpn::Public if self.rng.fraction() < p::PUBLIC_VPN_SESSION_SHARE => {
                let exit = self.rng.below(CITIES.len() as u64) as usize;
                Route { tunnel: Some(self.world.shared(Kind::PublicVpn, exit, 0, &mut self.rng)), ..route }
            }
            _ => route,
        }
    }

    /// A gateway of the mobile carrier, which may be in any city of the country.
    fn gateway(&mut self, city: usize) -> SiteId {
        let country = country_of(city);
        let of_country: Vec<usize> =
            (0..CITIES.len()).filter(|&other| country_of(other) == country).collect();
        let gateway = *self.rng.pick(&of_country);
        let number = self.rng.below(p::MOBILE_GATEWAYS);
        self.world.shared(Kind::Mobile, gateway, number, &mut self.rng)
    }

    /// Some calls within an hour or two.
    fn session(&mut self, person: &Person, begins: i64, city: usize, route: Route) {
        let day = (begins - self.begin) / DAY;
        let signs_in = if person.user.is_some() { p::USER_SIGN_IN_SHARE } else { p::SSO_SIGN_IN_SHARE };
        let console = self.rng.fraction() < signs_in;
        let who = match (&person.user, console) {
            (Some(user), false) => Rc::clone(user),
            (Some(user), true) => Rc::new(Credential { key: self.key("ASIA"), ..(**user).clone() }),
            // Identity Center gives a key for eight hours or so.
            (None, _) => Rc::new(Credential {
                kind: "AssumedRole",
                account: person.account.clone(),
                name: "AWSReservedSSO_PowerUser_0123456789abcdef".to_owned(),
                session: Some(format!("{}@example.com", person.name)),
                key: format!("ASIA{:06}{day:03}EXAMPLE", person.subject),
            }),
        };
        let calls = p::SESSION_CALLS.count(&mut self.rng);
        let length = p::SESSION_MINUTES.seconds(60, &mut self.rng);
        let host = route.host.unwrap_or_else(|| self.rng.next_u64());
        let exit_host = self.rng.below(p::VPN_ADDRESSES);
        for number in 0..calls {
            let time = begins + length * number as i64 / calls as i64 + self.rng.below(60) as i64;
            let mut site = route.site;
            let mut host = host;
            if let Some(tunnel) = route.tunnel
                && !(route.split && self.rng.fraction() < p::SPLIT_CALL_SHARE)
            {
                (site, host) = (tunnel, exit_host);
            } else if let Some(then) = route.then
                && number > calls / 2
            {
                site = then;
            }
            let v6 = self.rng.fraction() < p::V6_CALL_SHARE;
            let call = match number {
                0 if console => Call::SignIn { mfa: person.mfa && person.user.is_some() },
                _ => {
                    let &(source, name) = self.rng.pick(EVERYDAY);
                    Call::Api(source, name)
                }
            };
            let address = self.world.address(site, host, v6);
            let who = Rc::clone(&who);
            self.act(Act { time, subject: person.subject, intruder: None, city, address, who, call });
        }
        if self.rng.fraction() < p::ON_BEHALF_SHARE {
            let call = Call::OnBehalf("cloudformation");
            let time = begins + length;
            self.act(Act {
                time,
                subject: person.subject,
                intruder: None,
                city,
                address: String::new(),
                who,
                call,
            });
        }
    }
}

/// How the calls of a session reach AWS.
#[derive(Clone, Copy)]
struct Route {
    site: SiteId,
    /// The host of the site; a random one if this is `None`.
    host: Option<u64>,
    tunnel: Option<SiteId>,
    /// Some of the calls do not use the tunnel.
    split: bool,
    /// The site of the second half.
    then: Option<SiteId>,
}

impl Route {
    fn through(site: SiteId) -> Self {
        Self { site, host: None, tunnel: None, split: false, then: None }
    }
}

/// How many seconds the clocks of a city are ahead of UTC: by its longitude, without daylight saving time.
pub fn clock(city: usize) -> i64 {
    (CITIES[city].longitude / 15.0).round() as i64 * HOUR
}
