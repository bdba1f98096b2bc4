//! `adbc-driver-flightsql` and `pyarrow`, driven by the scripts beside this file; each asserts for itself.

use std::path::Path;
use std::process::Command;

use actors::facets::keys::Scope;

use super::house::House;
use super::tools;

/// Runs a script, which gets the door's port and `arguments`.
async fn run(python: &'static Path, script: &str, house: &House, arguments: &[&str]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/clients/flight").join(script);
    let mut command = Command::new(python);
    command.arg(path).arg(house.port()).args(arguments);
    // The node answers on this runtime, so the client must not block it.
    let output = tokio::task::spawn_blocking(move || command.output().expect("python starts")).await.unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {told}{}", String::from_utf8_lossy(&output.stdout));
}

#[tokio::test(flavor = "multi_thread")]
async fn adbc_reads_lists_and_binds() {
    let Some(python) = tools::python() else { return };
    let house = House::open(&[]).await;
    house.fill("acme", 3);
    house.fill("globex", 5);
    let (acme, platform) = (house.key("acme", 1).await, house.platform(2).await);
    let producer = house.key_with("acme", 3, &[Scope::Ingest]).await;
    run(python, "query.py", &house, &[&acme, &platform, &producer]).await;
    house.serving.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn adbc_speaks_tls() {
    let Some(python) = tools::python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let [certificate, secret] = ["certificate.pem", "key.pem"].map(|file| folder.path().join(file));
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&secret, made.signing_key.serialize_pem()).unwrap();
    let [certificate, secret] = [certificate, secret].map(|file| file.display().to_string());
    let house = House::open(&[("tls.certificate", &certificate), ("tls.key", &secret)]).await;
    house.fill("acme", 3);
    let acme = house.key("acme", 1).await;
    run(python, "tls.py", &house, &[&acme, &certificate]).await;
    house.serving.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn pyarrow_learns_columns_and_cancels() {
    let Some(python) = tools::python() else { return };
    let house = House::open(&[]).await;
    house.fill("acme", 3);
    let (acme, globex) = (house.key("acme", 1).await, house.key("globex", 2).await);
    run(python, "cancel.py", &house, &[&acme, &globex]).await;
    house.serving.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn arrow_batches_come_in_like_any_events() {
    let Some(python) = tools::python() else { return };
    let house = House::open(&[]).await;
    let (acme, platform) = (house.key("acme", 1).await, house.platform(2).await);
    let reader = house.key_with("acme", 3, &[Scope::Query]).await;
    run(python, "ingest.py", &house, &[&acme, &platform, &reader]).await;

    house.serving.node.engine.cut().unwrap();
    let sql =
        "select tenant, count(*), sum(case when source = '/py' then 1 else 0 end) from events group by 1 order by 1";
    assert_eq!(house.rows(sql).await, ["acme|101033|101032", "globex|1|0"]);
    let sql = "select data from events where id = 'e3' and source = '/py'";
    let data = r#"{"model":"large","tags":["a","3"],"tokens":0.75,"usage":{"cached":false,"input":3}}"#;
    assert_eq!(house.rows(sql).await, [data]);
    let sql = "select reason, count from rejections order by reason";
    assert_eq!(house.rows(sql).await, ["conflict|1", "too_old|1"]);
    house.serving.drain().await.unwrap();
}
