//! Recording what came of messages: each endpoint's outcomes with its owner, then the cursor.
//!
//! In this order, so that the cursor never passes a message of which nobody knows. Not here: sending.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actors::facets::endpoints::EndpointsCommand;
use actors::facets::outbox::OutboxCommand;
use actors::{Command, PLATFORM};
use engine::log::Offset;
use futures::{StreamExt, stream};

use super::dispatch::{Dispatcher, Key};

/// Between two records.
pub(super) const FLUSH_EVERY: Duration = Duration::from_millis(250);
/// Owners that are told at once.
const AT_ONCE: usize = 32;
/// How long one may take.
const LONGEST: Duration = Duration::from_secs(1);
/// Entries without a message for anybody behind which the cursor moves all the same, so that a start need not read them.
const ENTRIES_MAX: Offset = 65_536;
/// Who records, in the audit trail.
const PRINCIPAL: &str = "outbox";

impl Dispatcher {
    /// Records what has come of messages since the last call.
    pub(super) async fn flush(&mut self) {
        let edition = self.node.tenants.directory().edition();
        let cursor = self.node.tenants.platform().outbox().from;
        let news = self.lines.iter().filter_map(|(key, line)| {
            let settled = line.to_settle(&key.1, Self::kept(&edition, key)?, cursor)?;
            Some((key.clone(), settled))
        });
        let news: Vec<_> = news.collect();
        let told: Vec<(Key, bool)> = stream::iter(news)
            .map(|(key, settled)| {
                let node = Arc::clone(&self.node);
                async move {
                    let command = Command::Endpoints(EndpointsCommand::Settle(settled));
                    let told = tokio::time::timeout(LONGEST, node.tenants.command(&key.0, command, PRINCIPAL)).await;
                    let is_told = matches!(told, Ok(Ok(_)));
                    if let Ok(Err(error)) = told {
                        tracing::warn!(tenant = %key.0, endpoint = key.1, %error, "what came of messages is not recorded yet");
                    }
                    (key, is_told)
                }
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let told: HashMap<Key, bool> = told.into_iter().collect();
        for (key, line) in &mut self.lines {
            // Who had nothing to tell has nothing to record; who could not tell does so the next time.
            if told.get(key).copied().unwrap_or(true) {
                line.settled();
            }
        }
        self.advance().await;
    }

    async fn advance(&mut self) {
        let edition = self.node.tenants.directory().edition();
        let open = self.lines.iter().filter_map(|(key, line)| line.first_open(Self::kept(&edition, key)?));
        let from = open.map(|id| id.offset).min().unwrap_or(self.next).min(self.next);
        let before = self.node.tenants.platform().outbox().from;
        if from <= before || !(self.has_sent || from - before >= ENTRIES_MAX) {
            return;
        }
        let command = Command::Outbox(OutboxCommand::Advance { from });
        match tokio::time::timeout(LONGEST, self.node.tenants.command(PLATFORM, command, PRINCIPAL)).await {
            // Messages may be open behind it: then there is something to record later.
            Ok(Ok(_)) => self.has_sent = from < self.next,
            Ok(Err(error)) => tracing::warn!(%error, "the outbox's cursor is not recorded yet"),
            Err(_) => {}
        }
    }
}
