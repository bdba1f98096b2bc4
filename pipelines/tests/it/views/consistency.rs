//! One statement, one cut; the next statement, the next cut; a cursor on revisions gets each change exactly once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pipelines::catalog::{Visibility, verify};

use super::generate::{Random, batches, meters, tenants};
use super::node::{TestNode, rows, texts};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn views_within_a_statement_agree_while_events_come() {
    let node = TestNode::new(meters(), tenants());
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let (node, stop) = (Arc::clone(&node), Arc::clone(&stop));
        std::thread::spawn(move || {
            let mut random = Random::new(3);
            let batches = batches(&mut random, 0, 20_000);
            for (at, batch) in batches.iter().enumerate().take_while(|_| !stop.load(Ordering::Relaxed)) {
                node.append(batch);
                if at % 3 == 0 {
                    node.publish();
                }
                if at % 50 == 0 {
                    node.archive(node.log.end());
                }
            }
        })
    };
    let session = node.session(Visibility::Platform);
    let sql = "SELECT (SELECT count(*) FROM events) AS a, (SELECT max(revision) + 1 FROM events) AS b, \
               (SELECT sum(admitted) FROM engine_shards) AS c, \"offset\", \
               (SELECT count(*) FROM events WHERE type = 'request') AS d, \
               (SELECT CAST(sum(value) AS BIGINT) FROM usage WHERE meter = 'requests') AS e FROM engine";
    let mut last = 0;
    while last < 2000 {
        let answer = rows(&session, sql).await.remove(0);
        if answer[0] == "0" {
            continue;
        }
        assert!(answer[1..4].iter().all(|figure| *figure == answer[0]), "{answer:?}");
        assert_eq!(answer[4], answer[5], "{answer:?}");
        let count = answer[0].parse::<u64>().unwrap();
        assert!(count >= last, "{count} after {last}");
        last = count;
    }
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_is_kept_sees_the_present() {
    let node = TestNode::new(meters(), tenants());
    let session = node.session(Visibility::Platform);
    let plan = session.state().create_logical_plan("SELECT count(*) FROM events").await.unwrap();
    verify(&plan).unwrap();
    let mut random = Random::new(5);
    let mut expect = 0;
    for batch in batches(&mut random, 0, 300) {
        expect += batch.len();
        node.append(&batch);
        node.publish();
        let batches = session.execute_logical_plan(plan.clone()).await.unwrap().collect().await.unwrap();
        assert_eq!(texts(&batches), [[expect.to_string()]]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_on_revisions_gets_each_change_once() {
    let node = TestNode::new(meters(), tenants());
    let session = node.session(Visibility::Platform);
    let mut random = Random::new(11);
    let columns = "tenant, meter, period_start, value, revision, correction";
    let mut cursor = -1i64;
    let mut seen = BTreeMap::<[String; 3], Vec<String>>::new();
    for batch in batches(&mut random, 0, 3000) {
        node.append(&batch);
        if random.below(3) > 0 {
            continue;
        }
        node.publish();
        let sql = format!("SELECT {columns} FROM usage_total WHERE revision > {cursor}");
        for row in rows(&session, &sql).await {
            let revision = row[4].parse::<i64>().unwrap();
            cursor = cursor.max(revision);
            let key = [row[0].clone(), row[1].clone(), row[2].clone()];
            let before = seen.insert(key, row.clone());
            assert!(before.is_none_or(|before| before[4].parse::<i64>().unwrap() < revision), "twice: {row:?}");
        }
    }
    node.publish();
    for row in rows(&session, &format!("SELECT {columns} FROM usage_total WHERE revision > {cursor}")).await {
        seen.insert([row[0].clone(), row[1].clone(), row[2].clone()], row);
    }
    let all = rows(&session, &format!("SELECT {columns} FROM usage_total ORDER BY tenant, meter, period_start")).await;
    assert!(all.len() > 50);
    assert_eq!(seen.into_values().collect::<Vec<_>>(), all);
}

/// I6: the end of the log is moved by everybody; what a tenant sees of it, by its own changes only. It is a cursor all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_cursor_is_moved_by_its_own_changes_only() {
    let node = TestNode::new(meters(), tenants());
    let own = tenants().last().expect("there are some").tenant.clone();
    let (platform, session) = (node.session(Visibility::Platform), node.session(Visibility::Tenant(own)));
    let whole = |text: &str| text.parse::<i64>().unwrap();
    let mut random = Random::new(17);
    let (mut before, mut still) = (-1, 0);
    for (at, batch) in batches(&mut random, 0, 3000).iter().enumerate() {
        node.append(batch);
        node.publish();
        if at == 20 {
            node.archive(node.log.end());
        }
        let sql = "SELECT revision, \"offset\" - revision, archived_until <= \"offset\", \
                   (SELECT max(revision) FROM events), (SELECT max(revision) FROM usage_total) FROM engine";
        let told = rows(&session, sql).await.remove(0);
        assert_eq!(told[1..3], ["1", "true"]);
        let (revision, event, total) = (whole(&told[0]), told[3].parse().unwrap_or(-1), told[4].parse().unwrap_or(-1));
        // Calendars were stated at 0.
        let own: i64 = i64::max(event, total);
        assert!((own..=own.max(0)).contains(&revision), "{told:?}");
        still += usize::from(revision == before);
        before = revision;
        assert_eq!(rows(&platform, "SELECT \"offset\" FROM engine").await, [[node.log.end().to_string()]]);
    }
    assert!(still > 0, "some batches had nothing of the tenant");
}
