//! The journal over a log: order, offsets, damage, and what was written by earlier releases.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use actors::api_key::ApiKey;
use actors::endpoint::{Endpoint, Secret};
use actors::facets::alerts::{AlertsChange, By, Edge, Episode, Phase, RuleId, Sighting};
use actors::facets::endpoints::{Disabled, EndpointsChange, Failing, MessageId, Retry};
use actors::facets::keys::{Key, KeysChange, Scopes};
use actors::facets::lifecycle::LifecycleChange;
use actors::facets::meters::MetersChange;
use actors::facets::outbox::OutboxChange;
use actors::facets::plan::PlanSet;
use actors::facets::plans::PlansChange;
use actors::facets::quota::QuotaChange;
use actors::facets::views::{Created, ViewsChange};
use actors::journal::{Entry, Head, Journal, JournalError, Sealed};
use actors::limit::{Allowance, Limit, Rate};
use actors::plan::Plan;
use actors::rule::{Direction, Level, Measure, Rule, Severity};
use actors::scram::ScramVerifier;
use actors::{Change, FACETS};
use engine::calendar::{Calendar, Period};
use engine::log::memory::MemoryLog;
use engine::log::{Header, Log, LogError, Record};
use engine::meter::{Aggregation, Dimension, Meter, Window};
use engine::units::Units;
use engine::view::View;

use crate::world::{chain, journal, run};

fn read(journal: &Journal, from: u64) -> (Vec<(u64, Entry)>, Result<(), JournalError>) {
    let mut entries = Vec::new();
    let result = journal.replay(from, |offset, entry, _| {
        entries.push((offset, entry));
        Ok(())
    });
    (entries, result)
}

#[test]
fn entries_come_back_in_order_at_their_offsets() {
    let journal = journal();
    let (acme, globex) = (chain("acme", &["a", "b", "c"]), chain("globex", &["x"]));
    assert_eq!(run(journal.append(&acme[..2])), Ok(0));
    assert_eq!(run(journal.append(&globex)), Ok(2));
    assert_eq!(run(journal.append(&acme[2..])), Ok(3));
    let expect: Vec<_> = [&acme[0], &acme[1], &globex[0], &acme[2]].map(|sealed| sealed.entry().clone()).into();
    for from in 0..=4 {
        let (entries, result) = read(&journal, from);
        assert_eq!(result, Ok(()));
        let offsets: Vec<_> = entries.iter().map(|(offset, _)| *offset).collect();
        assert_eq!(offsets, (from..4).collect::<Vec<_>>());
        let entries: Vec<_> = entries.into_iter().map(|(_, entry)| entry).collect();
        assert_eq!(entries, expect[from as usize..]);
    }
}

#[test]
fn appends_that_wait_together_all_become_durable() {
    let journal = journal();
    let chains: Vec<_> = (0..100).map(|n| chain(&format!("tenant-{n}"), &["a"])).collect();
    let mut offsets = run(async {
        let mut waiting = tokio::task::JoinSet::new();
        for entries in chains {
            let journal = journal.clone();
            waiting.spawn(async move { journal.append(&entries).await.unwrap() });
        }
        waiting.join_all().await
    });
    offsets.sort_unstable();
    assert_eq!(offsets, (0..100).collect::<Vec<_>>());
}

#[test]
fn a_log_that_is_shut_down_takes_nothing() {
    let log = Arc::new(MemoryLog::new().unwrap());
    let journal = Journal::new(log.clone());
    log.close();
    assert_eq!(run(journal.append(&chain("acme", &["a"]))), Err(JournalError::Log(LogError::Closed)));
}

#[test]
fn damage_is_named_by_offset_and_reason() {
    let check = |payload: Vec<u8>, rows: u32, expect: &str| {
        let log = Arc::new(MemoryLog::new().unwrap());
        let header = Header { shard: 0, epoch: 0, rows, watermark_us: 0, admitted_at_us: 0 };
        let (decided, decision) = std::sync::mpsc::channel();
        log.append(
            Record { header, payload, notes: Vec::new() },
            Box::new(move |result| decided.send(result).unwrap()),
        );
        decision.recv().unwrap().unwrap();
        let error = read(&Journal::new(log), 0).1.unwrap_err();
        assert_eq!(error.to_string(), expect);
    };
    let entries = chain("acme", &["a", "b"]);
    let good: Vec<u8> = entries.iter().flat_map(|sealed| sealed.envelope().to_vec()).collect();
    let first = entries[0].envelope().len();
    let mut flipped = good.clone();
    flipped[first + 20] ^= 1;
    check(
        flipped,
        2,
        "journal record at offset 1 is damaged: checksum does not match; restore the journal from a backup",
    );
    check(
        good[..first + 3].to_vec(),
        2,
        "journal record at offset 1 is damaged: cut off: 3 of 14 bytes are there; restore the journal from a backup",
    );
    check(good[..first].to_vec(), 2, "journal record at offset 0 has 1 entries instead of 2; restore it from a backup");
}

#[test]
fn a_refused_entry_ends_the_replay() {
    let journal = journal();
    let entries = chain("acme", &["a", "b", "c"]);
    run(journal.append(&[entries[0].clone(), entries[2].clone()])).unwrap();
    let mut head = Head::default();
    let error = journal.replay(0, |_, entry, hash| head.follow(&entry, hash)).unwrap_err();
    assert!(matches!(&error, JournalError::Broken { offset: 1, tenant, .. } if tenant == "acme"), "{error}");
}

/// Every change there was in the first release. Those added later go into fixtures of their own.
fn first_release() -> Vec<Change> {
    let (old, _) = ApiKey::generate([1; 8], [1; 32]);
    let (new, _) = ApiKey::generate([2; 8], [2; 32]);
    let key = Key {
        hash: old.hash,
        scopes: Scopes::all(),
        label: "ci".into(),
        created_at_us: 5,
        expires_at_us: Some(9),
        revoked_at_us: None,
        replaced_by: None,
    };
    let calendar = Calendar { period: Period::Month, time_zone: "Europe/Zurich".into() };
    let limit = Limit {
        allowance: Some(Allowance { units: Units::whole(1_000_000), per: calendar.clone() }),
        rate: Some(Rate { units_per_s: Units(1_500_000_000), burst: Units::whole(10) }),
        hard: true,
    };
    let meter = Meter {
        name: "tokens".into(),
        event_type: "request".into(),
        value: Some("$.tokens".into()),
        aggregation: Aggregation::Percentile { q: Units(950_000_000) },
        dimensions: vec![Dimension { name: "model".into(), path: "$.model".into() }],
        window: Window::Sliding { size_s: 60, slide_s: 30 },
        allowed_lateness_s: 3600,
        description: "tokens a request".into(),
    };
    let plan = Plan { limits: [("tokens".to_owned(), limit.clone())].into(), billing: calendar };
    let text = |text: &str| text.to_owned();
    vec![
        Change::Lifecycle(LifecycleChange::Provisioned { at_us: 1 }),
        Change::Lifecycle(LifecycleChange::Activated),
        Change::Lifecycle(LifecycleChange::Suspended { reason: text("unpaid") }),
        Change::Lifecycle(LifecycleChange::Offboarding { reason: text("left") }),
        Change::Lifecycle(LifecycleChange::Exported { location: text("export.ndjson") }),
        Change::Lifecycle(LifecycleChange::Deleted),
        Change::Lifecycle(LifecycleChange::Erased),
        Change::Plan(PlanSet { plan: text("pro") }),
        Change::Quota(QuotaChange::Set { meter: text("tokens"), limit }),
        Change::Quota(QuotaChange::Removed { meter: text("tokens") }),
        Change::Keys(KeysChange::Created { id: old.id.clone(), key }),
        Change::Keys(KeysChange::Rotated { id: old.id.clone(), replaced_by: new.id, expires_at_us: 8 }),
        Change::Keys(KeysChange::Revoked { id: old.id.clone(), at_us: 7 }),
        Change::Keys(KeysChange::Forgotten { id: old.id }),
        Change::Meters(MetersChange::Defined(meter)),
        Change::Meters(MetersChange::Removed { name: text("tokens") }),
        Change::Plans(PlansChange::Defined { name: text("pro"), plan }),
    ]
}

/// What was added with materialized views.
fn views() -> Vec<Change> {
    let view = View { name: "hourly".into(), query: "SELECT source, count(*) FROM events GROUP BY source".into() };
    vec![
        Change::Views(ViewsChange::Created(Created { view, at_us: 7 })),
        Change::Views(ViewsChange::Dropped { name: "hourly".into() }),
    ]
}

/// What was added with SCRAM.
fn scram() -> Vec<Change> {
    let (key, text) = ApiKey::generate([3; 8], [3; 32]);
    let scram = ScramVerifier::derive("platform", &text);
    vec![Change::Keys(KeysChange::Verifiable { id: key.id, scram })]
}

/// What was added with keys for several tenants.
fn confined() -> Vec<Change> {
    let (key, _) = ApiKey::generate([4; 8], [4; 32]);
    let tenants = ["acme".to_owned(), "globex".to_owned()].into();
    vec![Change::Keys(KeysChange::Confined { id: key.id, tenants })]
}

/// What was there when changes began to name their facets and fields.
fn second_format() -> Vec<Change> {
    [first_release(), views(), scram(), confined()].concat()
}

/// What was added with alerts.
fn alerts() -> Vec<Change> {
    let level = Level { severity: Severity::Warning, at: Units::whole(80), until: Some(Units::whole(70)) };
    let declared = Rule {
        measure: Measure::Quota { meter: "tokens".into() },
        direction: Direction::AtMost,
        levels: vec![level],
        for_s: 60,
        keep_firing_for_s: 300,
        plans: Some(["pro".to_owned()].into()),
        tenants: Some(["acme".to_owned()].into()),
        labels: [("team".to_owned(), "billing".to_owned())].into(),
        summary: Some("close to its limit".into()),
    };
    let edge = |edge, phase, note: Option<&str>| {
        let (severity, by) = match phase {
            Phase::Firing => (Severity::Critical, By::Tenant),
            _ => (Severity::Info, By::Platform),
        };
        let episode = Episode {
            id: "near-7-8".into(),
            severity,
            phase,
            opened_us: 8,
            fired_us: Some(9),
            acknowledged_us: Some(10),
            unmeasurable: Some("damaged".into()),
            sighting: Sighting { value: Units::whole(75), revision: 7, watermark_us: 6 },
            summary: Some("close to its limit".into()),
            labels: [("team".to_owned(), "billing".to_owned())].into(),
        };
        let rule = RuleId { by, name: "near".into() };
        AlertsChange::Edge { rule, edge, episode: Box::new(episode), note: note.map(str::to_owned) }
    };
    let other = |measure| Rule { measure, levels: Vec::new(), ..declared.clone() };
    let changes = [
        AlertsChange::Declared { name: "total".into(), rule: Box::new(other(Measure::Total { meter: "a".into() })) },
        AlertsChange::Declared { name: "quiet".into(), rule: Box::new(other(Measure::Silence { meter: "a".into() })) },
        AlertsChange::Declared {
            name: "query".into(),
            rule: Box::new(other(Measure::Query { sql: "SELECT 1 AS value".into(), every_s: 60 })),
        },
        AlertsChange::Declared { name: "near".into(), rule: Box::new(declared) },
        AlertsChange::Removed { name: "total".into() },
        edge(Edge::Pending, Phase::Pending { until_us: 9 }, None),
        edge(Edge::Fired, Phase::Firing, Some("on it")),
        edge(Edge::Calming, Phase::Calming { until_us: 12 }, None),
    ];
    let others = [
        Edge::Moved,
        Edge::Returned,
        Edge::Unmeasurable,
        Edge::Measurable,
        Edge::Acknowledged,
        Edge::Resolved,
        Edge::Withdrawn,
        Edge::Dropped,
    ];
    let changes = changes.into_iter().chain(others.map(|other| edge(other, Phase::Firing, None)));
    changes.map(Change::Alerts).collect()
}

/// What was added with endpoints.
fn endpoints() -> Vec<Change> {
    let name = || "hook".to_owned();
    let message = MessageId { offset: 7, index: 1 };
    let spec = Endpoint {
        url: "https://example.com/hook".into(),
        events: ["alert.*".to_owned()].into(),
        headers: [("x-team".to_owned(), "billing".to_owned())].into(),
        ordered: true,
    };
    let secret = Secret::new([5; 32]);
    let disabled = |why| EndpointsChange::Disabled { name: name(), why };
    let changes = [
        EndpointsChange::Declared { name: name(), spec, secret: Some(secret.clone()) },
        EndpointsChange::Rotated { name: name(), secret, until_us: 9 },
        disabled(Disabled::ByHand),
        disabled(Disabled::Gone),
        disabled(Disabled::Failing),
        EndpointsChange::Enabled { name: name() },
        EndpointsChange::Exhausted { name: name(), message },
        EndpointsChange::Recovered { name: name(), message },
        EndpointsChange::Moved {
            name: name(),
            retries: vec![(message, Retry { attempts: 2, at_us: 8 })],
            behind: Some(message),
            failing: Some(Failing { since_us: 3, is_confirmed: true }),
        },
        EndpointsChange::Removed { name: name() },
    ];
    let advanced = Change::Outbox(OutboxChange::Advanced { from: 7 });
    changes.into_iter().map(Change::Endpoints).chain([advanced]).collect()
}

/// One entry for each change, chained.
fn sealed(changes: Vec<Change>) -> Vec<Sealed> {
    let mut head = Head::default();
    let mut entries = Vec::new();
    for (at_us, change) in changes.into_iter().enumerate() {
        let sealed = head.seal("platform", at_us as i64 - 3, "key 0101010101010101", vec![change]).unwrap();
        head = sealed.head();
        entries.push(sealed);
    }
    entries
}

/// File by file, what it holds.
fn fixtures() -> [(&'static str, Vec<Change>); 7] {
    [
        ("journal-v1.bin", first_release()),
        ("journal-v1-views.bin", views()),
        ("journal-v1-scram.bin", scram()),
        ("journal-v1-tenants.bin", confined()),
        ("journal-v2.bin", second_format()),
        ("journal-v2-alerts.bin", alerts()),
        ("journal-v2-endpoints.bin", endpoints()),
    ]
}

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(file)
}

#[test]
fn what_earlier_releases_wrote_still_reads() {
    for (file, expect) in fixtures() {
        let payload = std::fs::read(path(file)).unwrap();
        let log = Arc::new(MemoryLog::new().unwrap());
        let header = Header { shard: 0, epoch: 0, rows: expect.len() as u32, watermark_us: 0, admitted_at_us: 0 };
        let (decided, decision) = std::sync::mpsc::channel();
        let done = Box::new(move |result| decided.send(result).unwrap());
        log.append(Record { header, payload, notes: Vec::new() }, done);
        decision.recv().unwrap().unwrap();
        let mut head = Head::default();
        let mut entries = Vec::new();
        let journal = Journal::new(log);
        let whole = journal.replay(0, |_, entry, hash| {
            head.follow(&entry, hash)?;
            entries.push(entry);
            Ok(())
        });
        assert_eq!(whole, Ok(()), "{file}");
        let told = entries.into_iter().map(|entry| (entry.tenant, entry.at_us, entry.principal, entry.changes));
        let principal = "key 0101010101010101".to_owned();
        let entry = |(at, change): (i64, Change)| ("platform".to_owned(), at - 3, principal.clone(), vec![change]);
        assert_eq!(told.collect::<Vec<_>>(), (0..).zip(expect).map(entry).collect::<Vec<_>>(), "{file}");
    }
}

#[test]
fn every_facet_has_a_fixture() {
    let has = |name: &str| {
        let mut changes = fixtures().into_iter().flat_map(|(_, changes)| changes);
        changes.any(|change| serde_json::to_value(change).unwrap().get(name).is_some())
    };
    let without: Vec<_> = FACETS.iter().filter(|(_, name, _)| !has(name)).collect();
    assert!(without.is_empty(), "nothing holds what these facets write today: {without:?}");
    let numbers: BTreeSet<_> = FACETS.iter().map(|(number, ..)| number).collect();
    assert_eq!(numbers.len(), FACETS.len(), "two facets share a number: {FACETS:?}");
}

#[test]
#[ignore = "writes fixtures that are not there; one that is never changes"]
fn write_the_fixtures() {
    for (file, changes) in fixtures() {
        let payload: Vec<u8> = sealed(changes).iter().flat_map(|sealed| sealed.envelope().to_vec()).collect();
        if let Ok(mut new) = std::fs::File::create_new(path(file)) {
            new.write_all(&payload).unwrap();
        }
    }
}
