//! Each view over the Postgres wire, by both protocols, on connections that last as long as the node.

use std::net::SocketAddr;
use std::time::Duration;

use super::roll::{self, VIEWS};
use super::site::{Client, Site};
use crate::door::Attempt;
use crate::torture::script::Random;

pub(super) struct Wire {
    random: Random,
    connection: Option<(SocketAddr, tokio_postgres::Client)>,
    turn: usize,
}

impl Wire {
    pub(super) fn new(seed: u64, number: u64) -> Self {
        let mut random = Random::new(seed, 230 + number);
        let turn = random.below(VIEWS.len() as u64) as usize;
        Self { random, connection: None, turn }
    }

    fn ask(&mut self, site: &Site<'_>, connection: &tokio_postgres::Client) -> Result<(), Attempt> {
        self.turn += 1;
        let (view, extended) = (roll::view(&mut self.random, self.turn), self.random.percent(50));
        match self.random.below(10) {
            0 => {
                let tables = "SELECT c.relname, obj_description(c.oid, 'pg_class') FROM pg_catalog.pg_class c \
                              WHERE c.relkind IN ('r', 'v', 'm')";
                let tables = site.postgres(connection, "pg_class", tables, false)?;
                assert!(tables >= VIEWS.len(), "{tables} tables");
            }
            1..6 => {
                let sql = format!("SELECT count(*) FROM {view}");
                assert_eq!(site.postgres(connection, view, &sql, extended)?, 1, "{sql}");
            }
            _ => {
                let sql = format!("SELECT * FROM {view} LIMIT 100");
                assert!(site.postgres(connection, view, &sql, extended)? <= 100, "{sql}");
            }
        }
        Ok(())
    }
}

impl Client for Wire {
    fn once(&mut self, site: &Site<'_>) -> Attempt {
        let known = self.connection.take().filter(|(address, _)| *address == site.postgres);
        let connection = match known {
            Some((_, connection)) => connection,
            None => match site.connect("platform", site.key) {
                Ok(connected) => connected.unwrap_or_else(|state| panic!("the platform's key is refused: {state}")),
                Err(attempt) => return attempt,
            },
        };
        let asked = self.ask(site, &connection);
        // Now and then a new connection, which is a login.
        self.connection = Some((site.postgres, connection)).filter(|_| !self.random.percent(3));
        asked.map_or_else(|attempt| attempt, |()| Attempt::Answered)
    }

    fn pause(&mut self) -> Duration {
        Duration::from_millis(self.random.below(15))
    }
}
