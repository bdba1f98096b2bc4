//! One endpoint's line: what is queued for it, what is in flight, and what came of the rest.
//!
//! A pure state machine; the dispatcher reads, sends and records for it. Keeps I8: a line is short, and what does not fit waits
//! in the journal. Not here: when a message is tried again (`actors`).

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actors::Message;
use actors::facets::endpoints::{Kept, MessageId, RETRIES_MAX, Settled};
use engine::log::Offset;

/// Messages that are queued or in flight.
const QUEUE_MAX: usize = 256;
/// Messages in flight at once.
const FLYING_MAX: usize = 8;
/// How long a line rests for which there was no place.
const REST: Duration = Duration::from_millis(250);
/// What has been queued for so long goes back to the journal, so that everybody's cursor moves on.
const QUEUED_MAX: Duration = Duration::from_secs(20);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Line {
    queue: VecDeque<(Arc<Message>, Instant)>,
    flying: BTreeSet<MessageId>,
    behind: Option<MessageId>,
    outcomes: Outcomes,
    /// Until when nothing is sent, because there was no place for it.
    rests: Option<Instant>,
}

/// What is to be recorded.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Outcomes {
    taken: Vec<MessageId>,
    failed: Vec<(MessageId, Option<i64>)>,
    is_gone: bool,
}

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// The endpoint has it.
    Taken,
    /// It has not, and may have asked for a pause, microseconds.
    Failed(Option<i64>),
    /// It wants nothing any more.
    Gone,
}

impl Line {
    /// That of an endpoint of which the journal says `kept`.
    pub(super) fn of(kept: &Kept) -> Self {
        Self { behind: kept.behind, ..Self::default() }
    }

    /// The next message of the journal. Whoever is behind reads it again later.
    pub(super) fn offer(&mut self, message: &Arc<Message>, kept: &Kept, now: Instant) {
        // One that is tried again is read again behind a start.
        if self.behind.is_some() || kept.retries.contains_key(&message.id) {
            return;
        }
        match self.has_room(kept) {
            true => self.queue.push_back((Arc::clone(message), now)),
            false => self.behind = Some(message.id),
        }
    }

    /// A message of its backlog, or one that is tried again: before all others.
    pub(super) fn again(&mut self, message: Arc<Message>, now: Instant) {
        self.queue.push_front((message, now));
    }

    /// From where on it reads the journal by itself, if it can take more now.
    pub(super) fn backlog(&self, kept: &Kept) -> Option<MessageId> {
        self.behind.filter(|_| self.queue.is_empty() && self.has_room(kept))
    }

    /// It has read its backlog up to `behind`, which is `None` at the journal's end.
    /// What is tried again has a time of its own, and what is in flight needs no second attempt.
    pub(super) fn caught_up(
        &mut self,
        mut messages: Vec<Arc<Message>>,
        behind: Option<MessageId>,
        kept: &Kept,
        now: Instant,
    ) {
        messages.retain(|message| !kept.retries.contains_key(&message.id) && !self.flying.contains(&message.id));
        self.queue.extend(messages.into_iter().map(|message| (message, now)));
        self.behind = behind;
    }

    /// How many more it can take.
    pub(super) fn room(&self) -> usize {
        QUEUE_MAX.saturating_sub(self.queue.len() + self.flying.len())
    }

    fn has_room(&self, kept: &Kept) -> bool {
        let waiting = kept.retries.len() + self.outcomes.failed.len();
        let may_wait = if kept.spec.ordered { 1 } else { RETRIES_MAX };
        kept.disabled.is_none() && waiting < may_wait && self.room() > 0
    }

    /// Messages that are to be tried again at `now_us`.
    pub(super) fn due(&self, kept: &Kept, now_us: i64) -> Vec<MessageId> {
        if kept.disabled.is_some() {
            return Vec::new();
        }
        let is_known = |id: &MessageId| {
            self.flying.contains(id)
                || self.queue.iter().any(|(message, _)| message.id == *id)
                || self.outcomes.failed.iter().any(|(failed, _)| failed == id)
                || self.outcomes.taken.contains(id)
        };
        let due = kept.retries.iter().filter(|(id, retry)| retry.at_us <= now_us && !is_known(id));
        due.map(|(id, _)| *id).take(self.room()).collect()
    }

    /// The next message to send, if one may be.
    pub(super) fn take_off(&mut self, kept: &Kept, now: Instant) -> Option<Arc<Message>> {
        let waited = |(_, since): &(Arc<Message>, Instant)| now.duration_since(*since) > QUEUED_MAX;
        if kept.disabled.is_some() || self.queue.front().is_some_and(waited) {
            self.fall_behind(kept);
        }
        // In order, what failed goes first, and all others wait for it.
        let is_held = kept.spec.ordered && !self.outcomes.failed.is_empty();
        // One that takes nothing is asked by one message at a time, so that many of them leave places to the others.
        let at_once = if kept.spec.ordered || kept.failing.is_some() { 1 } else { FLYING_MAX };
        let rests = self.rests.is_some_and(|until| now < until);
        if self.flying.len() >= at_once || is_held || rests {
            return None;
        }
        let (message, _) = self.queue.pop_front()?;
        self.flying.insert(message.id);
        Some(message)
    }

    /// There was no place for a message, so it was not sent.
    pub(super) fn put_back(&mut self, message: Arc<Message>, now: Instant) {
        self.flying.remove(&message.id);
        self.queue.push_front((message, now));
        self.rests = Some(now + REST);
    }

    /// What came of a message.
    pub(super) fn land(&mut self, id: MessageId, came: Came, kept: &Kept) {
        self.flying.remove(&id);
        match came {
            Came::Taken => self.outcomes.taken.push(id),
            Came::Failed(pause_us) => self.outcomes.failed.push((id, pause_us)),
            Came::Gone => {
                self.outcomes.failed.push((id, None));
                self.outcomes.is_gone = true;
            }
        }
        if came != Came::Taken && !self.has_room(kept) {
            self.fall_behind(kept);
        }
    }

    /// Leaves what is queued to the journal. What is being tried again is known there already.
    fn fall_behind(&mut self, kept: &Kept) {
        let queued = self.queue.drain(..).map(|(message, _)| message.id).filter(|id| !kept.retries.contains_key(id));
        self.behind = queued.chain(self.behind).min();
    }

    /// Messages that are queued or in flight, but for those that are tried again, which the journal knows.
    fn open<'a>(&'a self, kept: &'a Kept) -> impl Iterator<Item = MessageId> + 'a {
        let queued = self.queue.iter().map(|(message, _)| message.id);
        queued.chain(self.flying.iter().copied()).filter(|id| !kept.retries.contains_key(id))
    }

    /// From where on the journal has to be read again behind a start; `None` if everybody's `cursor` is early enough. It never
    /// passes a message that is open.
    fn place(&self, kept: &Kept, cursor: Offset) -> Option<MessageId> {
        let open = self.open(kept).min();
        match self.behind.is_none() && open.is_none_or(|id| id.offset >= cursor) {
            true => None,
            false => open.into_iter().chain(self.behind).min(),
        }
    }

    /// What has to be recorded of it, under its `name`, while everybody's cursor is at `cursor`.
    pub(super) fn to_settle(&self, name: &str, kept: &Kept, cursor: Offset) -> Option<Settled> {
        let Outcomes { taken, failed, is_gone } = self.outcomes.clone();
        let recovers = taken.iter().any(|id| kept.retries.contains_key(id)) || kept.failing.is_some();
        let behind = self.place(kept, cursor);
        let is_news = !failed.is_empty() || is_gone || behind != kept.behind || (recovers && !taken.is_empty());
        is_news.then(|| Settled {
            name: name.to_owned(),
            any_taken: !taken.is_empty(),
            taken: taken.into_iter().filter(|id| kept.retries.contains_key(id)).collect(),
            failed,
            is_gone,
            behind,
        })
    }

    /// Everything that [`Self::to_settle`] told is recorded; nothing has landed since.
    pub(super) fn settled(&mut self) {
        self.outcomes = Outcomes::default();
    }

    /// The first message that everybody's cursor must not pass: of a line that is behind the journal knows a place of its own.
    pub(super) fn first_open(&self, kept: &Kept) -> Option<MessageId> {
        let failed = self.outcomes.failed.iter().map(|(id, _)| *id).filter(|id| !kept.retries.contains_key(id));
        self.open(kept).chain(failed).chain(self.behind).min().filter(|_| kept.behind.is_none())
    }

    /// Whether nothing would be lost with it.
    pub(super) fn is_idle(&self, kept: &Kept) -> bool {
        let is_empty = self.queue.is_empty() && self.flying.is_empty() && self.outcomes == Outcomes::default();
        is_empty && self.behind.is_none() && kept.behind.is_none() && kept.retries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use actors::endpoint::{Endpoint, Secret};
    use actors::facet::{Context, Facet};
    use actors::facets::endpoints::{Endpoints, EndpointsCommand};
    use serde_json::json;

    use super::*;

    struct World {
        endpoints: Endpoints,
        line: Line,
    }

    impl World {
        fn new(ordered: bool) -> Self {
            let spec = Endpoint {
                url: "https://example.com".into(),
                events: ["*".to_owned()].into(),
                headers: BTreeMap::new(),
                ordered,
            };
            let secret = Some(Secret::new([7; 32]));
            let mut world = Self { endpoints: Endpoints::default(), line: Line::default() };
            world.act(EndpointsCommand::Declare { name: "hook".into(), spec, secret });
            world
        }

        fn act(&mut self, command: EndpointsCommand) {
            let changes = self.endpoints.decide(command, Context::at(0)).unwrap();
            changes.iter().for_each(|change| self.endpoints.apply(change));
        }

        fn kept(&self) -> Kept {
            self.endpoints.endpoints["hook"].clone()
        }

        fn offer(&mut self, offset: u64) {
            let kept = self.kept();
            self.line.offer(&message(offset), &kept, Instant::now());
        }

        fn take_off(&mut self) -> Option<u64> {
            let kept = self.kept();
            self.line.take_off(&kept, Instant::now()).map(|message| message.id.offset)
        }

        fn land(&mut self, offset: u64, came: Came) {
            let kept = self.kept();
            self.line.land(id(offset), came, &kept);
        }

        fn settle(&mut self) {
            let cursor = self.line.first_open(&self.kept()).map_or(u64::MAX, |id| id.offset);
            self.settle_at(cursor);
        }

        fn settle_at(&mut self, cursor: u64) {
            if let Some(settled) = self.line.to_settle("hook", &self.kept(), cursor) {
                self.act(EndpointsCommand::Settle(settled));
            }
            self.line.settled();
        }

        fn open(&self) -> Option<u64> {
            self.line.first_open(&self.kept()).map(|id| id.offset)
        }
    }

    fn id(offset: u64) -> MessageId {
        MessageId { offset, index: 0 }
    }

    fn message(offset: u64) -> Arc<Message> {
        let (tenant, data) = ("acme".to_owned(), json!({}));
        Arc::new(Message { id: id(offset), tenant, sequence: 1, at_us: 0, kind: "a.b", about: None, data })
    }

    #[test]
    fn what_is_taken_needs_no_record() {
        let mut world = World::new(false);
        (1..=3).for_each(|offset| world.offer(offset));
        assert_eq!(world.open(), Some(1));
        assert_eq!([world.take_off(), world.take_off(), world.take_off()], [Some(1), Some(2), Some(3)]);
        world.land(2, Came::Taken);
        assert_eq!(world.open(), Some(1), "the first is still in flight");
        world.land(1, Came::Taken);
        world.land(3, Came::Taken);
        assert_eq!((world.open(), world.line.to_settle("hook", &world.kept(), 4)), (None, None));
        world.settle();
        assert!(world.line.is_idle(&world.kept()));
    }

    #[test]
    fn in_order_what_failed_holds_back_what_is_behind_it() {
        let mut world = World::new(true);
        (1..=3).for_each(|offset| world.offer(offset));
        assert_eq!((world.take_off(), world.take_off()), (Some(1), None), "one at a time");
        world.land(1, Came::Failed(None));
        assert_eq!(world.take_off(), None);
        world.settle();
        let kept = world.kept();
        assert_eq!((kept.retries.len(), kept.behind, world.open()), (1, Some(id(2)), None));
        assert_eq!(world.line.backlog(&kept), None, "the first is not taken yet");
        world.offer(4);
        let due = world.line.due(&kept, i64::MAX);
        assert_eq!(due, [id(1)]);
        world.line.again(message(1), Instant::now());
        assert_eq!(world.take_off(), Some(1));
        world.land(1, Came::Taken);
        world.settle();
        assert_eq!(world.line.backlog(&world.kept()), Some(id(2)));
        let kept = world.kept();
        world.line.caught_up(vec![message(2), message(3), message(4)], None, &kept, Instant::now());
        for offset in 2..=4 {
            assert_eq!(world.take_off(), Some(offset));
            world.land(offset, Came::Taken);
        }
        world.settle();
        assert!(world.line.is_idle(&world.kept()));
    }

    #[test]
    fn a_line_that_does_not_move_keeps_a_few_and_leaves_the_rest_to_the_journal() {
        let mut world = World::new(false);
        (1..=1000).for_each(|offset| world.offer(offset));
        assert_eq!((world.line.room(), world.line.behind), (0, Some(id(257))));
        let mut failed = 0;
        while let Some(offset) = world.take_off() {
            world.land(offset, Came::Failed(None));
            failed += 1;
        }
        assert_eq!(failed, RETRIES_MAX);
        world.settle();
        let kept = world.kept();
        assert_eq!((kept.retries.len(), kept.behind), (RETRIES_MAX, Some(id(RETRIES_MAX as u64 + 1))));
        assert_eq!(world.open(), None, "nobody waits for it");
    }

    #[test]
    fn an_endpoint_that_is_disabled_or_gone_is_sent_nothing() {
        let mut world = World::new(false);
        world.offer(1);
        world.offer(2);
        assert_eq!(world.take_off(), Some(1));
        world.land(1, Came::Gone);
        world.settle();
        assert_eq!(world.take_off(), None);
        world.offer(3);
        world.settle();
        assert_eq!((world.kept().behind, world.open()), (Some(id(2)), None));
        world.act(EndpointsCommand::Enable { name: "hook".into() });
        assert_eq!(world.line.backlog(&world.kept()), Some(id(2)));
    }

    #[test]
    fn a_place_in_the_journal_never_passes_what_is_open() {
        let mut world = World::new(false);
        (1..=300).for_each(|offset| world.offer(offset));
        while let Some(offset) = world.take_off() {
            world.land(offset, Came::Taken);
        }
        // Everybody else has come to 300, and this one is behind from 257 on.
        world.settle_at(257);
        assert_eq!((world.kept().behind, world.open()), (Some(id(257)), None), "the cursor may go on");
        world.line = Line::of(&world.kept());
        assert_eq!(world.line.backlog(&world.kept()), Some(id(257)));
        let kept = world.kept();
        world.line.caught_up((257..=300).map(message).collect(), None, &kept, Instant::now());
        assert_eq!(world.take_off(), Some(257));
        world.settle_at(301);
        assert_eq!(world.kept().behind, Some(id(257)), "a kill now would lose it otherwise");
        world.land(257, Came::Taken);
        while let Some(offset) = world.take_off() {
            world.land(offset, Came::Taken);
        }
        world.settle_at(301);
        assert_eq!(world.kept().behind, None);
        world.offer(301);
        assert_eq!((world.open(), world.line.to_settle("hook", &world.kept(), 301)), (Some(301), None));
    }

    #[test]
    fn a_backlog_that_is_read_again_hurries_nothing_that_is_tried_again() {
        let mut world = World::new(false);
        (1..=300).for_each(|offset| world.offer(offset));
        assert_eq!(world.take_off(), Some(1));
        world.land(1, Came::Failed(None));
        world.settle_at(1);
        let kept = world.kept();
        assert_eq!((kept.retries.keys().copied().collect::<Vec<_>>(), kept.behind), (vec![id(1)], Some(id(2))));
        world.line = Line::of(&kept);
        world.line.caught_up((1..=3).map(message).collect(), None, &kept, Instant::now());
        let mut sent = Vec::new();
        while let Some(offset) = world.take_off() {
            world.land(offset, Came::Taken);
            sent.push(offset);
        }
        assert_eq!(sent, [2, 3], "the first has a time of its own");
    }
}
