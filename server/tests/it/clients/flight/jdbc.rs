//! The Flight SQL JDBC driver, driven by `Query.java`, which asserts for itself.

use std::path::Path;
use std::process::Command;

use super::house::House;
use super::tools;

#[tokio::test(flavor = "multi_thread")]
async fn jdbc_logs_in_lists_and_binds() {
    let Some(driver) = tools::jdbc() else { return };
    let house = House::open(&[]).await;
    house.fill("acme", 3);
    house.fill("globex", 5);
    let acme = house.key("acme", 1).await;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/clients/flight/Query.java");
    let mut command = Command::new("java");
    command.args(["--add-opens=java.base/java.nio=ALL-UNNAMED", "-cp"]).arg(driver);
    command.arg(source).arg(house.port()).arg(acme);
    // The node answers on this runtime, so the client must not block it.
    let output = tokio::task::spawn_blocking(move || command.output().expect("java starts")).await.unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stdout));
    house.serving.drain().await.unwrap();
}
