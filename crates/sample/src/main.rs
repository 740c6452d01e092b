//! The command line. [`HELP`] describes it.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;
use travel_sample::bench::events::{self, Format, Line, Order};
use travel_sample::bench::files;
use travel_sample::bench::world::World;
use travel_sample::layouts::{self, Layout};
use travel_sample::{bench, cloudtrail, evaluation, geoip, ipinfo};

const HELP: &str = "\
travel-sample makes GeoIP databases and CloudTrail files for the demo, the tests and the benchmarks of
impossible_travel. What it makes depends on its arguments alone: the same bytes on every machine.

USAGE
  travel-sample geoip DIR
      Four databases that place the documentation ranges (192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24,
      198.18.0.0/15, 2001:db8::/32) in real cities:
        Sample-City.mmdb          MaxMind's City layout, IPv4 and IPv6
        Sample-ASN.mmdb           MaxMind's ASN layout
        Sample-Anonymous-IP.mmdb  MaxMind's Anonymous-IP layout
        Sample-Flat.mmdb          a flat layout with strings, for a range that the others do not place

  travel-sample ipinfo DIR
      Databases in the layouts of IPinfo's carrier, residential-proxy, abuse, whois, rDNS and hosted-domains files.

  travel-sample cloudtrail DIR
      A week of two accounts in DIR/AWSLogs, laid out as S3 delivers it: ordinary work, five keys that were used
      by someone else (13 impossible legs at 500 km and 1,000 km/h), and much that only looks like travel.

  travel-sample layouts
      A line for each layout: its name, and the tool that stores CloudTrail events in it.

  travel-sample layout NAME
      The events of that week as the tool stores them, as SQL for psql, to standard output: a table with the tool's
      names and types. Each event is in it once.
              travel-sample layout cloudquery | psql

  travel-sample bench-geoip DIR [--networks N]
      DIR/Bench-City.mmdb: MaxMind's City layout with N networks (300000) over the public IPv4 space.

  travel-sample bench-networks [--networks N]
      The networks of that database as CSV, for programs that read no MMDB, to standard output:
      first,last,network,latitude,longitude

  travel-sample bench-cloudtrail [--events N] [--keys N] [--networks N] [--days N]
                                 [--format csv|ndjson] [--with-records]
      N events (2000000) of N keys (20000) over N days (30) in time order, to standard output. Addresses are in the
      networks of bench-geoip with the same --networks. Memory depends on the keys only.
      csv     event_time,source_ip,access_key_id,event_id and, --with-records, the CloudTrail record; no header:
              travel-sample bench-cloudtrail | psql -c '\\copy events FROM STDIN (FORMAT csv)'
      ndjson  an object a line: those fields, or, --with-records, the CloudTrail record

  travel-sample bench-files DIR [--events N] [--keys N] [--accounts N] [--records N] [--networks N] [--days N]
      The records of such events in DIR/AWSLogs, as S3 delivers them: .json.gz files with N records (2000) each, of
      one of N accounts (100). Memory depends on the accounts and keys.

  travel-sample evaluation DIR [--people N] [--days N] [--seed N]
      An organization of N people (100) and two fifths as many machines and root users over N days (120), of which half
      have an intruder: GeoIP databases in DIR/geoip, CloudTrail records in DIR/events.json, and CSV files that say
      which calls are an intruder's. Another seed (1) makes another organization.

  travel-sample --help
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of the output may stop early. `| head` is not a failure.
        Err(Failure::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(Failure::Io(error)) => complain(&error.to_string(), 1),
        Err(Failure::Usage(message)) => complain(&format!("{message}\nTry travel-sample --help."), 2),
    }
}

enum Failure {
    Usage(String),
    Io(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn complain(message: &str, code: u8) -> ExitCode {
    // If standard error is closed, too, nothing can be reported.
    let _ = writeln!(io::stderr(), "travel-sample: {message}");
    ExitCode::from(code)
}

fn run(arguments: &[String]) -> Result<(), Failure> {
    let Some((command, rest)) = arguments.split_first() else {
        return Err(Failure::Usage("no command".to_owned()));
    };
    match command.as_str() {
        "geoip" => {
            let options = Options::parse(rest, 1, &[])?;
            let files = geoip::files().map_err(io::Error::other)?;
            files.into_iter().try_for_each(|(name, bytes)| save(&options.folders[0], name, &bytes))
        }
        "ipinfo" => {
            let options = Options::parse(rest, 1, &[])?;
            let files = ipinfo::files().map_err(io::Error::other)?;
            files.into_iter().try_for_each(|(name, bytes)| save(&options.folders[0], name, &bytes))
        }
        "cloudtrail" => {
            let options = Options::parse(rest, 1, &[])?;
            let files = cloudtrail::delivery::files()?;
            files.into_iter().try_for_each(|file| save(&options.folders[0], &file.path, &file.bytes))
        }
        "layouts" => {
            Options::parse(rest, 0, &[])?;
            Ok(layouts::list(&mut io::stdout().lock())?)
        }
        "layout" => {
            let [name] = rest else { return Err(Failure::Usage("layout wants one name".to_owned())) };
            let layout = Layout::find(name).ok_or_else(|| {
                Failure::Usage(format!("no layout {name}; travel-sample layouts lists them"))
            })?;
            let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
            layout.write(&mut out)?;
            Ok(out.flush()?)
        }
        "bench-geoip" => {
            let options = Options::parse(rest, 1, &["--networks"])?;
            let bytes = bench::geoip::database(options.world()?).map_err(io::Error::other)?;
            save(&options.folders[0], bench::geoip::FILE_NAME, &bytes)
        }
        "bench-networks" => {
            let options = Options::parse(rest, 0, &["--networks"])?;
            let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
            Ok(bench::geoip::write_csv(options.world()?, &mut out)?)
        }
        "bench-cloudtrail" => {
            let known = ["--networks", "--events", "--keys", "--days", "--format", "--with-records"];
            let options = Options::parse(rest, 0, &known)?;
            let form = Line {
                format: match options.value("--format").unwrap_or("csv") {
                    "csv" => Format::Csv,
                    "ndjson" => Format::Ndjson,
                    other => return Err(Failure::Usage(format!("--format is csv or ndjson, not {other}"))),
                },
                with_records: options.value("--with-records").is_some(),
            };
            let order = options.order(1)?;
            let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
            Ok(events::write(order, form, &mut out)?)
        }
        "bench-files" => {
            let known = ["--networks", "--events", "--keys", "--accounts", "--records", "--days"];
            let options = Options::parse(rest, 1, &known)?;
            let order = options.order(options.number("--accounts", 100, 1_000_000)?)?;
            let records = options.number("--records", 2000, 1_000_000)? as usize;
            Ok(files::write(order, records, |path, bytes| write_file(&options.folders[0], path, bytes))?)
        }
        "evaluation" => {
            let options = Options::parse(rest, 1, &["--people", "--days", "--seed"])?;
            let files = evaluation::files(evaluation::Order {
                people: options.number("--people", 100, 10_000)?,
                days: options.number("--days", 120, 3650)?.max(40),
                seed: options.number("--seed", 1, u64::MAX)?,
            })?;
            files.into_iter().try_for_each(|(name, bytes)| save(&options.folders[0], &name, &bytes))
        }
        "--help" | "-h" | "help" => Ok(io::stdout().write_all(HELP.as_bytes())?),
        other => Err(Failure::Usage(format!("no command {other}"))),
    }
}

fn save(folder: &str, name: &str, bytes: &[u8]) -> Result<(), Failure> {
    Ok(write_file(folder, name, bytes)?)
}

fn write_file(folder: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
    let path = Path::new(folder).join(name);
    let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, bytes));
    written.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

struct Options {
    folders: Vec<String>,
    values: Vec<(String, String)>,
}

impl Options {
    fn parse(arguments: &[String], folders: usize, known: &[&str]) -> Result<Self, Failure> {
        let mut options = Self { folders: Vec::new(), values: Vec::new() };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            if !argument.starts_with("--") {
                options.folders.push(argument.clone());
            } else if !known.contains(&argument.as_str()) {
                return Err(Failure::Usage(format!("no option {argument} here")));
            } else if argument == "--with-records" {
                options.values.push((argument.clone(), String::new()));
            } else {
                let value = rest.next().ok_or_else(|| Failure::Usage(format!("{argument} wants a value")))?;
                options.values.push((argument.clone(), value.clone()));
            }
        }
        if options.folders.len() != folders {
            let wanted = if folders == 1 { "one folder" } else { "no folder" };
            return Err(Failure::Usage(format!("{wanted} is wanted, {} given", options.folders.len())));
        }
        Ok(options)
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.values.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn number(&self, name: &str, default: u64, largest: u64) -> Result<u64, Failure> {
        let Some(text) = self.value(name) else { return Ok(default) };
        let number = text.parse().ok().filter(|number| (1..=largest).contains(number));
        number.ok_or_else(|| Failure::Usage(format!("{name} is a number from 1 to {largest}, not {text}")))
    }

    /// The events of a benchmark.
    fn order(&self, accounts: u64) -> Result<Order, Failure> {
        Ok(Order {
            world: self.world()?,
            events: self.number("--events", 2_000_000, u64::MAX)?,
            // Nine digits of a key's id tell them apart.
            keys: self.number("--keys", 20_000, 1_000_000_000)?,
            accounts,
            days: self.number("--days", 30, 36_500)?,
        })
    }

    fn world(&self) -> Result<World, Failure> {
        let networks = self.number("--networks", 300_000, u64::from(u32::MAX))?;
        let world = u32::try_from(networks).ok().and_then(World::new);
        world.ok_or_else(|| Failure::Usage(format!("{networks} networks are too few or too many")))
    }
}
