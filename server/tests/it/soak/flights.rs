//! Each view over Arrow Flight SQL: statements, prepared statements, and the list of tables.

use std::net::SocketAddr;
use std::time::Duration;

use arrow_flight::sql::CommandGetTables;
use arrow_flight::sql::client::FlightSqlServiceClient;
use futures::TryStreamExt;
use tonic::transport::Channel;

use super::roll::{self, VIEWS};
use super::site::{Client, Got, Site};
use crate::door::Attempt;
use crate::torture::script::Random;

pub(super) struct Flights {
    random: Random,
    connection: Option<(SocketAddr, FlightSqlServiceClient<Channel>)>,
    turn: usize,
}

impl Flights {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Random::new(seed, 240), connection: None, turn: 0 }
    }

    fn ask(&mut self, site: &Site<'_>, client: &mut FlightSqlServiceClient<Channel>) -> Got<()> {
        self.turn += 1;
        let view = roll::view(&mut self.random, self.turn);
        match self.random.below(10) {
            0 => {
                let listed = site.call("tables", "GetTables", async {
                    let info = client.get_tables(CommandGetTables::default()).await?;
                    let ticket = info.endpoint[0].ticket.clone().expect("an endpoint has a ticket");
                    client.do_get(ticket).await?.try_collect::<Vec<_>>().await
                })?;
                let tables = listed.expect("the platform may list").iter().map(|batch| batch.num_rows()).sum::<usize>();
                assert!(tables >= VIEWS.len(), "{tables} tables");
            }
            1..3 => {
                let sql = format!("SELECT count(*) FROM {view}");
                let rows = site.call(view, &sql, async {
                    let mut prepared = client.prepare(sql.clone(), None).await?;
                    let info = prepared.execute().await?;
                    let ticket = info.endpoint[0].ticket.clone().expect("an endpoint has a ticket");
                    let rows = client.do_get(ticket).await?.try_collect::<Vec<_>>().await?;
                    prepared.close().await?;
                    Ok(rows)
                })?;
                let rows = rows.unwrap_or_else(|status| panic!("{sql}: {status}"));
                assert_eq!(rows.iter().map(|batch| batch.num_rows()).sum::<usize>(), 1);
            }
            _ => {
                let sql = format!("SELECT * FROM {view} LIMIT 100");
                let rows = site.batches(client, view, &sql)?.unwrap_or_else(|status| panic!("{sql}: {status}"));
                assert!(rows.iter().map(|batch| batch.num_rows()).sum::<usize>() <= 100);
            }
        }
        Ok(())
    }
}

impl Client for Flights {
    fn once(&mut self, site: &Site<'_>) -> Attempt {
        let known = self.connection.take().filter(|(address, _)| *address == site.flight);
        let mut client = known.map_or_else(|| site.flight(site.key), |(_, client)| client);
        let asked = self.ask(site, &mut client);
        self.connection = Some((site.flight, client));
        asked.map_or_else(|attempt| attempt, |()| Attempt::Answered)
    }

    fn pause(&mut self) -> Duration {
        Duration::from_millis(self.random.below(30))
    }
}
