//! The dispatcher: reads the journal, fills the lines, sends, and notes what came of it.
//!
//! One task owns all lines, so nothing of them is locked; it reads on blocking threads, a bounded stretch at a time. Not here:
//! recording (`flush`).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actors::facets::endpoints::{Kept, MessageId};
use actors::journal::JournalError;
use actors::{Edition, Message, PLATFORM};
use engine::log::Offset;
use tokio::task::{JoinError, JoinSet};
use tokio::time::MissedTickBehavior;

use crate::node::Node;
use crate::webhooks::answer::{Attempt, Outcome, Reason};
use crate::webhooks::exchange::Exchange;

use super::attempts::AttemptNote;
use super::letter;
use super::line::{Came, Line};

/// Between two looks at the journal.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Entries of the journal that are read at once.
const ENTRIES_AT_ONCE: usize = 1024;
/// Lines that read their backlog at once.
const BACKLOGS_AT_ONCE: usize = 16;
/// How long an entry that is durable and not yet known to the directory is waited for: its actor may have died.
const PATIENCE: Duration = Duration::from_secs(1);
/// Before the journal is read again after that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Owner and name of an endpoint.
pub(super) type Key = (Arc<str>, String);

/// See the module.
pub(super) struct Dispatcher {
    pub(super) node: Arc<Node>,
    exchange: Arc<Exchange>,
    pub(super) lines: HashMap<Key, Line>,
    /// The first entry that was not read.
    pub(super) next: Offset,
    /// Whether a message went to somebody since the cursor was recorded.
    pub(super) has_sent: bool,
    /// Since when the directory lags behind the journal.
    lags_since: Option<Instant>,
    edition: Option<Arc<Edition>>,
    sending: JoinSet<Landed>,
}

struct Landed {
    key: Key,
    message: Arc<Message>,
    name: String,
    came: Result<Attempt, String>,
}

/// A read of the journal that failed, with all that is to be known of it.
type Read<T> = Result<T, JournalError>;

impl Dispatcher {
    pub(super) fn new(node: Arc<Node>, exchange: Arc<Exchange>) -> Self {
        let edition = node.tenants.directory().edition();
        let from = node.tenants.platform().outbox().from;
        // With nobody to send to, nothing was missed.
        let has_any = edition.iter().any(|(_, state)| !state.endpoints().endpoints.is_empty());
        let next = if has_any { from } else { node.tenants.known_until().max(from) };
        Self {
            node,
            exchange,
            lines: HashMap::new(),
            next,
            has_sent: false,
            lags_since: None,
            edition: None,
            sending: JoinSet::new(),
        }
    }

    /// Goes on for as long as it is polled.
    pub(super) async fn run(mut self) {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut flushed = Instant::now();
        loop {
            tokio::select! {
                _ = looks.tick() => {
                    if let Err(error) = self.look().await {
                        tracing::error!(%error, "the journal can't be read, so messages wait");
                        tokio::time::sleep(AFTER_FAILURE).await;
                    }
                }
                Some(landed) = self.sending.join_next() => {
                    self.land(landed);
                    while let Some(landed) = self.sending.try_join_next() {
                        self.land(landed);
                    }
                }
            }
            if flushed.elapsed() >= super::flush::FLUSH_EVERY {
                self.flush().await;
                flushed = Instant::now();
            }
        }
    }

    /// What the journal says of an endpoint now.
    pub(super) fn kept<'a>(edition: &'a Edition, (owner, name): &Key) -> Option<&'a Kept> {
        edition.get(owner)?.endpoints().endpoints.get(name)
    }

    async fn look(&mut self) -> Read<()> {
        // Asked before, so that the edition knows everything that is read.
        let until = self.known_until();
        let edition = self.node.tenants.directory().edition();
        self.meet(&edition);
        self.read(&edition, until).await?;
        self.catch_up(&edition).await?;
        self.retry(&edition).await?;
        self.send_all();
        Ok(())
    }

    /// Makes lines for endpoints that have something to be tried again, or a backlog.
    fn meet(&mut self, edition: &Arc<Edition>) {
        let before = self.edition.replace(Arc::clone(edition));
        let mut meet = |owner: &Arc<str>| {
            let Some(state) = edition.get(owner) else { return };
            for (name, kept) in &state.endpoints().endpoints {
                if !kept.retries.is_empty() || kept.behind.is_some() {
                    self.lines.entry((Arc::clone(owner), name.clone())).or_insert_with(|| Line::of(kept));
                }
            }
        };
        match before {
            Some(before) if Arc::ptr_eq(&before, edition) => {}
            Some(before) => edition.news(&before).for_each(&mut meet),
            None => edition.iter().for_each(|(owner, _)| meet(owner)),
        }
    }

    /// How far the journal can be read. What the directory does not know yet is waited for, but not for ever.
    fn known_until(&mut self) -> Offset {
        let (known, end) = (self.node.tenants.known_until(), self.node.tenants.journaled());
        if known >= end {
            self.lags_since = None;
            return known;
        }
        let since = *self.lags_since.get_or_insert_with(Instant::now);
        if since.elapsed() > PATIENCE { end } else { known }
    }

    /// Reads on in the journal and fills the lines.
    async fn read(&mut self, edition: &Arc<Edition>, until: Offset) -> Read<()> {
        if until <= self.next {
            return Ok(());
        }
        let (node, from) = (Arc::clone(&self.node), self.next);
        let read = move || -> Read<_> {
            let entries = node.tenants.messages(from, until).take(ENTRIES_AT_ONCE);
            entries.collect::<Read<Vec<_>>>()
        };
        for (next, messages) in blocking(read).await? {
            for message in messages.into_iter().map(Arc::new) {
                self.offer(edition, &message);
            }
            self.next = next;
        }
        Ok(())
    }

    fn offer(&mut self, edition: &Edition, message: &Arc<Message>) {
        let owners = [message.tenant.as_str(), PLATFORM];
        let owners = &owners[..if message.tenant == PLATFORM { 1 } else { 2 }];
        for owner in owners {
            let Some(state) = edition.get(owner) else { continue };
            for (name, kept) in &state.endpoints().endpoints {
                if is_for(message, owner, name, kept) {
                    let key = (Arc::from(*owner), name.clone());
                    self.lines.entry(key).or_insert_with(|| Line::of(kept)).offer(message, kept, Instant::now());
                    self.has_sent = true;
                }
            }
        }
    }

    /// Has lines that have room again read what they left to the journal.
    async fn catch_up(&mut self, edition: &Arc<Edition>) -> Read<()> {
        let backlogs = self.lines.iter().filter_map(|(key, line)| {
            let kept = Self::kept(edition, key)?;
            Some((key.clone(), line.backlog(kept)?, line.room(), kept.clone()))
        });
        let backlogs: Vec<_> = backlogs.take(BACKLOGS_AT_ONCE).collect();
        let until = self.next;
        for (key, behind, room, kept) in backlogs {
            let (node, of, spec) = (Arc::clone(&self.node), key.clone(), kept.clone());
            let (messages, behind) = blocking(move || backlog(&node, &of, &spec, behind, until, room)).await?;
            if let Some(line) = self.lines.get_mut(&key) {
                line.caught_up(messages, behind, &kept, Instant::now());
            }
        }
        Ok(())
    }

    /// Reads messages again whose time has come.
    async fn retry(&mut self, edition: &Arc<Edition>) -> Read<()> {
        let now_us = self.node.tenants.now_us();
        let due: Vec<(Key, Vec<MessageId>)> = self
            .lines
            .iter()
            .filter_map(|(key, line)| Some((key.clone(), line.due(Self::kept(edition, key)?, now_us))))
            .filter(|(_, due)| !due.is_empty())
            .take(BACKLOGS_AT_ONCE)
            .collect();
        for (key, ids) in due {
            let node = Arc::clone(&self.node);
            let read = move || ids.into_iter().rev().map(|id| node.tenants.message(id)).collect::<Read<Vec<_>>>();
            let messages = blocking(read).await?;
            if let Some(line) = self.lines.get_mut(&key) {
                messages.into_iter().flatten().for_each(|message| line.again(Arc::new(message), Instant::now()));
            }
        }
        Ok(())
    }

    /// Sends what may be sent, and forgets lines with nothing to do.
    fn send_all(&mut self) {
        let edition = self.node.tenants.directory().edition();
        let keys: Vec<Key> = self.lines.keys().cloned().collect();
        for key in keys {
            self.send(&edition, &key);
            if let Some(line) = self.lines.get(&key)
                && Self::kept(&edition, &key).is_none_or(|kept| line.is_idle(kept))
            {
                self.lines.remove(&key);
            }
        }
    }

    fn send(&mut self, edition: &Edition, key: &Key) {
        let (Some(line), Some(kept)) = (self.lines.get_mut(key), Self::kept(edition, key)) else { return };
        let now_us = self.node.tenants.now_us();
        while let Some(message) = line.take_off(kept, Instant::now()) {
            let name = letter::name(&message, &key.0, &key.1).as_str().to_owned();
            let letter = letter::letter(&message, &key.0, &key.1, kept, now_us);
            let (exchange, key) = (Arc::clone(&self.exchange), key.clone());
            self.sending.spawn(async move {
                let came = match letter {
                    Ok(letter) => Ok(exchange.post(&letter).await),
                    Err(reason) => Err(reason),
                };
                Landed { key, message, name, came }
            });
        }
    }

    fn land(&mut self, landed: Result<Landed, JoinError>) {
        let Landed { key, message, name, came } = match landed {
            Ok(landed) => landed,
            Err(error) => return tracing::error!(%error, "sending a message panicked"),
        };
        let edition = self.node.tenants.directory().edition();
        if matches!(&came, Ok(Attempt { outcome: Outcome::Failed(Reason::Busy), .. })) {
            if let Some(line) = self.lines.get_mut(&key) {
                line.put_back(message, Instant::now());
            }
            return;
        }
        let (came, note) = told(came);
        let (tenant, endpoint) = (key.0.to_string(), key.1.clone());
        let at_us = self.node.tenants.now_us();
        self.node.attempts.note(AttemptNote { tenant, endpoint, message: name, kind: message.kind, at_us, ..note });
        if let (Some(line), Some(kept)) = (self.lines.get_mut(&key), Self::kept(&edition, &key)) {
            line.land(message.id, came, kept);
        }
        self.send(&edition, &key);
    }
}

/// Whether an endpoint is to hear of a message.
fn is_for(message: &Message, owner: &str, name: &str, kept: &Kept) -> bool {
    let is_about_itself = message.about.as_deref() == Some(name) && message.tenant == owner;
    kept.spec.wants(message.kind) && message.id.offset > kept.since && !is_about_itself
}

/// The messages of an endpoint's backlog from `from` on, as many as it has `room` for, and where what is left begins.
fn backlog(
    node: &Node,
    (owner, name): &Key,
    kept: &Kept,
    from: MessageId,
    until: Offset,
    room: usize,
) -> Read<(Vec<Arc<Message>>, Option<MessageId>)> {
    let mut found = Vec::new();
    let mut next = from.offset;
    for entry in node.tenants.messages(from.offset, until).take(ENTRIES_AT_ONCE) {
        let (behind, messages) = entry?;
        let own = |message: &Message| message.tenant == **owner || **owner == *PLATFORM;
        for message in messages.into_iter().filter(|message| message.id >= from && own(message)) {
            if !is_for(&message, owner, name, kept) {
                continue;
            }
            if found.len() >= room {
                return Ok((found, Some(message.id)));
            }
            found.push(Arc::new(message));
        }
        next = behind;
    }
    let rest = (next < until).then_some(MessageId { offset: next, index: 0 });
    Ok((found, rest))
}

async fn blocking<T: Send + 'static>(read: impl FnOnce() -> Read<T> + Send + 'static) -> Read<T> {
    match tokio::task::spawn_blocking(read).await {
        Ok(read) => read,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// What came of an attempt, and what is noted of it.
fn told(came: Result<Attempt, String>) -> (Came, AttemptNote) {
    let note = |took: Duration, status, outcome: String, answer: String| AttemptNote {
        tenant: String::new(),
        endpoint: String::new(),
        message: String::new(),
        kind: "",
        at_us: 0,
        took_us: i64::try_from(took.as_micros()).unwrap_or(i64::MAX),
        status,
        outcome,
        answer,
    };
    let attempt = match came {
        Ok(attempt) => attempt,
        Err(reason) => return (Came::Failed(None), note(Duration::ZERO, None, reason, String::new())),
    };
    let (came, words) = match attempt.outcome {
        Outcome::Delivered => (Came::Taken, "delivered".to_owned()),
        Outcome::Gone => (Came::Gone, "the endpoint is gone".to_owned()),
        Outcome::Later(pause) => {
            let pause_us = pause.map(|pause| i64::try_from(pause.as_micros()).unwrap_or(i64::MAX));
            (Came::Failed(pause_us), "the endpoint asks for a pause".to_owned())
        }
        Outcome::Failed(reason) => (Came::Failed(None), reason.to_string()),
    };
    (came, note(attempt.latency, attempt.status, words, attempt.answer))
}
