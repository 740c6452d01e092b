//! Sessions that run at the same time: statements in the background, and conditions that are waited for.

use postgres::error::{DbError, SqlState};
use postgres::{Client, Config, NoTls};
use std::error::Error;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// How long a test waits for something that must happen. Nothing depends on how long it takes.
const PATIENCE: Duration = Duration::from_secs(180);

/// The connection that PGHOST, PGUSER and PGDATABASE name.
pub fn config() -> Config {
    let given = |name: &str, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
    let mut config = Config::new();
    config
        .host(&given("PGHOST", "/var/run/postgresql"))
        .user(&given("PGUSER", "postgres"))
        .dbname(&given("PGDATABASE", "postgres"));
    config
}

/// A session that remembers the warnings that it was sent.
pub struct Session {
    client: Client,
    /// The process of the server.
    pid: i32,
    warnings: Arc<Mutex<Vec<DbError>>>,
}

/// What a statement in the background came to.
pub struct Outcome {
    pub error: Option<postgres::Error>,
    pub warnings: Vec<DbError>,
}

/// A statement that another thread waits for.
pub struct Background {
    thread: JoinHandle<(Session, Outcome)>,
    pid: i32,
}

impl Session {
    pub fn open() -> Result<Self> {
        Self::open_in(None)
    }

    /// Opens a session in this database. `None` means the database of PGDATABASE.
    pub fn open_in(database: Option<&str>) -> Result<Self> {
        let warnings = Arc::new(Mutex::new(Vec::new()));
        let sent = Arc::clone(&warnings);
        let mut config = config();
        if let Some(database) = database {
            config.dbname(database);
        }
        config.notice_callback(move |notice| {
            if notice.code() != &SqlState::SUCCESSFUL_COMPLETION
                && let Ok(mut sent) = sent.lock()
            {
                sent.push(notice);
            }
        });
        let mut client = config.connect(NoTls)?;
        let pid = client.query_one("SELECT pg_backend_pid()", &[])?.get(0);
        Ok(Self { client, pid, warnings })
    }

    /// Runs statements, each in a transaction of its own if no other is open.
    pub fn run(&mut self, statements: &[&str]) -> Result {
        for statement in statements {
            self.client
                .batch_execute(statement)
                .map_err(|error| format!("{}\nof {statement}", say(&error)))?;
        }
        Ok(())
    }

    /// The single number of a query.
    pub fn count(&mut self, query: &str) -> Result<i64> {
        Ok(self.client.query_one(query, &[]).map_err(|error| format!("{}\nof {query}", say(&error)))?.get(0))
    }

    /// The text values of a query with one column.
    pub fn texts(&mut self, query: &str) -> Result<Vec<String>> {
        let rows = self.client.query(query, &[]).map_err(|error| format!("{}\nof {query}", say(&error)))?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Fails unless the query counts `wanted`.
    pub fn expect(&mut self, what: &str, wanted: i64, query: &str) -> Result {
        match self.count(query)? {
            found if found == wanted => Ok(()),
            found => Err(format!("{what}: {found} instead of {wanted}").into()),
        }
    }

    /// Waits until the query returns a number other than 0.
    pub fn wait_until(&mut self, what: &str, query: &str) -> Result {
        let began = Instant::now();
        while self.count(query)? == 0 {
            if began.elapsed() > PATIENCE {
                return Err(format!("after {PATIENCE:?}, this is still not so: {what}").into());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// The payloads of the notifications that have arrived.
    pub fn notifications(&mut self) -> Result<Vec<String>> {
        use postgres::fallible_iterator::FallibleIterator;
        // A query makes the server send what it has.
        self.run(&["SELECT 1"])?;
        let mut notifications = self.client.notifications();
        let mut payloads = Vec::new();
        let mut pending = notifications.iter();
        while let Some(notification) = pending.next()? {
            payloads.push(notification.payload().to_owned());
        }
        Ok(payloads)
    }

    /// Runs a statement that may fail.
    pub fn attempt(&mut self, statement: &str) -> Outcome {
        if let Ok(mut warnings) = self.warnings.lock() {
            warnings.clear();
        }
        let error = self.client.batch_execute(statement).err();
        let warnings = self.warnings.lock().map(|mut all| std::mem::take(&mut *all)).unwrap_or_default();
        Outcome { error, warnings }
    }

    /// Runs a statement in a thread of its own.
    pub fn start(mut self, statement: String) -> Background {
        let pid = self.pid;
        let thread = thread::spawn(move || {
            let outcome = self.attempt(&statement);
            (self, outcome)
        });
        Background { thread, pid }
    }
}

impl Background {
    /// Waits until the statement waits for a lock or is done; returns whether it waits.
    pub fn comes_to_wait(&self, watcher: &mut Session) -> Result<bool> {
        let blocked = format!("SELECT cardinality(pg_blocking_pids({}))::bigint", self.pid);
        let began = Instant::now();
        while !self.thread.is_finished() {
            if watcher.count(&blocked)? > 0 {
                return Ok(true);
            }
            if began.elapsed() > PATIENCE {
                return Err(
                    format!("a statement neither ends nor waits for a lock after {PATIENCE:?}").into()
                );
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(false)
    }

    pub fn finish(self) -> Result<(Session, Outcome)> {
        self.thread.join().map_err(|_| "the thread of a session panicked".into())
    }
}

impl Outcome {
    /// The SQLSTATE of the error, or of the first warning.
    pub fn code(&self) -> Option<&str> {
        match &self.error {
            Some(error) => Some(error.code().map_or("no SQLSTATE", SqlState::code)),
            None => self.warnings.first().map(|warning| warning.code().code()),
        }
    }

    pub fn said(&self) -> String {
        let error = self.error.as_ref().map(say);
        let warnings = self.warnings.iter().map(|warning| format!("{}: {warning}", warning.code().code()));
        error.into_iter().chain(warnings).collect::<Vec<_>>().join("\n")
    }
}

fn say(error: &postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), |error| format!("{}: {error}", error.code().code()))
}
