//! The server: two sessions, and the statements that they ran.

use crate::{sessions, sql};
use postgres::{Client, NoTls, SimpleQueryMessage};
use std::error::Error;

pub struct Server {
    main: Client,
    other: Client,
    /// The statements since the last [`Server::start_case`].
    pub statements: Vec<String>,
    runs: u64,
}

#[derive(Debug)]
pub struct Failure {
    pub what: String,
    /// The case itself cannot be run, because shrinking went too far.
    pub is_void: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Session {
    Main,
    Other,
}

impl Server {
    pub fn connect() -> Result<Self, Box<dyn Error>> {
        let mut config = sessions::config();
        config.options("-c timezone=UTC -c datestyle=ISO -c client_min_messages=error");
        let (main, other) = (config.connect(NoTls)?, config.connect(NoTls)?);
        let mut server = Self { main, other, statements: Vec::new(), runs: 0 };
        for source in sql::TABLES {
            server.main.batch_execute(&format!("DROP TABLE IF EXISTS {}", sql::table(source)))?;
            server.main.batch_execute(&sql::create_table(source))?;
        }
        server.main.batch_execute("LOAD 'impossible_travel'")?;
        server.delete_rules_and_results()?;
        Ok(server)
    }

    /// Empties the sources, and returns a number for the names of rules.
    pub fn start_case(&mut self) -> Result<u64, Failure> {
        self.statements.clear();
        let _ = self.other.batch_execute("ROLLBACK");
        let _ = self.main.batch_execute("ROLLBACK; RESET session_replication_role");
        for source in sql::TABLES {
            self.run(Session::Main, &format!("TRUNCATE {}", sql::table(source)))?;
        }
        self.runs += 1;
        if self.runs.is_multiple_of(20) {
            self.delete_rules_and_results()
                .map_err(|error| Failure { what: error.to_string(), is_void: true })?;
        }
        Ok(self.runs)
    }

    pub fn run(&mut self, session: Session, statement: &str) -> Result<(), Failure> {
        self.statements.push(if session == Session::Main {
            statement.to_owned()
        } else {
            format!("-- in another session:\n{statement}")
        });
        let client = if session == Session::Main { &mut self.main } else { &mut self.other };
        client.simple_query(statement).map(|_| ()).map_err(|error| Failure::of(&error, statement))
    }

    /// The values of a query with one column.
    pub fn ask(&mut self, query: &str) -> Result<Vec<String>, Failure> {
        let query = &format!("SET timezone = 'UTC'; SET extra_float_digits = 1; {query}");
        let rows = self.main.simple_query(query).map_err(|error| Failure::of(&error, query))?;
        Ok(rows
            .into_iter()
            .filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
                _ => None,
            })
            .collect())
    }

    /// Deletes all rules and their results. Alerts are kept forever, except from a superuser who switches the triggers
    /// off.
    fn delete_rules_and_results(&mut self) -> Result<(), postgres::Error> {
        self.main.batch_execute(
            "SET session_replication_role = replica;
             TRUNCATE travel.rules, travel.alerts, travel.alert_history, travel_internal.alert_legs, travel.verdicts,
                 travel.known_places, travel.known_transitions, travel.suppressions, travel_internal.scans,
                 travel_internal.entity_checkpoints, travel_internal.baseline_checkpoints, travel_internal.minted_keys,
                 travel_internal.coverage_days;
             RESET session_replication_role",
        )
    }
}

impl Failure {
    fn of(error: &postgres::Error, statement: &str) -> Self {
        let said = error.as_db_error().map_or_else(|| error.to_string(), |error| format!("{error:?}"));
        Self { what: format!("{said}\nof {statement}"), is_void: false }
    }
}
