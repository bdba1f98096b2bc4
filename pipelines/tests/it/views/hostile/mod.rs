//! Statements that mean harm, planned and run in this process: a stack that overflows ends the test.
//!
//! Not here: how the doors tell of them (`server/tests/it/hostile`).

mod forms;

use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::error::DataFusionError;
use futures::TryStreamExt;
use pipelines::catalog::{Catalog, CatalogError, Ready, TooComplex, Visibility};

use super::generate::{batches, meters, tenants};
use super::node::TestNode;
use super::random::Random;
use forms::forms;

/// Longest plan of a statement that is let in, on a slow machine.
const PATIENCE: Duration = Duration::from_secs(180);
/// How long a statement close to the bounds may go on: it is ended by its time, not by its size.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);
/// Longest refusal.
const REFUSED_WITHIN: Duration = Duration::from_secs(60);

/// What came of a statement.
#[derive(Debug)]
#[expect(dead_code, reason = "the words are for who reads a failure")]
enum Outcome {
    Rows(usize),
    TooComplex(String),
    Refused(String),
    OutOfTime,
}

fn catalog() -> Arc<Catalog> {
    let node = TestNode::new(meters(), tenants());
    batches(&mut Random::new(7), 0, 20).iter().for_each(|batch| drop(node.append(batch)));
    node.publish();
    Arc::new(node.catalog())
}

async fn outcome(catalog: &Arc<Catalog>, sql: String, patience: Duration) -> Outcome {
    let of = Arc::clone(catalog);
    let planned = catalog.apart(async move {
        let frame = of.query(&Visibility::Platform, &sql).await?;
        Ok::<_, CatalogError>(Ready::new(frame).await?)
    });
    let run = async {
        let batches: Vec<_> = planned.await??.rows()?.try_collect().await?;
        Ok::<_, CatalogError>(batches.iter().map(|batch| batch.num_rows()).sum())
    };
    match tokio::time::timeout(patience, Box::pin(run)).await {
        Err(_) => Outcome::OutOfTime,
        Ok(Ok(rows)) => Outcome::Rows(rows),
        Ok(Err(CatalogError::TooComplex(figure))) => Outcome::TooComplex(figure.to_string()),
        Ok(Err(CatalogError::DataFusion(error))) => match error.find_root() {
            DataFusionError::External(inner) if inner.is::<TooComplex>() => Outcome::TooComplex(inner.to_string()),
            root if root.to_string().to_lowercase().contains("recursion") => Outcome::TooComplex(root.to_string()),
            root => Outcome::Refused(root.to_string().chars().take(200).collect()),
        },
        Ok(Err(error)) => Outcome::Refused(error.to_string().chars().take(200).collect()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_tools_write_is_answered() {
    let catalog = catalog();
    let mut others = Vec::new();
    for form in forms() {
        let got = outcome(&catalog, form.sized(form.honest), PATIENCE).await;
        let as_expected = match got {
            Outcome::Rows(_) => true,
            Outcome::Refused(_) => !form.answered,
            Outcome::TooComplex(_) | Outcome::OutOfTime => false,
        };
        if !as_expected {
            others.push(format!("{} {}: {got:?}", form.name, form.honest));
        }
    }
    assert!(others.is_empty(), "{others:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_close_to_the_bounds_ends_nothing() {
    let catalog = catalog();
    let mut others = Vec::new();
    for form in forms() {
        let since = Instant::now();
        let got = outcome(&catalog, form.sized(form.close), CLOSE_PATIENCE).await;
        println!("{} {}: {:.1} s {got:?}", form.name, form.close, since.elapsed().as_secs_f64());
        if matches!(got, Outcome::TooComplex(_)) {
            others.push(format!("{} {}: {got:?}", form.name, form.close));
        }
    }
    assert!(others.is_empty(), "{others:#?}");
    assert!(matches!(outcome(&catalog, "SELECT 1".to_owned(), PATIENCE).await, Outcome::Rows(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_means_harm_is_refused_at_once() {
    let catalog = catalog();
    let (mut refused, mut others) = (0, Vec::new());
    for (form, size) in forms().flat_map(|form| form.beyond.iter().map(move |size| (form, *size))) {
        for prefix in ["", "EXPLAIN "] {
            let since = Instant::now();
            let got = outcome(&catalog, format!("{prefix}{}", form.sized(size)), PATIENCE).await;
            // What is wrong with a value only is no matter for a plan that is shown.
            let as_expected = match got {
                // The parser has a bound of its own for some.
                Outcome::TooComplex(_) | Outcome::Refused(_) => true,
                Outcome::Rows(_) => !prefix.is_empty() && form.name.starts_with("JSON"),
                Outcome::OutOfTime => false,
            };
            let took = since.elapsed();
            if !as_expected || took > REFUSED_WITHIN {
                others.push(format!("{prefix}{} {size}: {got:?} after {took:?}", form.name));
            }
            refused += 1;
        }
    }
    assert!(others.is_empty(), "{others:#?}");
    assert!(refused >= 100, "{refused}");
}
