//! A simulated organization for `make evaluate`: months of CloudTrail events of people and machines, GeoIP databases that
//! err as real ones do, and intruders who are known, so the results of a detection can be counted.
//!
//! | module | what it holds |
//! |---|---|
//! | [`parameters`] | the numbers that the simulation assumes, with their sources |
//! | [`world`] | the networks: where they are, and where GeoIP says that they are |
//! | [`people`], [`machines`], [`intruders`] | who calls when, and from where |
//! | [`record`] | the CloudTrail record of a call |

mod intruders;
mod machines;
pub mod parameters;
mod people;
mod record;
mod world;

use crate::rng::Rng;
use crate::time::Time;
use intruders::Level;
use parameters as p;
use record::Act;
use std::fmt::Write as _;
use std::io;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// Intruders come only after this many days, and alerts before are not counted.
pub const LEARNING_DAYS: i64 = 30;

/// The size of a simulation, and its seed.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    pub people: u64,
    pub days: u64,
    pub seed: u64,
}

/// What a credential belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    IamUser,
    Sso,
    Instance,
    MachineKey,
    Ci,
    Root,
}

impl Group {
    fn name(self) -> &'static str {
        match self {
            Self::IamUser => "iam_user",
            Self::Sso => "sso",
            Self::Instance => "instance",
            Self::MachineKey => "machine_key",
            Self::Ci => "ci",
            Self::Root => "root",
        }
    }
}

struct Subject {
    name: String,
    group: Group,
}

struct Intruder {
    subject: usize,
    level: Level,
}

struct Simulation {
    rng: Rng,
    world: world::World,
    begin: i64,
    days: i64,
    subjects: Vec<Subject>,
    intruders: Vec<Intruder>,
    /// The levels of intruders who found no opportunity.
    left_out: Vec<Level>,
    acts: Vec<Act>,
    keys: u64,
}

impl Simulation {
    fn act(&mut self, act: Act) {
        self.acts.push(act);
    }

    fn key(&mut self, prefix: &str) -> String {
        self.keys += 1;
        format!("{prefix}K{:08}EXAMPLE", self.keys)
    }
}

/// Every file of a simulation, with its name: GeoIP databases, the CloudTrail records in the order of their time, and CSV
/// files without headers that say what is true.
///
/// | file | columns |
/// |---|---|
/// | `subjects.csv` | number of the person or machine, name, group, whether an intruder uses its credentials |
/// | `intruders.csv` | number, number of the subject, level |
/// | `truth.csv` | event ID, number of the subject, number of the intruder who made the call or empty |
/// | `left_out.csv` | level of each intruder who found no opportunity |
/// | `parameters.tsv` | meaning, value, source of each parameter |
pub fn files(order: Order) -> io::Result<Vec<(String, Vec<u8>)>> {
    simulate(order).files()
}

fn simulate(order: Order) -> Simulation {
    let mut simulation = Simulation {
        rng: Rng::new(crate::rng::mix(order.seed)),
        world: world::World::new(order.seed),
        // A Monday.
        begin: Time::parse("2026-01-05T00:00:00Z").map_or(0, |time| time.0),
        days: order.days as i64,
        subjects: Vec::new(),
        intruders: Vec::new(),
        left_out: Vec::new(),
        acts: Vec::new(),
        keys: 0,
    };
    for number in 0..order.people {
        simulation.person(number);
    }
    for number in 0..order.people.div_ceil(p::PEOPLE_PER_MACHINE) {
        simulation.instance(number);
        simulation.machine_key(number);
        simulation.ci(number);
        simulation.root(number);
    }
    // Of every two subjects of a group, one has an intruder: the second, or the first if the second offers no
    // opportunity. The levels of a group come in turn.
    let mut groups: [Vec<usize>; 6] = Default::default();
    for subject in 0..simulation.subjects.len() {
        let group = simulation.subjects[subject].group;
        let members = &mut groups[group as usize];
        members.push(subject);
        if let &[.., first, second] = &members[..]
            && members.len().is_multiple_of(2)
        {
            let levels = Level::of(group);
            let level = levels[(members.len() / 2 - 1) % levels.len()];
            if !simulation.intruder(second, level) && !simulation.intruder(first, level) {
                simulation.left_out.push(level);
            }
        }
    }
    simulation
}

impl Simulation {
    fn files(mut self) -> io::Result<Vec<(String, Vec<u8>)>> {
        let end = self.begin + self.days * DAY;
        self.acts.retain(|act| (self.begin..end).contains(&act.time));
        self.acts.sort_by_key(|act| act.time);
        let mut events = Vec::new();
        let (mut truth, mut subjects, mut intruders) = (String::new(), String::new(), String::new());
        for act in &self.acts {
            let (id, record) = act.record(&mut self.rng);
            serde_json::to_writer(&mut events, &record)?;
            events.push(b'\n');
            let intruder = act.intruder.map(|number| number.to_string()).unwrap_or_default();
            let _ = writeln!(truth, "{id},{},{intruder}", act.subject);
        }
        for (number, subject) in self.subjects.iter().enumerate() {
            let victim = self.intruders.iter().any(|intruder| intruder.subject == number);
            let _ = writeln!(subjects, "{number},{},{},{victim}", subject.name, subject.group.name());
        }
        for (number, intruder) in self.intruders.iter().enumerate() {
            let _ = writeln!(intruders, "{number},{},\"{}\"", intruder.subject, intruder.level.name());
        }
        let left_out = self.left_out.iter().map(|level| format!("\"{}\"\n", level.name())).collect();
        let mut parameters = String::new();
        for (meaning, value, source) in p::ALL {
            let _ = writeln!(parameters, "{meaning}\t{value}\t{source}");
        }
        let databases = self.world.databases().map_err(io::Error::other)?;
        let mut files: Vec<(String, Vec<u8>)> =
            databases.into_iter().map(|(name, bytes)| (format!("geoip/{name}"), bytes)).collect();
        files.push(("events.json".to_owned(), events));
        for (name, text) in [
            ("truth.csv", truth),
            ("subjects.csv", subjects),
            ("intruders.csv", intruders),
            ("left_out.csv", left_out),
            ("parameters.tsv", parameters),
        ] {
            files.push((name.to_owned(), text.into_bytes()));
        }
        Ok(files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_bytes_and_another_seed_others() {
        let order = Order { people: 12, days: 40, seed: 1 };
        let first = files(order).unwrap();
        assert!(first == files(order).unwrap());
        assert!(first != files(Order { seed: 2, ..order }).unwrap());
    }

    #[test]
    fn every_way_of_intruding_occurs_or_is_counted_as_left_out() {
        let simulation = simulate(Order { people: 60, days: 60, seed: 5 });
        for group in [Group::IamUser, Group::Sso] {
            let subjects = simulation.subjects.iter().filter(|subject| subject.group == group).count();
            assert!(subjects / 2 >= Level::of(group).len());
            for level in Level::of(group) {
                let of_group = |intruder: &&Intruder| simulation.subjects[intruder.subject].group == group;
                let found =
                    simulation.intruders.iter().filter(of_group).any(|intruder| intruder.level == *level);
                assert!(found || simulation.left_out.contains(level), "{group:?} {level:?}");
            }
        }
        let mut groups = [0; 6];
        simulation.subjects.iter().for_each(|subject| groups[subject.group as usize] += 1);
        let planned: usize = groups.iter().map(|subjects| subjects / 2).sum();
        assert_eq!(simulation.intruders.len() + simulation.left_out.len(), planned);
    }

    #[test]
    fn every_city_that_is_named_exists() {
        for (office, gateway) in people::OFFICES {
            for name in [office, gateway] {
                assert_eq!(crate::cities::CITIES[world::city_named(name)].name, *name);
            }
        }
    }

    #[test]
    fn nobody_but_an_intruder_moves_faster_than_a_plane() {
        // By the true places of the people: what a detection sees of them has the errors of GeoIP, and gateways and exits.
        let order = Order { people: 30, days: 60, seed: 3 };
        let mut simulation = Simulation {
            rng: Rng::new(order.seed),
            world: world::World::new(order.seed),
            begin: 0,
            days: order.days as i64,
            subjects: Vec::new(),
            intruders: Vec::new(),
            left_out: Vec::new(),
            acts: Vec::new(),
            keys: 0,
        };
        for number in 0..order.people {
            simulation.person(number);
        }
        let mut acts: Vec<&Act> =
            simulation.acts.iter().filter(|act| !matches!(act.call, record::Call::FailedSignIn)).collect();
        acts.sort_by_key(|act| (act.subject, act.time));
        let mut moves = 0;
        for pair in acts.windows(2).filter(|pair| pair[0].subject == pair[1].subject) {
            let km = world::distance_km(pair[0].city, pair[1].city);
            let hours = (pair[1].time - pair[0].time) as f64 / 3600.0;
            moves += usize::from(km > 0.0);
            assert!(km <= 1000.0 * hours, "{km} km in {hours} hours");
        }
        assert!(moves > 20, "{moves}");
    }
}
