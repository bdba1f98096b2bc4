//! A node of 51 tenants: one that asks, and 50 whose rows bear marks that nothing of the asking tenant's contains.
//!
//! Nodes with other marks hold the same rows of the asking tenant at the same offsets, in the same records as their
//! neighbours'; so whatever it can see must be the same in all of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use engine::admission::{Reason, RejectionCount};
use engine::calendar::{Calendar, Period};
use engine::event::builder::{Attributes, EventBatchBuilder};
use engine::event::split::shard_of;
use engine::log::SharedLog;
use engine::meter::Meter;
use engine::snapshot::Snapshot;
use engine::storage::SharedStorage;
use engine::units::Units;
use pipelines::catalog::{Catalog, CatalogOptions, EmitPage, Source};
use pipelines::metering::MeteringSnapshot;
use pipelines::views::ViewError;
use pipelines::views::alert_history::AlertEventRow;
use pipelines::views::alert_rules::AlertRuleRow;
use pipelines::views::alerts::AlertRow;
use pipelines::views::audit::AuditRow;
use pipelines::views::declarations::DeclarationRow;
use pipelines::views::delivery_attempts::DeliveryAttemptRow;
use pipelines::views::endpoints::EndpointRow;
use pipelines::views::materialized_views::ViewRow;
use pipelines::views::queries::QueryRow;
use pipelines::views::quotas::QuotaRow;
use pipelines::views::tenants::TenantRow;

use super::super::generate::{Random, meters};
use super::super::node::{NOW_US, SHARDS, TestNode, tenant};
use super::grammar::OWN;

pub(super) const NEIGHBOURS: u64 = 50;
/// Everything that is counted has this type: a number, so that casts succeed on the asking tenant's rows.
const EVENT_TYPE: &str = "1";
const START_US: i64 = 1_774_728_000_000_000;
const MINUTE_US: i64 = 60_000_000;
const MIXED_EVENTS: u64 = 320;

/// What the neighbours' rows bear.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marks {
    /// In their names, which an asking tenant may know.
    pub(super) name: &'static str,
    /// In all their other texts.
    pub(super) text: &'static str,
    /// Begins all their numbers, which end in the neighbour's own two digits.
    pub(super) number: &'static str,
    /// Events of theirs behind the last of the asking tenant's.
    pub(super) more: u64,
}

pub(super) const CANARIES: Marks = Marks { name: "neighbour", text: "canary", number: "3133773133", more: 40 };
pub(super) const PARROTS: Marks = Marks { name: "stranger", text: "parrot", number: "6266226266", more: 130 };

/// See the module.
pub(super) struct Neighbourhood {
    node: Arc<TestNode>,
    marks: Marks,
}

impl Marks {
    /// Name of a neighbour; those of the same number are in the same shard, whatever the marks.
    pub(super) fn tenant(&self, neighbour: u64) -> String {
        let shard = (neighbour % u64::from(SHARDS)) as u16;
        let names = ('a'..='z').map(|letter| format!("{}-{neighbour:02}{letter}", self.name));
        names.into_iter().find(|name| shard_of(name, SHARDS) == shard).unwrap()
    }

    fn text(&self, neighbour: u64, what: &str) -> String {
        format!("{}-{neighbour:02}-{what}", self.text)
    }

    fn number(&self, neighbour: u64) -> i64 {
        format!("{}{neighbour:02}", self.number).parse().unwrap()
    }

    /// The mark that `text` shows, if one; names do not count if `known`.
    pub(super) fn shown_in(&self, text: &str, known: bool) -> Option<&'static str> {
        let text = text.to_lowercase();
        let marks = [self.text, self.number].into_iter().chain((!known).then_some(self.name));
        marks.into_iter().find(|mark| text.contains(mark))
    }
}

impl Neighbourhood {
    pub(super) fn new(marks: Marks) -> Arc<Self> {
        let mut tenants = vec![TenantRow { plan: Some("7".into()), ..tenant(OWN, Period::Day, "Asia/Tokyo") }];
        tenants.extend((1..=NEIGHBOURS).map(|neighbour| TenantRow {
            plan: Some(marks.text(neighbour, "plan")),
            created_at_us: marks.number(neighbour),
            ..tenant(&marks.tenant(neighbour), Period::Month, "UTC")
        }));
        let kept = ["requests", "amount", "highest", "regions", "p95", "visits", "large"];
        let meters = meters().into_iter().filter(|meter| kept.contains(&meter.name.as_str()));
        let meters = meters.map(|meter| Meter { event_type: EVENT_TYPE.into(), ..meter });
        let node = TestNode::new(meters.collect(), tenants);
        node.create_view(
            "by_source",
            "SELECT source, subject, date_trunc('hour', time) AS hour, count(*) AS n, max(id) AS last, \
             sum(json_number(data, '$.value')) AS total FROM events GROUP BY 1, 2, 3",
        );
        node.create_view(
            "by_region",
            "SELECT tenant, json_value(data, '$.region') AS region, min(subject) AS subject FROM events GROUP BY 1, 2",
        );
        let this = Arc::new(Self { node, marks });
        this.fill();
        this
    }

    fn fill(&self) {
        let mut random = Random::new(17);
        let mut builder = EventBatchBuilder::new();
        for number in 0..MIXED_EVENTS + self.marks.more {
            let mixed = number < MIXED_EVENTS;
            let neighbour = (!mixed || random.below(10) > 0).then(|| 1 + number % NEIGHBOURS);
            // Events behind the mixed ones are late, so that they move no watermark.
            let far_back = !mixed || random.below(8) == 0;
            let minutes = if far_back { number % 60 } else { 60 + number };
            self.event(&mut builder, number, neighbour, START_US + minutes as i64 * MINUTE_US);
            if random.below(12) == 0 {
                self.node.append(&builder.finish());
            }
            if number == MIXED_EVENTS - 1 {
                self.node.append(&builder.finish());
            }
        }
        self.node.append(&builder.finish());
        self.reject(OWN.into(), |_| "5".into(), 4);
        for neighbour in 1..=NEIGHBOURS {
            let count = self.marks.number(neighbour) as u64;
            self.reject(self.marks.tenant(neighbour), |what| self.marks.text(neighbour, what), count);
        }
        self.node.publish();
        self.node.archive(MIXED_EVENTS / 2);
        self.node.publish();
    }

    fn event(&self, builder: &mut EventBatchBuilder, number: u64, neighbour: Option<u64>, time_us: i64) {
        let own = number % 7;
        let text = |what| neighbour.map_or_else(|| own.to_string(), |of| self.marks.text(of, what));
        builder.text("/region", &text("region"));
        builder.units("/value", Units::whole(neighbour.map_or(own as i64, |of| self.marks.number(of))));
        builder.text("/note", &text("note"));
        builder.json("traceparent", &format!("\"{}\"", text("trace")));
        builder.json("/tags", &format!("[\"{}\"]", text("tag")));
        let counted = neighbour.is_none_or(|of| of.is_multiple_of(2));
        builder.commit(Attributes {
            tenant: &neighbour.map_or_else(|| OWN.to_owned(), |of| self.marks.tenant(of)),
            id: &neighbour.map_or_else(|| number.to_string(), |of| self.marks.text(of, &format!("id-{number}"))),
            source: &text("source"),
            event_type: &if counted { EVENT_TYPE.to_owned() } else { text("type") },
            subject: Some(&text("subject")),
            time_us,
        });
    }

    fn reject(&self, tenant: String, text: impl Fn(&str) -> String, count: u64) {
        self.node.count_rejection(RejectionCount {
            tenant,
            reason: Reason::QuotaExceeded,
            field: text("field"),
            count,
            sample_id: text("sample"),
            sample_detail: text("detail"),
        });
    }

    pub(super) fn catalog(self: &Arc<Self>) -> Catalog {
        // One partition, so that answers have one order.
        let options = CatalogOptions { partitions: 1, batch_rows: 64, ..CatalogOptions::default() };
        Catalog::new(Arc::clone(self) as Arc<dyn Source>, options)
    }

    /// Each tenant with what its text and number say.
    fn facts<Row>(&self, row: impl Fn(String, &dyn Fn(&str) -> String, i64) -> Row) -> Vec<Row> {
        let of = |neighbour| {
            let text = |what: &str| self.marks.text(neighbour, what);
            row(self.marks.tenant(neighbour), &text, self.marks.number(neighbour))
        };
        let own = row(OWN.into(), &|_| "3".into(), 5);
        (1..=NEIGHBOURS / 2).map(of).chain([own]).chain((NEIGHBOURS / 2 + 1..=NEIGHBOURS).map(of)).collect()
    }
}

/// Answers for one tenant tell more than was asked for: the catalog must cut them.
impl Source for Neighbourhood {
    fn snapshot(&self) -> Arc<Snapshot<MeteringSnapshot>> {
        self.node.snapshot()
    }

    fn log(&self) -> SharedLog {
        self.node.log()
    }

    fn storage(&self) -> SharedStorage {
        self.node.storage()
    }

    fn meters(&self) -> Vec<Meter> {
        self.node.meters()
    }

    fn views(&self) -> Vec<ViewRow> {
        self.node.views()
    }

    fn tenants(&self) -> Result<Vec<TenantRow>, ViewError> {
        self.node.tenants()
    }

    fn declarations(&self, _: Option<&str>) -> Result<Vec<DeclarationRow>, ViewError> {
        Ok(self.facts(|tenant, text, _| DeclarationRow {
            tenant,
            kind: text("kind"),
            name: text("name"),
            spec: text("spec"),
        }))
    }

    fn quotas(&self, _: Option<&str>, _: i64) -> Result<Vec<QuotaRow>, ViewError> {
        Ok(self.facts(|tenant, text, number| QuotaRow {
            tenant,
            meter: text("meter"),
            kind: text("kind"),
            calendar: Some(Calendar { period: Period::Day, time_zone: "UTC".into() }),
            period: None,
            limit: Units::whole(number),
            used: Units::whole(number),
            leased: Units::whole(number),
            remaining: Units::whole(number),
            hard: true,
        }))
    }

    fn audit(&self, _: Option<&BTreeSet<String>>, emit: &mut EmitPage<'_, AuditRow>) -> Result<(), ViewError> {
        let _ = emit(self.facts(|tenant, text, number| AuditRow {
            tenant,
            sequence: number as u64,
            at_us: NOW_US,
            principal: text("principal"),
            change: format!("{{\"label\":\"{}\"}}", text("label")),
            hash: text("hash"),
        }));
        Ok(())
    }

    fn alerts(&self, _: Option<&str>) -> Result<Vec<AlertRow>, ViewError> {
        Ok(self.facts(|tenant, text, number| AlertRow {
            tenant,
            rule: text("rule"),
            declared_by: "platform".into(),
            episode: text("episode"),
            state: "firing".into(),
            severity: "warning".into(),
            value: Units::whole(number),
            opened_at_us: NOW_US,
            fired_at_us: Some(NOW_US),
            waits_until_us: None,
            acknowledged_at_us: None,
            unmeasurable: Some(text("unmeasurable")),
            revision: number,
            summary: Some(text("summary")),
            labels: text("labels"),
        }))
    }

    fn alert_rules(&self, _: Option<&str>) -> Result<Vec<AlertRuleRow>, ViewError> {
        Ok(self.facts(|tenant, text, number| AlertRuleRow {
            tenant,
            rule: text("rule"),
            measure: "quota".into(),
            meter: Some(text("meter")),
            schedule: "changes".into(),
            evaluated_at_us: Some(NOW_US),
            took_us: Some(number),
            error: Some(text("error")),
        }))
    }

    fn alert_history(
        &self,
        _: Option<&BTreeSet<String>>,
        emit: &mut EmitPage<'_, AlertEventRow>,
    ) -> Result<(), ViewError> {
        let _ = emit(self.facts(|tenant, text, number| AlertEventRow {
            tenant,
            sequence: number as u64,
            at_us: NOW_US,
            rule: text("rule"),
            declared_by: "tenant".into(),
            episode: text("episode"),
            event: "fired".into(),
            severity: "info".into(),
            value: Units::whole(number),
            revision: number,
            note: Some(text("note")),
        }));
        Ok(())
    }

    fn endpoints(&self, _: Option<&str>) -> Result<Vec<EndpointRow>, ViewError> {
        Ok(self.facts(|tenant, text, number| EndpointRow {
            tenant,
            endpoint: text("endpoint"),
            url: text("url"),
            events: text("events"),
            state: "current".into(),
            retries: number as u64,
            next_retry_at_us: Some(NOW_US),
            failing_since_us: None,
        }))
    }

    fn delivery_attempts(&self, _: Option<&str>) -> Result<Vec<DeliveryAttemptRow>, ViewError> {
        Ok(self.facts(|tenant, text, number| DeliveryAttemptRow {
            tenant,
            endpoint: text("endpoint"),
            message: text("message"),
            event: "alert.fired".into(),
            at_us: NOW_US,
            took_us: number,
            status: Some(number),
            outcome: text("outcome"),
            answer: text("answer"),
        }))
    }

    fn queries(&self, _: Option<&str>) -> Result<Vec<QueryRow>, ViewError> {
        Ok(self.facts(|tenant, text, number| QueryRow {
            tenant,
            principal: text("principal"),
            door: "http",
            statement: text("statement"),
            state: "failed",
            sqlstate: Some(text("sqlstate")),
            rows: number as u64,
            bytes: number as u64,
            began_at_us: NOW_US,
            took_ms: number as u64,
        }))
    }

    fn ids_known_since_us(&self) -> Option<i64> {
        None
    }

    fn now_us(&self) -> i64 {
        self.node.now_us()
    }
}
