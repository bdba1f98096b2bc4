//! The Postgres wire with the real `psql`: who gets in, what each sees, and what is refused.

use std::process::{Command, Output};
use std::sync::Arc;

use actors::api_key::ApiKey;
use actors::facets::keys::{KeysChange, KeysCommand, Scope, Scopes};
use actors::scram::ScramVerifier;
use actors::{Change, Command as TenantCommand, PLATFORM};
use engine::clock::{Clock, SystemClock};
use engine::event::builder::{Attributes, EventBatchBuilder};
use server::config::{Config, Layers};
use server::serving::Serving;

use crate::damage::damage_the_journal;

const PRINCIPAL: &str = "test";

/// A node with two tenants, and the keys that open it.
struct House {
    serving: Serving,
    folder: tempfile::TempDir,
}

/// Whether `psql` is there; a machine that checks every change must have it.
fn has_psql() -> bool {
    let found = Command::new("psql").arg("--version").output().is_ok_and(|output| output.status.success());
    assert!(found || std::env::var("CI").as_deref() != Ok("true"), "psql is not installed and CI=true");
    if !found {
        println!("skipped: psql is not installed");
    }
    found
}

fn config(folder: &std::path::Path, more: &[(&str, &str)]) -> Config {
    let data = folder.join("node").display().to_string();
    let own =
        [("data", data.as_str()), ("http.address", ""), ("postgres.address", "127.0.0.1:0"), ("flight.address", "")];
    let flags = own.iter().chain(more).map(|(name, value)| ("test".into(), (*name).into(), (*value).into()));
    Layers { flags: flags.collect(), ..Layers::default() }.merge().unwrap().config
}

impl House {
    async fn open(more: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let serving = Serving::open(&config(folder.path(), more), Arc::new(SystemClock)).await.unwrap();
        serving.node.tenants.create_many(&["acme".to_owned(), "globex".to_owned()], PRINCIPAL).await.unwrap();
        Self { serving, folder }
    }

    /// A new key: its id and its text.
    async fn key(&self, tenant: &str, number: u8) -> (String, String) {
        self.key_for(tenant, number, None).await
    }

    /// One that sees `tenants` only, if they are said.
    async fn key_for(&self, tenant: &str, number: u8, tenants: Option<&[&str]>) -> (String, String) {
        let (ApiKey { id, hash }, text) = ApiKey::generate([number; 8], [number; 32]);
        let create = KeysCommand::Create {
            id: id.clone(),
            hash,
            scram: ScramVerifier::derive(tenant, &text),
            scopes: if tenants.is_some() { [Scope::Query].into_iter().collect() } else { Scopes::all() },
            label: String::new(),
            expires_at_us: None,
            tenants: tenants.map(|tenants| tenants.iter().map(|&name| name.to_owned()).collect()),
        };
        self.serving.node.command(tenant, TenantCommand::Keys(create), PRINCIPAL).await.unwrap();
        (id, text)
    }

    /// One event of each of `tenants`, in sight of queries.
    fn fill(&self, tenants: &[&str]) {
        let mut builder = EventBatchBuilder::new();
        for tenant in tenants {
            builder.text("/secret", &format!("of {tenant}"));
            builder.commit(Attributes {
                tenant,
                id: tenant,
                source: "/test",
                event_type: "call",
                subject: None,
                time_us: SystemClock.now_us(),
            });
        }
        let receipt = self.serving.node.engine.submit_and_wait(builder.finish()).unwrap();
        assert_eq!(receipt.tally().admitted, tenants.len() as u64);
        self.serving.node.engine.cut().unwrap();
    }

    async fn psql(&self, user: &str, key: &str, args: &[&str]) -> Output {
        self.psql_with("", user, key, args).await
    }

    /// With more connection parameters.
    async fn psql_with(&self, more: &str, user: &str, key: &str, args: &[&str]) -> Output {
        let address = self.serving.postgres_address().unwrap();
        let place = format!("host={} port={} dbname=tenantry user={user} {more}", address.ip(), address.port());
        let mut command = Command::new("psql");
        command.arg(place).args(["-X", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose"]).args(args);
        command.env("PGPASSWORD", key);
        // The node answers on this runtime, so psql must not block it.
        tokio::task::spawn_blocking(move || command.output().expect("psql starts")).await.unwrap()
    }

    /// The rows, unaligned.
    async fn rows(&self, user: &str, key: &str, sql: &str) -> String {
        let output = self.psql(user, key, &["-At", "-c", sql]).await;
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{sql}: {told}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What is said on failure.
    async fn failure(&self, user: &str, key: &str, sql: &str) -> String {
        let output = self.psql(user, key, &["-At", "-c", sql]).await;
        assert!(!output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stderr).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_sees_its_tenant_and_the_platform_sees_all() {
    if !has_psql() {
        return;
    }
    let house = House::open(&[]).await;
    let (_, platform) = house.key(PLATFORM, 1).await;
    let (_, acme) = house.key("acme", 2).await;
    let all = "select tenant from tenants where tenant in ('acme', 'globex') order by tenant";
    assert_eq!(house.rows(PLATFORM, &platform, all).await, "acme\nglobex\n");
    assert_eq!(house.rows("acme", &acme, all).await, "acme\n");
    let around =
        "select count(*) from (select * from tenants union all select * from tenants) t where tenant <> 'acme'";
    assert_eq!(house.rows("acme", &acme, around).await, "0\n");
    let plan = house.rows("acme", &acme, "explain select value from usage where tenant <> 'globex'").await;
    assert!(plan.contains("ViewScan: view=usage, tenant=[acme]"), "{plan}");
    let told =
        house.rows("acme", &acme, "explain (format json, costs off) select value from usage where value > 1").await;
    let plan = &serde_json::from_str::<serde_json::Value>(&told).unwrap()[0]["Plan"];
    assert!(plan["Node Type"].is_string() && plan["Plans"].is_array(), "{told}");
    house.serving.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_journal_is_told_by_its_file_and_no_empty_audit() {
    if !has_psql() {
        return;
    }
    let house = House::open(&[]).await;
    let (_, platform) = house.key(PLATFORM, 1).await;
    let audit = "select count(*) from audit where tenant = 'globex'";
    assert_eq!(house.rows(PLATFORM, &platform, audit).await, "1\n");
    let segment = damage_the_journal(&house.folder.path().join("node"), "globex");
    let told = house.failure(PLATFORM, &platform, audit).await;
    assert!(told.contains("XX001") && told.contains(&segment), "{told}");
    house.serving.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_several_tenants_sees_those() {
    if !has_psql() {
        return;
    }
    let house = House::open(&[]).await;
    house.serving.node.tenants.create_many(&["zeta".to_owned()], PRINCIPAL).await.unwrap();
    let (_, platform) = house.key(PLATFORM, 1).await;
    let (_, several) = house.key_for(PLATFORM, 2, Some(&["acme", "zeta"])).await;
    let view = "create materialized view by_source as select source, count(*) as n from events group by source";
    house.rows(PLATFORM, &platform, view).await;
    house.fill(&["acme", "globex", "zeta"]);
    for (sql, expect) in [
        ("select tenant from tenants order by 1", "acme\nzeta\n"),
        ("select data ->> 'secret' from events order by 1", "of acme\nof zeta\n"),
        ("select count(*) from events where tenant = 'globex'", "0\n"),
        // A view that names no tenant is made of theirs.
        ("select source, n from by_source", "/test|2\n"),
        ("select watermark is not null, epoch > 0, \"offset\" > 0 from engine", "t|t|t\n"),
    ] {
        assert_eq!(house.rows(PLATFORM, &several, sql).await, expect, "{sql}");
    }
    assert_eq!(house.rows(PLATFORM, &platform, "select n from by_source").await, "3\n");
    for (sql, state) in [("select * from engine_shards", "42P01"), (&view.replace("by_source", "other"), "42501")] {
        let told = house.failure(PLATFORM, &several, sql).await;
        assert!(told.contains(state) && !told.contains("globex"), "{sql}: {told}");
    }
    let told = house.failure("acme", &several, "select 1").await;
    assert!(!told.contains("zeta"), "{told}");
    house.serving.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn psql_describes_the_views() {
    if !has_psql() {
        return;
    }
    let house = House::open(&[]).await;
    let (_, platform) = house.key(PLATFORM, 1).await;
    let list = house.rows(PLATFORM, &platform, "\\dv").await;
    assert!(list.contains("usage"), "{list}");
    let columns = house.rows(PLATFORM, &platform, "\\d usage").await;
    assert!(columns.contains("window_start") && columns.contains("revision"), "{columns}");
    // An empty list of comments would mean that a client's question is not understood.
    let described = house.rows(PLATFORM, &platform, "\\d+ usage").await;
    assert!(described.contains("the aggregate, in the meter's unit"), "{described}");
    let listed = house.rows(PLATFORM, &platform, "\\dv+ usage*").await;
    assert!(listed.contains("the windows of all meters"), "{listed}");
    for sql in [
        // What the JDBC driver asks for remarks.
        "select d.description from pg_catalog.pg_class c join pg_catalog.pg_namespace n on c.relnamespace = n.oid \
         left join pg_catalog.pg_description d on (c.oid = d.objoid and d.objsubid = 0 and d.classoid = \
         'pg_class'::regclass) where n.nspname = 'public' and c.relname = 'usage'",
        "select d.description from pg_catalog.pg_class c join pg_catalog.pg_attribute a on a.attrelid = c.oid \
         left join pg_catalog.pg_description d on (c.oid = d.objoid and a.attnum = d.objsubid) \
         where c.relname = 'usage' and a.attname = 'meter'",
        "select obj_description(c.oid, 'pg_class') from pg_class c where c.relname = 'usage'",
        "select col_description(c.oid, 2) from pg_class c where c.relname = 'usage'",
        "select col_description(c.oid, 2), obj_description(c.oid) from pg_class c where c.relname = 'usage'",
        "select column_comment from information_schema.columns where table_name = 'usage' and column_name = 'meter'",
        "select table_comment from information_schema.tables where table_name = 'usage'",
    ] {
        let told = house.rows(PLATFORM, &platform, sql).await;
        assert!(
            ["name of the meter\n", "the windows of all meters: "].iter().any(|text| told.starts_with(text.trim_end())),
            "{sql}: {told}"
        );
    }
    house.serving.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_and_wrong_users_do_not_get_in() {
    if !has_psql() {
        return;
    }
    let house = House::open(&[]).await;
    let (id, acme) = house.key("acme", 2).await;
    let check = |told: String, state: &str| assert!(told.contains(state), "not {state}: {told}");
    check(house.failure("acme", "secret", "select 1").await, "tn_");
    let (_, never_issued) = ApiKey::generate([9; 8], [9; 32]);
    house.failure("acme", &never_issued, "select 1").await;
    check(house.failure("globex", &acme, "select 1").await, "the user is the tenant whose key it is");
    check(house.failure(PLATFORM, &acme, "select 1").await, "no key of \"platform\"");
    check(house.failure("nobody", &acme, "select 1").await, "no key of \"nobody\"");

    assert_eq!(house.rows("acme", &acme, "select 1").await, "1\n");
    let revoke = TenantCommand::Keys(KeysCommand::Revoke { id });
    house.serving.node.command("acme", revoke, PRINCIPAL).await.unwrap();
    check(house.failure("acme", &acme, "select 1").await, "revoked");
    house.serving.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_proved_and_not_sent() {
    if !has_psql() {
        return;
    }
    let house = House::open(&[]).await;
    let (_, first) = house.key("acme", 2).await;
    let (_, second) = house.key("acme", 3).await;
    let certificate = house.folder.path().join("node/tls/certificate.pem");
    let own = format!("sslmode=verify-full sslrootcert={}", certificate.display());
    let bound = format!("{own} channel_binding=require");
    // A client that insists on channel binding takes nothing but a proof.
    for way in ["sslmode=disable", "sslmode=require channel_binding=require", &own, &bound] {
        for key in [&first, &second] {
            let output = house.psql_with(way, "acme", key, &["-At", "-c", "select 1"]).await;
            assert_eq!(String::from_utf8_lossy(&output.stdout), "1\n", "{way}: {output:?}");
        }
    }
    house.serving.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_from_before_there_were_proofs_are_sent() {
    if !has_psql() {
        return;
    }
    let house = House::open(&[]).await;
    let (_, acme) = house.key("acme", 2).await;
    let tenants = &house.serving.node.tenants;
    let mut old = tenants.state("acme").unwrap();
    let (id, key) = old.keys().keys.first_key_value().map(|(id, key)| (id.clone(), key.clone())).unwrap();
    for change in [KeysChange::Forgotten { id: id.clone() }, KeysChange::Created { id, key }] {
        old.apply(&Change::Keys(change));
    }
    tenants.directory().publish("acme", Arc::new(old));
    assert_eq!(house.rows("acme", &acme, "select 1").await, "1\n");
    let told = house.psql_with("channel_binding=require", "acme", &acme, &["-c", "select 1"]).await;
    assert!(!told.status.success() && String::from_utf8_lossy(&told.stderr).contains("channel binding"), "{told:?}");
    let (_, globex) = house.key("globex", 3).await;
    let told = house.failure("acme", &globex, "select 1").await;
    assert!(told.contains("connect with user=globex"), "{told}");
    house.serving.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_carry_their_state_and_writes_are_refused() {
    if !has_psql() {
        return;
    }
    let house = House::open(&[("query.timeout_ms", "300")]).await;
    let (_, key) = house.key("acme", 2).await;
    for (sql, state) in [
        ("selec 1", "42601"),
        ("select * from nowhere", "42P01"),
        ("select nothing from tenants", "42703"),
        ("create table t (a int)", "25006"),
        ("create view v as select 1", "25006"),
        ("create index i on tenants (tenant)", "25006"),
        ("alter table tenants add column a int", "25006"),
        ("drop view usage", "25006"),
        ("truncate tenants", "25006"),
        ("insert into tenants select * from tenants", "25006"),
        ("update tenants set plan = 'free'", "25006"),
        ("delete from tenants", "25006"),
        ("merge into tenants using usage on true when matched then delete", "25006"),
        ("grant select on tenants to public", "25006"),
        ("copy (select 1) to 'stolen.csv'", "25006"),
        ("copy tenants from stdin", "25006"),
        ("create external table t stored as csv location '/etc/passwd'", ""),
        ("set datafusion.execution.batch_size = 1", "25006"),
        ("set nonsense = 1", "42704"),
        ("show nonsense", "42704"),
        ("reset nonsense", "42704"),
        ("select current_setting('nonsense')", "42704"),
        ("set server_version = '17'", "55P02"),
        ("set client_encoding = 'LATIN1'", "22023"),
        ("set role globex", "42501"),
        ("select count(*) from generate_series(1, 100000000000) a(value)", "57014"),
    ] {
        let told = house.failure("acme", &key, sql).await;
        assert!(told.contains(state), "{sql}: not {state}: {told}");
        assert!(state != "25006" || told.contains("HINT:  "), "{sql}: {told}");
    }
    house.serving.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_clients_set_is_taken() {
    if !has_psql() {
        return;
    }
    let house = House::open(&[]).await;
    let (_, key) = house.key("acme", 2).await;
    for sql in [
        "set client_encoding = 'UTF8'",
        "set names 'utf8'",
        "set datestyle = ISO, MDY",
        "set session extra_float_digits = 3",
        "set application_name = 'tool'",
        "set local lock_timeout = 1000",
        "set search_path = \"$user\", public",
        "set time zone 'UTC'",
        "set timezone to 'UTC'",
        "set standard_conforming_strings = on",
        "set session characteristics as transaction read only",
        "set session characteristics as transaction isolation level repeatable read",
        "set app.tenant = 'acme'",
        "reset all",
        "reset application_name",
    ] {
        let told = house.rows("acme", &key, sql).await;
        assert!(["SET\n", "RESET\n"].contains(&told.as_str()), "{sql}: {told}");
    }
    // Of the session without saying so, and in words instead of a text.
    let own = ["-At", "-c", "set session intervalstyle = iso_8601", "-c", "select interval '1 day 2 hours'"];
    let told = house.psql("acme", &key, &own).await;
    assert_eq!(String::from_utf8_lossy(&told.stdout), "SET\nP1DT2H\n", "{told:?}");
    let bounded = ["-c", "set session statement_timeout = '50ms'", "-c"];
    let endless = "select count(*) from generate_series(1, 100000000000) a(value)";
    let told = house.psql("acme", &key, &[&bounded[..], &[endless]].concat()).await;
    assert!(String::from_utf8_lossy(&told.stderr).contains("57014"), "{told:?}");
    house.serving.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_say_where_and_what_was_meant() {
    if !has_psql() {
        return;
    }
    let house = House::open(&[]).await;
    let (_, key) = house.key("acme", 2).await;
    let check = |told: String, line: &str, caret: usize, hint: &str| {
        let mut lines = told.lines().skip_while(|found| !found.starts_with("LINE "));
        assert_eq!(lines.next(), Some(line), "{told}");
        assert_eq!(lines.next().and_then(|found| found.find('^')), Some(caret), "{told}");
        assert!(told.contains(hint), "{hint}: {told}");
    };
    let told = house.failure("acme", &key, "select 'ü' as a, valeu from usage").await;
    check(told, "LINE 1: select 'ü' as a, valeu from usage", "LINE 1: select 'ü' as a, ".len() - 1, "\"value\"");
    let told = house.failure("acme", &key, "select 1;\nselect tenant\nfrom usge").await;
    check(told, "LINE 3: from usge", "LINE 3: from ".len(), "HINT:  did you mean \"usage\"?");
    let told = house.failure("acme", &key, "select * from usage where").await;
    check(told, "LINE 1: select * from usage where", "LINE 1: select * from usage where".len(), "syntax error");
    let told = house.failure("acme", &key, "select a.value, smu(a.value) from usage a").await;
    check(told, "LINE 1: select a.value, smu(a.value) from usage a", "LINE 1: select a.value, ".len(), "\"sum\"");
    // The platform's names are not told to a tenant.
    let told = house.failure("acme", &key, "select * from engine_shard").await;
    assert!(told.contains("42P01") && !told.contains("engine_shards"), "{told}");
    house.serving.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_are_remembered_for_who_asked() {
    if !has_psql() {
        return;
    }
    let house = House::open(&[("query.result_rows_max", "1000")]).await;
    let (_, platform) = house.key(PLATFORM, 1).await;
    let (id, acme) = house.key("acme", 2).await;
    let (_, globex) = house.key("globex", 3).await;
    assert_eq!(house.rows("acme", &acme, "select 1 as one union all select 2").await.lines().count(), 2);
    house.failure("acme", &acme, &format!("select '{acme}', nothing from usage")).await;
    let told = house.failure("acme", &acme, "select value from generate_series(1, 100000) AS value").await;
    assert!(told.contains("54000") && told.contains("query.result_rows_max"), "{told}");
    house.failure("acme", &acme, "selec 1").await;

    let own = "select statement, state, coalesce(sqlstate, ''), rows, bytes > 0, door from queries order by began_at";
    let seen = house.rows("acme", &acme, own).await;
    let expect = [
        "select 1 as one union all select 2|finished||2|t|postgres".to_owned(),
        "select 'tn_…', nothing from usage|failed|42703|0|f|postgres".to_owned(),
        "select value from generate_series(1, 100000) AS value|failed|54000|1001|t|postgres".to_owned(),
        "selec 1|failed|42601|0|f|postgres".to_owned(),
        format!("{own}|running||0|f|postgres"),
    ];
    assert_eq!(seen.lines().collect::<Vec<_>>(), expect);
    let who = house.rows("acme", &acme, "select distinct tenant, principal from queries").await;
    assert_eq!(who, format!("acme|acme/{id}\n"));
    let others = "select count(*) from queries where tenant <> 'globex' or statement like '%one%'";
    assert_eq!(house.rows("globex", &globex, others).await, "1\n", "its own, which has the word in it");
    let all = "select count(*) > 5 from queries where tenant = 'acme'";
    assert_eq!(house.rows(PLATFORM, &platform, all).await, "t\n");
    house.serving.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_limit_are_told_so() {
    if !has_psql() {
        return;
    }
    let house = House::open(&[("postgres.connections_max", "1")]).await;
    let (_, key) = house.key("acme", 2).await;
    let address = house.serving.postgres_address().unwrap();
    let mut config = tokio_postgres::Config::new();
    config.host(address.ip().to_string()).port(address.port()).dbname("tenantry").user("acme").password(&key);
    config.ssl_mode(tokio_postgres::config::SslMode::Disable);
    let (held, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let told = house.failure("acme", &key, "select 1").await;
    assert!(told.contains("too many connections"), "{told}");
    drop(held);
    connection.await.unwrap().unwrap();
    house.serving.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn materialized_views_are_made_read_and_dropped() {
    if !has_psql() {
        return;
    }
    let house = House::open(&[]).await;
    let (_, platform) = house.key(PLATFORM, 1).await;
    let (_, acme) = house.key("acme", 2).await;
    let create = "create materialized view by_type as select type, count(*) as n from events group by type";
    assert_eq!(house.rows(PLATFORM, &platform, create).await, "CREATE MATERIALIZED VIEW\n");
    assert_eq!(house.rows(PLATFORM, &platform, "select * from by_type").await, "");
    let columns = house.rows(PLATFORM, &platform, "\\d by_type").await;
    assert!(columns.contains("type|") && columns.contains("n|"), "{columns}");
    for (command, expect) in [
        ("\\dm", "public|by_type|materialized view|"),
        ("\\dm+", "A materialized view: SELECT type"),
        ("\\d", "public|by_type|materialized view|"),
        ("\\d+ by_type", "n|"),
    ] {
        let told = house.rows(PLATFORM, &platform, command).await;
        assert!(told.contains(expect), "{command}: {told}");
    }
    let plain = house.rows(PLATFORM, &platform, "\\dv").await;
    assert!(plain.contains("public|usage|view|") && !plain.contains("by_type"), "{plain}");
    let refresh = "refresh materialized view by_type";
    assert_eq!(house.rows(PLATFORM, &platform, refresh).await, "REFRESH MATERIALIZED VIEW\n");
    for (user, key, sql, state) in [
        (PLATFORM, &platform, create.to_owned(), "42P07"),
        (PLATFORM, &platform, create.replace("create", "create or replace"), "0A000"),
        (PLATFORM, &platform, create.replace("create", "create or replace"), "drop the view and create it again"),
        (PLATFORM, &platform, create.replace("by_type as", "x as") + " having count(*) > 1", "0A000"),
        (PLATFORM, &platform, "create materialized view x as selec".to_owned(), "42601"),
        (PLATFORM, &platform, "drop materialized view nothing".to_owned(), "42P01"),
        ("acme", &acme, create.replace("by_type as", "x as"), "42501"),
        ("acme", &acme, "drop materialized view by_type".to_owned(), "42501"),
    ] {
        let told = house.failure(user, key, &sql).await;
        assert!(told.contains(state), "{sql}: not {state}: {told}");
    }
    assert_eq!(house.rows("acme", &acme, "select name from materialized_views").await, "by_type\n");
    let drop = house.rows(PLATFORM, &platform, "drop materialized view if exists by_type").await;
    assert_eq!(drop, "DROP MATERIALIZED VIEW\n");
    house.serving.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_has_the_names_digits_and_times_of_postgres() {
    if !has_psql() {
        return;
    }
    let house = House::open(&[]).await;
    let (_, key) = house.key("acme", 2).await;
    let at = "timestamptz '2026-03-01 02:00:00+00'";
    for (sql, expect) in [
        ("set time zone 'Asia/Kathmandu'; show timezone", "SET\nAsia/Kathmandu\n"),
        (
            &format!("set timezone = 'Asia/Kathmandu'; select {at}, array[{at}]"),
            "SET\n2026-03-01 07:45:00+05:45|{\"2026-03-01 07:45:00+05:45\"}\n",
        ),
        (
            &format!("set time zone -3.5; select {at}, current_setting('TimeZone')"),
            "SET\n2026-02-28 22:30:00-03:30|<-03:30>+03:30\n",
        ),
        (
            &format!(
                "begin; set local time zone 'America/New_York'; select ({at})::date, {at} < '2026-02-28 22:00'; commit; \
                   select {at}"
            ),
            "BEGIN\nSET\n2026-02-28|t\nCOMMIT\n2026-03-01 02:00:00+00\n",
        ),
        (
            "begin; declare c cursor for select * from generate_series(1, 5); fetch 2 from c; fetch 2 from c; commit",
            "BEGIN\nDECLARE CURSOR\n1\n2\n3\n4\nCOMMIT\n",
        ),
        (
            "select 0.1 + 0.2 = 0.3, 2.5::int, interval '1 day', timestamp '2026-01-01 10:15'",
            "t|3|1 day|2026-01-01 10:15:00\n",
        ),
    ] {
        assert_eq!(house.rows("acme", &key, sql).await, expect, "{sql}");
    }
    let names = house.psql("acme", &key, &["-A", "-c", "select count(*), count(*), 1, '1'::int from usage"]).await;
    assert!(String::from_utf8_lossy(&names.stdout).starts_with("count|count|?column?|int4\n0|0|1|1\n"), "{names:?}");
    for (sql, state) in
        [("set time zone 'Mars'", "22023"), ("select 9223372036854775807 + 1", "22003"), ("select 1 / 0", "22012")]
    {
        let told = house.failure("acme", &key, sql).await;
        assert!(told.contains(state), "{sql}: not {state}: {told}");
    }
    house.serving.drain().await.unwrap();
}
