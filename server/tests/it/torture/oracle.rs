//! The naive oracle: everything that must be, computed from the events that senders know to be counted, against everything
//! that the node shows (I1, I2, I5, I7).

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::book::{Book, Bounds};
use super::operator::Operator;
use super::script::{DAY_US, Event, LIMITED, METERS, METERS_KEPT, Metered};
use super::sender::{Known, Sender};
use crate::served::Served;

/// Longest wait for a snapshot that holds what was answered.
const PATIENCE: Duration = Duration::from_secs(20);
/// 2026-01-01T00:00:00Z, when month and year of all events begin.
const YEAR_US: i64 = 1_767_225_600_000_000;

/// Compares everything; `deep`: event by event, else their numbers.
pub(crate) fn check(node: &Served, books: &[&Book], operator: &Operator, known: &Known, deep: bool) {
    let events = books.iter().flat_map(|book| &book.taken).collect::<Vec<_>>();
    shows_all(node, events.len() as u64);
    numbers(node, books);
    if deep {
        each_event(node, books);
    }
    let meters = operator.meters().collect::<BTreeSet<_>>();
    for meter in &meters {
        windows(node, &METERS[*meter], &events);
    }
    totals(node, &meters, &events);
    late_events(node, meters.len() as u64);
    limits(node, books, operator, known, &events);
    rejections(node, books);
    administration(node, operator, known);
}

/// A batch that had no answer is in the node by whole tenants or not at all.
pub(crate) fn whole_or_nothing(node: &Served, senders: &[Sender]) {
    for sender in senders {
        let Some((number, sent)) = sender.unanswered() else { continue };
        let sql = format!(
            "SELECT tenant, count(*) AS n FROM events WHERE source = '{}' AND id LIKE 'b{number}-%' GROUP BY tenant",
            sender.book.source
        );
        for row in node.rows(&sql) {
            let (tenant, there) = (text(&row, "tenant"), number_of(&row, "n") as u64);
            if let Some(all) = sent.get(tenant.as_str()) {
                assert_eq!(there, *all, "half of batch {number} of {} is there for {tenant}", sender.book.source);
            }
        }
    }
}

fn shows_all(node: &Served, events: u64) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let shown = one(node, "SELECT count(*) AS n FROM events WHERE source <> '/operator'");
        if shown == events as i64 {
            return;
        }
        assert!(shown < events as i64, "doubled: {shown} events instead of {events}");
        assert!(Instant::now() < deadline, "lost: {shown} events instead of {events}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn numbers(node: &Served, books: &[&Book]) {
    let mut expect = BTreeMap::<_, i64>::new();
    for book in books {
        for event in &book.taken {
            *expect.entry((book.source.clone(), event.tenant.clone())).or_default() += 1;
        }
    }
    let others = node.rows("SELECT DISTINCT source FROM events WHERE source <> '/operator'");
    let sources: BTreeSet<_> = others.iter().map(|row| text(row, "source")).collect();
    let mut shown = BTreeMap::new();
    // One at a time, since after half an hour all together take longer than a statement may.
    for source in sources {
        let sql = format!(
            "SELECT tenant, count(*) AS n, count(DISTINCT id) AS ids, count(DISTINCT revision) AS revisions \
             FROM events WHERE source = '{source}' GROUP BY tenant"
        );
        for row in node.rows(&sql) {
            let count = number_of(&row, "n");
            assert_eq!((number_of(&row, "ids"), number_of(&row, "revisions")), (count, count), "doubled: {row}");
            shown.insert((source.clone(), text(&row, "tenant")), count);
        }
    }
    same(&shown, &expect, "events by source and tenant");
}

fn each_event(node: &Served, books: &[&Book]) {
    for book in books {
        let sql = format!(
            "SELECT tenant, id, CAST(\"time\" AS BIGINT) AS time_us, data FROM events WHERE source = '{}'",
            book.source
        );
        let shown = node.rows(&sql);
        assert_eq!(shown.len(), book.taken.len());
        let shown =
            shown.iter().map(|row| (text(row, "tenant"), text(row, "id"), number_of(row, "time_us"), data(row)));
        let expect = book.taken.iter().map(|event| {
            let data = (event.tokens, format!("m{}", event.model), format!("u{}", event.user));
            (event.tenant.clone(), event.id.clone(), event.time_us, data)
        });
        let (shown, expect) = (shown.collect::<BTreeSet<_>>(), expect.collect::<BTreeSet<_>>());
        let differs = shown.symmetric_difference(&expect).next();
        assert_eq!(differs, None, "of {}, either too much or missing", book.source);
    }
}

fn data(row: &Value) -> (i64, String, String) {
    let data: Value = serde_json::from_str(&text(row, "data")).expect("data is JSON");
    (number_of(&data, "tokens"), text(&data, "model"), text(&data, "user"))
}

fn windows(node: &Served, meter: &Metered, events: &[&Event]) {
    let mut by_window = BTreeMap::<_, Vec<&Event>>::new();
    for event in events {
        for start in meter.starts(event.time_us) {
            let model = if meter.by_model { format!("m{}", event.model) } else { String::new() };
            by_window.entry((event.tenant.clone(), start, model)).or_default().push(event);
        }
    }
    let expect = by_window.into_iter().map(|(key, events)| (key, meter.value(events.into_iter())));
    let expect = expect.collect::<BTreeMap<_, _>>();
    let model = if meter.by_model { "model" } else { "'' AS model" };
    let sql = format!(
        "SELECT tenant, CAST(window_start AS BIGINT) AS start_us, {model}, CAST(value AS BIGINT) AS value \
         FROM meter_{} WHERE tenant NOT LIKE 'd%'",
        meter.name
    );
    let shown = node.rows(&sql);
    let rows = shown.len();
    let shown = shown
        .iter()
        .map(|row| ((text(row, "tenant"), number_of(row, "start_us"), text(row, "model")), number_of(row, "value")));
    let shown = shown.collect::<BTreeMap<_, _>>();
    assert_eq!(rows, shown.len(), "a window of {} is shown twice", meter.name);
    same(&shown, &expect, &format!("windows of {}", meter.name));
    let sum = one(
        node,
        &format!(
            "SELECT CAST(sum(value) AS BIGINT) AS n FROM usage WHERE meter = '{}' AND tenant NOT LIKE 'd%'",
            meter.name
        ),
    );
    assert_eq!(sum, expect.values().sum::<i64>(), "usage of {}", meter.name);
}

fn totals(node: &Served, meters: &BTreeSet<usize>, events: &[&Event]) {
    let mut by_tenant = BTreeMap::<_, Vec<&Event>>::new();
    events.iter().for_each(|event| by_tenant.entry(event.tenant.as_str()).or_default().push(event));
    let mut expect = BTreeMap::new();
    for meter in meters.iter().map(|meter| &METERS[*meter]) {
        for (tenant, events) in &by_tenant {
            let value = meter.value(events.iter().copied());
            expect.insert(((*tenant).to_owned(), meter.name.to_owned(), YEAR_US), value);
        }
    }
    let sql = "SELECT tenant, meter, CAST(period_start AS BIGINT) AS start_us, CAST(value AS BIGINT) AS value \
               FROM usage_total WHERE tenant NOT LIKE 'd%' AND NOT removed";
    let shown = node.rows(sql);
    let key = |row: &Value| (text(row, "tenant"), text(row, "meter"), number_of(row, "start_us"));
    let shown = shown.iter().map(|row| (key(row), number_of(row, "value"))).collect::<BTreeMap<_, _>>();
    same(&shown, &expect, "totals of the month");
}

fn late_events(node: &Served, meters: u64) {
    assert_eq!(one(node, "SELECT count(*) AS n FROM events WHERE late <> (\"time\" < watermark)"), 0);
    let late = one(node, "SELECT count(*) AS n FROM events WHERE late");
    assert_eq!(one(node, "SELECT count(*) AS n FROM late_events"), late * meters as i64);
}

/// What was used is what is counted, is never more than the limit, and all of it where somebody was refused.
fn limits(node: &Served, books: &[&Book], operator: &Operator, known: &Known, events: &[&Event]) {
    for tenant in LIMITED {
        let used = events.iter().filter(|event| event.tenant == tenant).count() as u64;
        let limit = known.limits[tenant];
        assert!(used <= operator.limits_max[tenant], "{tenant} used {used} of {}", operator.limits_max[tenant]);
        let refused_at = books.iter().filter_map(|book| book.refused_at.get(tenant)).max().copied();
        assert!(used >= refused_at.unwrap_or(0), "{tenant} was refused at {refused_at:?} and used {used} only");
        let sql = format!(
            "SELECT CAST(used AS BIGINT) AS used, CAST(\"limit\" AS BIGINT) AS units, CAST(period_start AS BIGINT) \
             AS start_us FROM quotas WHERE tenant = '{tenant}' AND meter = 'calls'"
        );
        let rows = node.rows(&sql);
        assert!(!rows.is_empty(), "{tenant} has no limit any more");
        for row in rows {
            assert_eq!(number_of(&row, "units") as u64, limit, "{row}");
            if number_of(&row, "start_us") == YEAR_US {
                assert_eq!(number_of(&row, "used") as u64, used, "{row}");
            }
        }
    }
}

fn rejections(node: &Served, books: &[&Book]) {
    let mut expect = BTreeMap::<_, Bounds>::new();
    for ((tenant, reason), (certain, possible)) in books.iter().flat_map(|book| &book.rejections) {
        let bounds = expect.entry((tenant.clone(), (*reason).to_owned())).or_default();
        *bounds = (bounds.0 + certain, bounds.1 + possible);
    }
    let rows =
        node.rows("SELECT tenant, reason, CAST(sum(count) AS BIGINT) AS n FROM rejections GROUP BY tenant, reason");
    let shown = rows.iter().map(|row| ((text(row, "tenant"), text(row, "reason")), number_of(row, "n") as u64));
    let shown = shown.collect::<BTreeMap<_, _>>();
    for (key, (certain, possible)) in &expect {
        let count = shown.get(key).copied().unwrap_or(0);
        assert!((*certain..=certain + possible).contains(&count), "{key:?}: {count}, not {certain} (+{possible})");
    }
    let unexpected = shown.keys().find(|key| !expect.contains_key(*key));
    assert_eq!(unexpected, None, "nobody was refused like that");
}

fn administration(node: &Served, operator: &Operator, known: &Known) {
    let tenants = node.rows("SELECT tenant, status, erased FROM tenants");
    let status = tenants.iter().map(|row| (text(row, "tenant"), row)).collect::<BTreeMap<_, _>>();
    assert_eq!(status.len(), tenants.len());
    for tenant in &known.tenants.created {
        assert_eq!(status[tenant]["status"], "active");
    }
    for tenant in &operator.erased {
        assert_eq!(
            (&status[tenant]["status"], &status[tenant]["erased"]),
            (&"deleted".into(), &true.into()),
            "{tenant}"
        );
    }
    // Whoever began to leave is gone when everything is answered.
    assert_eq!(one(node, "SELECT count(*) AS n FROM events WHERE source = '/operator'"), 0);
    assert_eq!(one(node, "SELECT count(*) AS n FROM usage WHERE tenant LIKE 'd%' AND NOT removed"), 0);

    let meters = node
        .rows("SELECT name FROM meters WHERE event_type = 'call'")
        .iter()
        .map(|row| text(row, "name"))
        .collect::<BTreeSet<_>>();
    assert_eq!(meters, operator.meters().map(|meter| METERS[meter].name.to_owned()).collect());
    for (tenant, (certain, possible)) in &operator.key_counts {
        let keys = node.get(&format!("/v1/tenants/{tenant}/keys")).json().as_array().expect("keys").len() as u64;
        assert!(
            (*certain..=certain + possible).contains(&keys),
            "{keys} keys of {tenant}, not {certain} (+{possible})"
        );
    }
    for (tenant, key) in operator.keys.iter().rev().take(5) {
        assert_eq!(node.get_as(key, &format!("/v1/tenants/{tenant}")).status, 200, "a key of {tenant} opens nothing");
    }
    let broken = "SELECT tenant FROM audit GROUP BY tenant \
                  HAVING count(*) <> max(sequence) OR count(*) <> count(DISTINCT sequence)";
    assert_eq!(node.rows(broken), Vec::<Value>::new(), "gaps in the audit trail");
}

/// The same keys with the same values; names the first that differs, as there may be many.
fn same<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
    shown: &BTreeMap<K, V>,
    expect: &BTreeMap<K, V>,
    what: &str,
) {
    let keys = shown.keys().chain(expect.keys()).collect::<BTreeSet<_>>();
    let differ = keys.into_iter().filter(|key| shown.get(key) != expect.get(key)).collect::<Vec<_>>();
    if let Some(key) = differ.first() {
        panic!("{what}: {} differ; {key:?} is {:?}, not {:?}", differ.len(), shown.get(key), expect.get(key));
    }
}

fn one(node: &Served, sql: &str) -> i64 {
    number_of(&node.rows(sql)[0], "n")
}

fn text(row: &Value, column: &str) -> String {
    row[column].as_str().unwrap_or_else(|| panic!("{column} of {row}")).to_owned()
}

fn number_of(row: &Value, column: &str) -> i64 {
    row[column].as_i64().unwrap_or_else(|| if row[column].is_null() { 0 } else { panic!("{column} of {row}") })
}

const _: () = assert!(METERS_KEPT <= METERS.len() && YEAR_US <= DAY_US);
