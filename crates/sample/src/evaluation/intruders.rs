//! Intruders: who uses a stolen credential when, and from where.

use super::parameters as p;
use super::record::{Act, Call, Credential, EVERYDAY};
use super::world::{Kind, SiteId, country_of, distance_km};
use super::{DAY, Group, HOUR, Intruder, LEARNING_DAYS, Simulation};
use crate::cities::CITIES;
use std::rc::Rc;

/// How an intruder proceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    AtOnce,
    WithinHours,
    PlausibleArrival,
    PlausibleBothWays,
    SameCountry,
    SameCity,
    Minted,
    MachineKey,
    Instance,
    SameRegion,
    Root,
}

impl Level {
    pub fn name(self) -> &'static str {
        match self {
            Self::AtOnce => "at once, from afar",
            Self::WithinHours => "one to three hours later, from afar",
            Self::PlausibleArrival => "arrives as fast as a plane, stays",
            Self::PlausibleBothWays => "arrives and leaves as fast as a plane, while the owner sleeps",
            Self::SameCountry => "residential proxy in the country",
            Self::SameCity => "residential proxy in the city",
            Self::Minted => "session minted from a stolen key",
            Self::MachineKey => "long-term key of a machine",
            Self::Instance => "credentials of an EC2 instance",
            Self::SameRegion => "credentials of a machine, same AWS region",
            Self::Root => "root user, at once, from afar",
        }
    }

    /// The ways in which the credentials of such a subject are abused.
    pub fn of(group: Group) -> &'static [Self] {
        match group {
            Group::IamUser | Group::Sso => &[
                Self::AtOnce,
                Self::WithinHours,
                Self::PlausibleArrival,
                Self::PlausibleBothWays,
                Self::SameCountry,
                Self::SameCity,
                Self::Minted,
            ],
            Group::MachineKey => &[Self::MachineKey, Self::SameRegion],
            Group::Ci => &[Self::MachineKey],
            Group::Instance => &[Self::Instance, Self::SameRegion],
            Group::Root => &[Self::Root],
        }
    }
}

/// How many seconds after the owner's call an intruder on the owner's computer mints a session.
const MINTED_AFTER: i64 = 30;

impl Simulation {
    /// Lets an intruder use the credentials of a subject. Returns whether the subject's history has an opportunity.
    pub fn intruder(&mut self, subject: usize, level: Level) -> bool {
        let mut acts: Vec<Act> = self
            .acts
            .iter()
            .filter(|act| {
                act.subject == subject && !matches!(act.call, Call::FailedSignIn | Call::OnBehalf(_))
            })
            .cloned()
            .collect();
        acts.sort_by_key(|act| act.time);
        let Some(plan) = self.plan(level, &acts) else { return false };
        let number = self.intruders.len();
        self.intruders.push(Intruder { subject, level });
        let mut who = Rc::clone(&plan.from.who);
        let patient = matches!(level, Level::PlausibleArrival | Level::PlausibleBothWays);
        if patient && who.kind == "AssumedRole" {
            // A key lasts for some hours only. The stolen session of the access portal gives another one.
            who = Rc::new(Credential { key: self.key("ASIA"), ..(*who).clone() });
        }
        let own = |time: i64, city: usize, address: String, who: Rc<Credential>, call: Call| Act {
            time,
            subject,
            intruder: Some(number),
            city,
            address,
            who,
            call,
        };
        if level == Level::Minted {
            // On the owner's own computer, so the address says nothing.
            let key = self.key("ASIA");
            let (time, address) = (plan.from.time + MINTED_AFTER, plan.from.address.clone());
            self.act(own(time, plan.from.city, address, Rc::clone(&who), Call::AssumeRole(key.clone())));
            who = Rc::new(Credential {
                kind: "AssumedRole",
                account: who.account.clone(),
                name: "deploy".to_owned(),
                session: Some(format!("session-{number}")),
                key,
            });
        }
        let host = self.rng.next_u64();
        let address = self.world.address(plan.site, host, false);
        let person =
            matches!(level, Level::AtOnce | Level::WithinHours | Level::SameCountry | Level::SameCity);
        let signs_in = level == Level::Root || (person && self.rng.fraction() < p::INTRUDER_SIGN_IN_SHARE);
        let mut time = plan.begins;
        let mut first = true;
        while time < plan.ends {
            let call = match first && signs_in {
                true => Call::SignIn { mfa: false },
                false => {
                    let &(source, name) = self.rng.pick(EVERYDAY);
                    Call::Api(source, name)
                }
            };
            first = false;
            self.act(own(time, plan.city, address.clone(), Rc::clone(&who), call));
            time += plan.pause.seconds(60, &mut self.rng);
        }
        true
    }

    /// When and from where; `None` if the subject's history has no such opportunity.
    fn plan(&mut self, level: Level, acts: &[Act]) -> Option<Plan> {
        let settled = self.begin + LEARNING_DAYS * DAY;
        let last = self.begin + (self.days - 3) * DAY;
        for _ in 0..1000 {
            let number = self.rng.below(acts.len().checked_sub(1)? as u64) as usize;
            let (from, next) = (&acts[number], &acts[number + 1]);
            // These intruders steal the long-term key of an IAM user, because other keys last for some hours only.
            let long_term =
                matches!(level, Level::PlausibleArrival | Level::PlausibleBothWays | Level::Minted);
            if !(settled..last).contains(&from.time)
                || matches!(from.call, Call::SignIn { .. })
                || (long_term && from.who.kind == "IAMUser" && !from.who.key.starts_with("AKIA"))
                || from.address.starts_with("10.")
            {
                continue;
            }
            let soon = from.time + p::INTRUDER_AT_ONCE.seconds(60, &mut self.rng);
            let far = self.city(|city| distance_km(city, from.city) > p::INTRUDER_FAR_KM);
            let plan = |city: usize, site: SiteId, begins: i64| {
                let (ends, pause) = (begins + p::INTRUDER_HOURS * HOUR, p::INTRUDER_PAUSE);
                Some(Plan { from: from.clone(), city, site, begins, ends, pause })
            };
            match level {
                Level::AtOnce | Level::MachineKey | Level::Instance | Level::Root => {
                    let city = far?;
                    return plan(city, self.lair(city), soon);
                }
                Level::Minted => {
                    let city = far?;
                    let plan = plan(city, self.lair(city), soon);
                    let chained = from.who.kind == "AssumedRole";
                    let lasts = if chained { p::CHAINED_HOURS } else { p::INTRUDER_HOURS } * HOUR;
                    return plan
                        .map(|plan| Plan { ends: plan.ends.min(from.time + MINTED_AFTER + lasts), ..plan });
                }
                Level::WithinHours => {
                    let city = far?;
                    let begins = from.time + p::INTRUDER_LATER.seconds(HOUR, &mut self.rng);
                    return plan(city, self.lair(city), begins);
                }
                Level::PlausibleArrival | Level::PlausibleBothWays => {
                    if next.time - from.time < p::PATIENT_GAP_HOURS * HOUR || next.city != from.city {
                        continue;
                    }
                    let both = level == Level::PlausibleBothWays;
                    let range = if both { p::PATIENT_LEAVE_KM } else { p::PATIENT_STAY_KM };
                    let Some(city) = self.city(|city| range.contains(distance_km(city, from.city))) else {
                        continue;
                    };
                    let travel = (distance_km(city, from.city) / p::PATIENT_KMH * HOUR as f64) as i64 + HOUR;
                    let begins = from.time + travel;
                    let ends = if both { next.time - travel } else { begins + p::PATIENT_STAY_HOURS * HOUR };
                    if ends - begins < p::PATIENT_LEAVE_HOURS * HOUR {
                        continue;
                    }
                    let plan = plan(city, self.lair(city), begins);
                    return plan.map(|plan| Plan { ends, pause: p::PATIENT_PAUSE, ..plan });
                }
                Level::SameCountry | Level::SameCity => {
                    let country = country_of(from.city);
                    let elsewhere = self.city(|city| city != from.city && country_of(city) == country);
                    let city = elsewhere.filter(|_| level == Level::SameCountry).unwrap_or(from.city);
                    let site = self.world.site(Kind::Proxy, city, &mut self.rng);
                    return plan(city, site, soon);
                }
                Level::SameRegion => {
                    let site = self.world.shared(Kind::Aws, from.city, 99, &mut self.rng);
                    return plan(from.city, site, soon);
                }
            }
        }
        None
    }

    /// A random city for which this holds.
    fn city(&mut self, holds: impl Fn(usize) -> bool) -> Option<usize> {
        let cities: Vec<usize> = (0..CITIES.len()).filter(|&city| holds(city)).collect();
        (!cities.is_empty()).then(|| *self.rng.pick(&cities))
    }

    /// A rented machine or a residential proxy.
    fn lair(&mut self, city: usize) -> SiteId {
        match self.rng.fraction() < p::INTRUDER_RENTED_SHARE {
            true => self.world.shared(Kind::Rented, city, 1, &mut self.rng),
            false => self.world.site(Kind::Proxy, city, &mut self.rng),
        }
    }
}

/// What an intruder does after the owner's call `from`.
struct Plan {
    from: Act,
    city: usize,
    site: SiteId,
    begins: i64,
    ends: i64,
    /// The minutes between two calls.
    pause: p::Span,
}
