//! What can't be read or computed is an error that names it, whichever view it is asked for by; never an empty answer (I14).

use std::sync::Arc;

use engine::meter::{Aggregation, Meter};
use engine::view::View;
use pipelines::catalog::Visibility;
use pipelines::views::Fault;

use super::generate::{Random, batches, meters, tenants};
use super::node::{TestNode, rows};

/// A meter as another version may have defined it.
fn strange() -> Meter {
    let expression = "no_such_function(value)".to_owned();
    Meter { name: "strange".into(), aggregation: Aggregation::Sql { expression }, ..meters().remove(0) }
}

fn node() -> Arc<TestNode> {
    let node = TestNode::new(meters().into_iter().chain([strange()]).collect(), tenants());
    batches(&mut Random::new(9), 0, 500).iter().for_each(|batch| drop(node.append(batch)));
    node.publish();
    node
}

/// Why a statement fails, which must be a matter of what is stored.
async fn damage(node: &Arc<TestNode>, visibility: Visibility, sql: &str) -> String {
    let session = node.session(visibility);
    let failed = match session.sql(sql).await {
        Ok(frame) => frame.collect().await.map(|batches| format!("{batches:?}")),
        Err(error) => Err(error),
    };
    let error = failed.expect_err(sql);
    assert_eq!(Fault::of(&error), Some(Fault::Damage), "{sql}: {error}");
    error.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_meter_that_can_t_be_computed_is_no_meter_without_usage() {
    let node = node();
    for sql in ["SELECT * FROM usage", "SELECT * FROM usage_total", "SELECT * FROM meter_strange"] {
        for visibility in [Visibility::Platform, Visibility::Tenant("acme".into())] {
            let told = damage(&node, visibility, sql).await;
            assert!(told.contains("strange") && told.contains("no_such_function"), "{sql}: {told}");
        }
    }
    let session = node.session(Visibility::Platform);
    let others = rows(&session, "SELECT count(*) FROM usage WHERE meter = 'requests'").await;
    assert_ne!(others[0][0], "0", "who asks for another meter has it");
    let listed = rows(&session, "SELECT count(*) FROM meters WHERE name = 'strange'").await;
    assert_eq!(listed[0][0], "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_materialized_view_that_can_t_be_kept_current_is_there_and_says_so() {
    let node = node();
    node.create_view("good", "SELECT type, count(*) AS n FROM events GROUP BY type");
    node.define_view(View { name: "odd".into(), query: "SELECT random() AS r FROM events".into() });
    node.publish();
    let told = damage(&node, Visibility::Platform, "SELECT * FROM odd").await;
    assert!(told.contains("materialized view odd can't be read"), "{told}");
    let session = node.session(Visibility::Platform);
    assert_ne!(rows(&session, "SELECT count(*) FROM good").await[0][0], "0");
    let tables = "SELECT table_name, table_comment FROM information_schema.tables WHERE table_name IN ('good', 'odd') \
                  ORDER BY table_name";
    let tables = rows(&session, tables).await;
    assert_eq!(tables.iter().map(|row| row[0].as_str()).collect::<Vec<_>>(), ["good", "odd"]);
    assert!(tables[1][1].contains("can't be read"), "{tables:?}");
    let columns = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'good'";
    assert_eq!(rows(&session, columns).await[0][0], "2", "the others are described beside it");
}
