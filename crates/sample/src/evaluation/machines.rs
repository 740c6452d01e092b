//! Machines, whose credentials are used around the clock, and the root users of accounts.

use super::parameters as p;
use super::record::{Act, Call, Credential, EVERYDAY};
use super::world::{Kind, SiteId, city_named};
use super::{DAY, Group, HOUR, Simulation, Subject};
use std::rc::Rc;

/// The cities of AWS regions.
const REGIONS: &[&str] =
    &["Ashburn", "Dublin", "Frankfurt am Main", "Singapore", "Sydney", "Tokyo", "São Paulo", "Mumbai"];

impl Simulation {
    /// An EC2 instance in one region, whose role gives it new keys. Some of its calls go through a VPC endpoint, so they
    /// have a private address.
    pub fn instance(&mut self, number: u64) {
        let subject = self.subject(format!("instance{number:04}"), Group::Instance);
        let &region = self.rng.pick(REGIONS);
        let city = city_named(region);
        let site = self.world.shared(Kind::Aws, city, number % p::AWS_NETWORKS, &mut self.rng);
        let host = self.rng.next_u64();
        for hour in (0..self.days * 24).step_by(p::INSTANCE_CALL_HOURS) {
            let key = format!("ASIAI{number:05}{:04}EXAMPLE", hour / p::INSTANCE_KEY_HOURS);
            let who = Rc::new(Credential {
                kind: "AssumedRole",
                account: "200000000001".to_owned(),
                name: "web-server".to_owned(),
                session: Some(format!("i-{number:017x}")),
                key,
            });
            let private = self.rng.below(p::INSTANCE_PRIVATE) == 0;
            let address = if private { "10.0.0.7".to_owned() } else { self.world.address(site, host, false) };
            self.call(subject, hour, city, address, &who);
        }
    }

    /// A long-term key that machines in several regions use at the same time, such as that of a backup.
    pub fn machine_key(&mut self, number: u64) {
        let subject = self.subject(format!("backup{number:04}"), Group::MachineKey);
        let mut regions = REGIONS.to_vec();
        self.rng.shuffle(&mut regions);
        regions.truncate(p::MACHINE_KEY_REGIONS.count(&mut self.rng) as usize);
        let sites: Vec<SiteId> = regions
            .iter()
            .map(|region| {
                let network = p::AWS_NETWORKS + number % p::AWS_NETWORKS;
                self.world.shared(Kind::Aws, city_named(region), network, &mut self.rng)
            })
            .collect();
        self.around_the_clock(subject, &format!("backup{number:04}"), &sites, p::MACHINE_KEY_CALL_HOURS, 1);
    }

    /// A long-term key of continuous integration, whose runs leave through the shared addresses of its provider.
    pub fn ci(&mut self, number: u64) {
        let subject = self.subject(format!("ci{number:04}"), Group::Ci);
        let sites: Vec<SiteId> = [("Ashburn", 8), ("Ashburn", 9), ("Seattle", 8), ("Amsterdam", 8)]
            .iter()
            .map(|&(city, pool)| self.world.shared(Kind::Rented, city_named(city), pool, &mut self.rng))
            .collect();
        self.around_the_clock(subject, &format!("ci{number:04}"), &sites, p::CI_CALL_HOURS, p::CI_ADDRESSES);
    }

    fn around_the_clock(&mut self, subject: usize, name: &str, sites: &[SiteId], hours: usize, hosts: u64) {
        let key = self.key("AKIA");
        let who = Rc::new(Credential {
            kind: "IAMUser",
            account: "200000000002".to_owned(),
            name: name.to_owned(),
            session: None,
            key,
        });
        for hour in (0..self.days * 24).step_by(hours) {
            let site = *self.rng.pick(sites);
            let host = self.rng.below(hosts) + subject as u64;
            let address = self.world.address(site, host, false);
            self.call(subject, hour, self.world.city(site), address, &who);
        }
    }

    /// The root user of an account, which an administrator uses once or twice a month from the office or from home.
    pub fn root(&mut self, number: u64) {
        let subject = self.subject(format!("root{number:04}"), Group::Root);
        let city = city_named(self.rng.pick(super::people::OFFICES).0);
        let office = self.world.shared(Kind::Office, city, 0, &mut self.rng);
        let home = self.world.site(Kind::Home, city, &mut self.rng);
        let who = Rc::new(Credential {
            kind: "Root",
            account: format!("{:012}", 300_000_000_000 + number),
            name: "root".to_owned(),
            session: None,
            key: self.key("ASIA"),
        });
        let mut day = p::ROOT_FIRST_DAY.count(&mut self.rng) as i64;
        while day < self.days {
            let begins = self.begin + day * DAY + p::ROOT_BEGINS.seconds(HOUR, &mut self.rng);
            let from_home = self.rng.below(p::ROOT_HOME) == p::ROOT_HOME - 1;
            let site = if from_home { home } else { office };
            let address = self.world.address(site, 1, false);
            for number in 0..p::ROOT_CALLS {
                let call = match number {
                    0 => Call::SignIn { mfa: true },
                    _ => Call::Api("iam", "ListUsers"),
                };
                let (address, who) = (address.clone(), Rc::clone(&who));
                self.act(Act {
                    time: begins + number * p::ROOT_CALL_MINUTES * 60,
                    subject,
                    intruder: None,
                    city,
                    address,
                    who,
                    call,
                });
            }
            day += p::ROOT_DAYS.count(&mut self.rng) as i64;
        }
    }

    fn subject(&mut self, name: String, group: Group) -> usize {
        self.subjects.push(Subject { name, group });
        self.subjects.len() - 1
    }

    fn call(&mut self, subject: usize, hour: i64, city: usize, address: String, who: &Rc<Credential>) {
        let time = self.begin + hour * HOUR + self.rng.below(HOUR as u64) as i64;
        let &(source, name) = self.rng.pick(EVERYDAY);
        let (call, who) = (Call::Api(source, name), Rc::clone(who));
        self.act(Act { time, subject, intruder: None, city, address, who, call });
    }
}
