//! Every command by URL as by folder: the same steps on a data folder and on a running node give the same exit codes, the
//! same output and the same errors, and leave the same behind.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use crate::cli::{expect, stderr, stdout, tenantry};
use crate::served::{Served, platform_key};

/// Text files that the steps name.
const FILES: [(&str, &str); 9] = [
    (
        "meters.toml",
        "[[meter]]\nname = 'revenue'\nevent_type = 'shop.order'\nvalue = '$.amount'\naggregation = 'sum'\n\
         window = { tumbling = { size_s = 3600 } }\n\
         [[meter]]\nname = 'orders'\nevent_type = 'shop.order'\naggregation = 'count'\n\
         window = { tumbling = { size_s = 3600 } }\n\
         [[meter]]\nname = 'steps'\nevent_type = 'step'\naggregation = 'count'\nwindow = { tumbling = { size_s = 3600 } }\n",
    ),
    (
        "more.json",
        r#"{"name": "p95", "event_type": "shop.order", "value": "$.amount",
        "aggregation": {"percentile": {"q": 0.95}}, "window": {"tumbling": {"size_s": 60}}}"#,
    ),
    (
        "bad.toml",
        "[[meter]]\nname = 'bad'\nevent_type = 'x'\naggregation = 'sum'\nwindow = { tumbling = { size_s = 60 } }\n",
    ),
    ("nameless.toml", "[[meter]]\nname = 'fine'\n[[meter]]\nnam = 'x'\n"),
    ("lacking.json", r#"{"name": "lacking", "event_type": "x", "aggregation": "count"}"#),
    (
        "plans.toml",
        "[[plan]]\nname = 'gold'\nbilling = { period = 'month', time_zone = 'Europe/Zurich' }\n[plan.limits.revenue]\n\
         hard = false\nallowance = { units = 1000000, per = { period = 'month', time_zone = 'UTC' } }\n",
    ),
    (
        "shop.csv",
        "customer,at,order,amount\nacme,2026-11-01T10:00:00Z,o-1,123456789012345678.123456789\n\
         acme,2026-11-01T10:00:30Z,o-2,7\nnewco,2026-11-01T10:01:00Z,o-3,1.25\nacme,yesterday,o-4,1\n\
         acme,2026-11-01T10:02:00Z,o-5,much\n,2026-11-01T10:02:00Z,o-6,1\n\
         b d,2026-11-01T10:03:00Z,o-8,1\n",
    ),
    (
        "events.ndjson",
        "{\"specversion\":\"1.0\",\"id\":\"e1\",\"source\":\"/s\",\"type\":\"shop.order\",\"tenant\":\"globex\",\
         \"time\":\"2026-11-01T10:00:00.123456Z\",\"subject\":\"x\",\"data\":{\"amount\":0.1,\"n\":{\"deep\":[1,2.50,\"ü\"]}}}\n\
         {\"specversion\":\"1.0\",\"id\":\"e2\",\"source\":\"/s\",\"type\":\"shop.order\",\"tenant\":\"globex\",\
         \"time\":\"2026-11-01T10:00:00Z\"}\nnot json\n",
    ),
    ("old.csv", "customer,at,order,amount\nacme,1999-01-01T00:00:00Z,o-7,1\n"),
];

/// Commands whose first argument may look like one more word of theirs.
const OF_ONE_WORD: [&str; 7] = ["apply", "get", "describe", "history", "rollback", "delete", "export"];

const DECLARED: &str = "[[quota]]\nname = 'calls'\ntenant = 'acme'\nhard = false\nrate = { units_per_s = 1, burst = 5 }\n\
    [[meter]]\nname = 'calls'\nevent_type = 'call'\naggregation = 'count'\nwindow = { tumbling = { size_s = 60 } }\n";

/// Wants what never happens here, so that nothing is sent.
const ENDPOINT: &str =
    "[[endpoint]]\nname = 'hook'\ntenant = 'acme'\nurl = 'https://example.com'\nevents = ['view.dropped']\n";

const SHOP: [&str; 12] = [
    "import",
    "shop.csv",
    "--format",
    "csv",
    "--tenant-column",
    "customer",
    "--time-column",
    "at",
    "--id-column",
    "order",
    "--type",
    "shop.order",
];

/// What is asked in SQL, in every format: order of columns, digits, nulls, types, emptiness, and each kind of failure.
const STATEMENTS: [&str; 21] = [
    "SELECT value, meter, tenant, NULL AS nothing FROM usage_total ORDER BY meter, tenant",
    "SELECT tenant, status, plan, billing_period, time_zone FROM tenants ORDER BY tenant",
    "SELECT tenant, reason, field, count, sample_id, sample_detail FROM rejections ORDER BY 1, 2, 3",
    "SELECT id, tenant, source, type, subject, time, data, late FROM events ORDER BY id",
    "SELECT name, aggregation, dimensions, \"window\", events, value_missing FROM meters ORDER BY name",
    "SELECT 1 AS z, 2 AS a, 'x' AS m, true AS t, 1.5 AS d, CAST('0.000000001' AS DECIMAL(38, 9)) AS small",
    "SELECT CAST('2026-11-01T10:00:00.000001Z' AS TIMESTAMPTZ) AS at, DATE '2026-11-01' AS day, INTERVAL '1 day 2 hours' AS i",
    "SELECT CAST(1 AS DOUBLE) / 3 AS float, 9223372036854775807 AS big, make_array(1, NULL, 3) AS list",
    "SELECT tenant FROM usage WHERE 1 = 0",
    "SELECT 'a\nb' AS broken, 'c,\"d\"' AS quoted, repeat('long ', 100) AS long",
    "EXPLAIN SELECT tenant, sum(value) FROM usage GROUP BY tenant",
    "SELECT array_agg(tenant ORDER BY tenant) AS tenants, named_struct('first', min(tenant)) AS s FROM usage",
    "SHOW TABLES",
    "SELEC 1",
    "SELECT valeu FROM usage",
    "SELECT 'ü', 1,\n  nothing FROM usage",
    "SELECT * FROM nowhere",
    "SELECT 1 / (SELECT count(*) FROM usage WHERE 1 = 0)",
    "SELECT CAST('x' AS INT)",
    "DROP TABLE events",
    "SELECT 1; SELECT 2",
];

/// A data folder, and a node that serves another one.
struct Places {
    folder: tempfile::TempDir,
    served: Served,
    key: String,
    steps: BTreeSet<String>,
}

impl Places {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in FILES {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let there = folder.path().join("there");
        std::fs::create_dir(&there).unwrap();
        let key = platform_key(&there);
        expect(folder.path(), &["key", "create", "--platform", "--data", "here"], 0);
        let served = Served::start(&there, &key, &["engine.publish_interval_ms=1"]).unwrap();
        Self { folder, served, key, steps: BTreeSet::new() }
    }

    fn here(&self, args: &[&str]) -> Told {
        Told::of(&tenantry(self.folder.path(), &[args, &["--data", "here"]].concat()))
    }

    fn there(&self, args: &[&str]) -> Told {
        let url = format!("http://{}", self.served.address());
        Told::of(&tenantry(self.folder.path(), &[args, &["--url", &url, "--key", &self.key]].concat()))
    }

    /// Runs a command in both places; gives what it told, once it is known to be the same.
    fn both(&mut self, args: &[&str], code: i32) -> Told {
        let words = if OF_ONE_WORD.contains(&args[0]) { 1 } else { 2 };
        let command = args.iter().take_while(|arg| arg.chars().all(|c| c.is_ascii_lowercase())).take(words);
        self.steps.insert(command.copied().collect::<Vec<_>>().join(" "));
        let here = self.here(args);
        assert_eq!(here.code, Some(code), "{args:?}\n{here:?}");
        assert_eq!(self.there(args), here, "{args:?} by URL and by folder");
        here
    }

    /// The same for a look at what a node shows a moment later than a folder that is opened anew.
    fn look(&mut self, args: &[&str]) -> Told {
        let here = self.here(args);
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            let there = self.there(args);
            if there == here || Instant::now() > until {
                assert_eq!(there, here, "{args:?} by URL and by folder");
                return here;
            }
        }
    }
}

/// What a command told, without what differs from run to run: keys, ids, instants of now, durations.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Told {
    fn of(output: &Output) -> Self {
        let plain = |text: String| text.lines().map(without_chance).collect::<Vec<_>>().join("\n");
        Self { code: output.status.code(), out: plain(stdout(output)), err: plain(stderr(output)) }
    }
}

/// `line` without the value of a member of JSON.
fn without_member(line: &str, member: &str) -> String {
    let mut parts = line.split(member);
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(member);
        plain.push_str(part.find([',', '}']).map_or("", |end| &part[end..]));
    }
    plain
}

fn without_chance(line: &str) -> String {
    // `shop.csv: 8 events in 0.1 s (80 a second): …`
    let line = match (line.find(" in "), line.find(" a second)")) {
        (Some(from), Some(to)) if from < to => format!("{}{}", &line[..from], &line[to..]),
        _ => line.to_owned(),
    };
    // Who did it has another name in each place, and a node writes unreadable rows beside the events, not with them.
    let chance = ["\"secret\":", "\"revision\":", "\"principal\":", "\"by\":", "at_us\\\":"];
    let line = chance.into_iter().fold(line, |line, member| without_member(&line, member));
    let mut plain = String::new();
    for word in line.split_inclusive(|c: char| !c.is_ascii_alphanumeric() && !"_:-.".contains(c)) {
        let end = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric() && !"_:-.".contains(c));
        let is_now = end.len() > 22 && end.contains('T') && end.ends_with('Z') && end.contains('.');
        let is_id = [16, 64].contains(&end.len()) && end.bytes().all(|byte| byte.is_ascii_hexdigit());
        match end {
            _ if end.starts_with("tn_") => plain.push_str("KEY"),
            _ if is_id => plain.push_str("ID"),
            _ if is_now && !end.starts_with("2026-11-01") => plain.push_str("NOW"),
            other => plain.push_str(other),
        }
        plain.push_str(&word[end.len()..]);
    }
    plain
}

#[test]
fn every_command_gives_the_same_by_url_as_by_folder() {
    let mut places = Places::new();

    let made = places.both(&["tenant", "create", "acme"], 0);
    assert_eq!(made.out, r#"{"tenant":"acme","changed":true,"outcome":"created"}"#);
    places.both(&["tenant", "create", "acme"], 1);
    places.both(&["tenant", "create", "b d"], 1);
    places.both(&["tenant", "create", "globex", "--plan", "gold"], 1);
    let defined = places.both(&["meter", "define", "meters.toml"], 0);
    assert_eq!(defined.out.lines().count(), 3, "{defined:?}");
    assert!(
        defined.out.starts_with(r#"{"meter":"revenue","changed":true,"outcome":"created","events":0}"#),
        "{defined:?}"
    );
    for wrong in ["bad.toml", "nameless.toml", "lacking.json", "absent.toml"] {
        let told = places.both(&["meter", "define", wrong], 1);
        assert!(told.err.contains(wrong), "{told:?}");
    }
    let told = places.both(&["meter", "define", "nameless.toml"], 1);
    assert!(told.err.contains("meter 2 has no name"), "{told:?}");
    let told = places.both(&["meter", "define", "lacking.json"], 1);
    assert!(told.err.contains("window is missing"), "{told:?}");
    places.both(&["plan", "define", "plans.toml"], 0);
    places.both(&["tenant", "plan", "acme", "gold"], 0);
    places.both(&["tenant", "plan", "acme", "gold", "--format", "text"], 0);
    places.both(&["tenant", "plan", "acme", "silver"], 1);

    let told = places.both(&SHOP, 3);
    assert!(told.err.contains("1 tenant created"), "{told:?}");
    assert!(told.err.contains("3 admitted") && told.err.contains("line 5"), "{told:?}");
    let again = places.both(&SHOP, 3);
    assert!(again.err.contains("0 admitted") && again.err.contains("3 duplicate"), "{again:?}");
    places.both(&["import", "events.ndjson", "--format", "cloudevents"], 3);
    places.both(&["import", "events.ndjson", "--format", "cloudevents", "--type", "x"], 2);
    places.both(&["import", "absent.csv", "--format", "csv", "--tenant", "a", "--time-column", "at", "--type", "x"], 1);
    let counted = places.both(&["meter", "define", "more.json", "--format", "text"], 0);
    assert!(
        counted.out.starts_with("meter p95: created, 5 events counted (1 of them without the value"),
        "{counted:?}"
    );

    places.both(&["quota", "set", "acme", "orders", "--allowance", "100", "--per", "day"], 0);
    places.both(&["quota", "set", "acme", "orders", "--allowance", "200", "--per", "day", "--format", "text"], 0);
    places.both(&["quota", "set", "acme", "nothing", "--allowance", "100"], 1);
    places.both(&["quota", "set", "nobody", "orders", "--allowance", "100"], 1);
    places.both(&["quota", "set", "acme", "orders", "--rate", "0"], 1);
    places.look(&["quota", "list", "acme", "--format", "text"]);
    places.both(&["quota", "list", "acme"], 0);
    places.both(&["quota", "remove", "acme", "orders"], 0);
    places.both(&["quota", "remove", "acme", "orders"], 1);

    std::fs::write(places.folder.path().join("declared.toml"), DECLARED).unwrap();
    places.both(&["apply", "declared.toml", "--dry-run", "--format", "text"], 0);
    places.both(&["apply", "declared.toml"], 0);
    places.both(&["apply", "declared.toml", "--prune", "--dry-run", "--format", "text"], 1);
    places.both(&["get", "quota", "calls", "--tenant", "acme", "--format", "text"], 0);
    places.both(&["get", "metr"], 1);
    places.both(&["describe", "meter", "calls"], 0);
    places.both(&["history", "meter", "calls"], 0);
    places.both(&["history", "meter", "nothing"], 1);
    places.both(&["rollback", "meter", "calls"], 1);
    places.both(&["export", "exported"], 0);
    places.both(&["delete", "meter", "calls"], 1);
    places.both(&["delete", "quota", "calls", "--tenant", "acme", "--format", "text"], 0);
    places.both(&["delete", "meter", "calls", "--format", "text"], 0);

    places.both(&["alert", "list", "acme"], 0);
    places.both(&["alert", "ack", "acme", "nothing"], 1);
    std::fs::write(places.folder.path().join("endpoint.toml"), ENDPOINT).unwrap();
    places.both(&["apply", "endpoint.toml"], 0);
    places.both(&["webhook", "list", "acme", "--format", "text"], 0);
    places.both(&["webhook", "secret", "acme", "hook"], 0);
    places.both(&["webhook", "secret", "acme", "nothing"], 1);
    places.both(&["webhook", "rotate", "acme", "hook", "--overlap-s", "60"], 0);
    let told = places.both(&["webhook", "disable", "acme", "hook", "--format", "text"], 0);
    assert_eq!(told.out, "tenant acme, endpoint hook: disabled");
    places.both(&["webhook", "enable", "acme", "hook"], 0);
    places.both(&["webhook", "enable", "acme", "nothing"], 1);

    for statement in STATEMENTS {
        for format in ["table", "csv", "json"] {
            places.look(&["sql", statement, "--format", format]);
        }
    }
    places.steps.insert("sql".into());
    let exact = places.look(&["sql", STATEMENTS[0], "--format", "json"]);
    let first = r#"{"value":"123456789012345685.123456789","meter":"revenue","tenant":"acme","nothing":null}"#;
    assert!(exact.out.contains(first), "{exact:?}");

    for list in [["tenant", "list"], ["meter", "list"]] {
        places.both(&list, 0);
        places.look(&[list[0], list[1], "--format", "text"]);
    }
    for show in [["tenant", "show", "acme"], ["meter", "show", "p95"]] {
        places.both(&show, 0);
        places.both(&[&show[..], &["--format", "text"]].concat(), 0);
        places.both(&[show[0], show[1], "no such/thing"], 1);
    }
    places.both(&["meter", "remove", "p95"], 0);
    places.both(&["meter", "remove", "p95"], 1);

    for format in ["text", "json"] {
        places.both(&["key", "create", "acme", "--scope", "query", "--label", "a, b", "--format", format], 0);
    }
    places.both(&["key", "create", "nobody"], 1);
    places.both(&["key", "create", "--tenants", "acme,globex"], 0);
    places.both(&["key", "create", "--tenants", "nobody"], 1);
    places.both(&["key", "list", "nobody"], 1);
    places.both(&["key", "rotate", "acme", "0000000000000000"], 1);
    places.both(&["key", "revoke", "acme", "0000000000000000"], 1);
    let keys = places.both(&["key", "list", "acme"], 0);
    assert_eq!(keys.out.matches("\"id\"").count(), 2, "{keys:?}");

    for step in ["suspend", "activate", "activate", "offboard"] {
        let told = places.both(&["tenant", step, "globex", "--format", "text"], 0);
        assert!(told.out.starts_with("tenant globex: "), "{told:?}");
    }
    places.both(&["tenant", "delete", "globex"], 1);
    let exported = places.both(&["tenant", "export", "newco"], 0);
    assert!(exported.out.ends_with("{\"complete\":true}"), "{exported:?}");
    places.both(&["tenant", "export", "nobody"], 1);
    places.both(&["tenant", "delete", "globex", "--without-export"], 0);

    // Which times it takes a node says itself, and it knows no lines.
    let old = [&["import", "old.csv"], &SHOP[2..]].concat();
    for told in [places.here(&old), places.there(&old)] {
        let expect = "time lies more than 315576000 s in the past";
        assert!(told.err.contains("1 rejected") && told.err.contains(expect), "{told:?}");
    }

    assert_eq!(places.steps, commands(places.folder.path()), "every command that takes a place is among the steps");
}

/// The commands that work on a folder or a node, as the help lists them.
fn commands(folder: &Path) -> BTreeSet<String> {
    let help = |args: &[&str]| stdout(&expect(folder, &[args, &["--help"]].concat(), 0));
    let listed = |text: &str| {
        let lines = text.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
        // What is indented further goes on with the line before.
        let names = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).map(str::to_owned);
        names.filter(|name| !name.is_empty() && name != "help").collect::<Vec<_>>()
    };
    let mut commands = BTreeSet::new();
    for outer in listed(&help(&[])) {
        let own = help(&[&outer]);
        let inner = listed(&own);
        if inner.is_empty() && own.contains("--url") {
            commands.insert(outer.clone());
        }
        for inner in inner {
            if help(&[&outer, &inner]).contains("--url") {
                commands.insert(format!("{outer} {inner}"));
            }
        }
    }
    commands
}

#[test]
fn a_file_is_the_same_events_whether_it_comes_by_folder_or_by_url() {
    let mut places = Places::new();
    for import in [&SHOP[..], &["import", "events.ndjson", "--format", "cloudevents"]] {
        let first = places.both(import, 3);
        // What is in the folder is brought to the node that serves the other one, and the other way round.
        let Places { folder, served, key, .. } = places;
        assert!(served.terminate().1);
        std::fs::rename(folder.path().join("here"), folder.path().join("swap")).unwrap();
        std::fs::rename(folder.path().join("there"), folder.path().join("here")).unwrap();
        std::fs::rename(folder.path().join("swap"), folder.path().join("there")).unwrap();
        let other = platform_key(&folder.path().join("there"));
        let served = Served::start(&folder.path().join("there"), &other, &[]).unwrap();
        places = Places { folder, served, key: other, steps: BTreeSet::new() };
        let again = places.both(import, 3);
        assert!(!first.err.contains("0 admitted") && again.err.contains(": 0 admitted"), "{first:?}\n{again:?}");
        drop(key);
    }
}

#[test]
fn a_rate_limit_is_waited_for_row_by_row_by_url_as_by_folder() {
    let mut places = Places::new();
    places.both(&["tenant", "create", "acme"], 0);
    places.both(&["meter", "define", "meters.toml"], 0);
    places.both(&["quota", "set", "acme", "steps", "--rate", "400", "--burst", "100"], 0);
    let rows = (0..400).map(|row| format!("2026-11-01T10:00:00Z,{row}\n")).collect::<String>();
    std::fs::write(places.folder.path().join("steps.csv"), format!("at,n\n{rows}")).unwrap();
    let import =
        ["import", "steps.csv", "--format", "csv", "--tenant", "acme", "--time-column", "at", "--type", "step"];
    let told = places.both(&import, 0);
    assert!(told.err.contains("400 admitted") && told.err.contains("0 rejected"), "{told:?}");
    assert!(told.err.contains("rate_limited (steps): "), "it says why it waits: {told:?}");
    let told = places.both(&[&import[..], &["--wait-max-s", "0"]].concat(), 0);
    assert!(told.err.contains("400 duplicate"), "{told:?}");
}

#[test]
fn no_command_makes_a_folder_of_a_mistyped_path_but_those_that_may_be_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for args in [
        &["sql", "SELECT 1"][..],
        &["tenant", "list"],
        &["tenant", "show", "acme"],
        &["tenant", "export", "acme"],
        &["tenant", "suspend", "acme"],
        &["tenant", "plan", "acme", "gold"],
        &["tenant", "delete", "acme"],
        &["meter", "list"],
        &["meter", "show", "tokens"],
        &["meter", "remove", "tokens"],
        &["quota", "list", "acme"],
        &["quota", "set", "acme", "tokens", "--rate", "1"],
        &["key", "list", "--platform"],
        &["key", "create", "acme"],
        &["key", "revoke", "acme", "0000000000000000"],
    ] {
        let told = stderr(&expect(at, &[args, &["--data", "typo"]].concat(), 1));
        assert!(told.contains("there is no data folder at typo") && told.contains("--data"), "{args:?}: {told}");
        assert_eq!(told.matches("no data folder").count(), 1, "{told}");
        assert_eq!(std::fs::read_dir(at).unwrap().count(), 0, "{args:?} made something");
    }
    let told = stderr(&expect(at, &["tenant", "list", "--data", "."], 1));
    assert!(told.contains("is not a data folder"), "{told}");
    let told = stderr(&expect(at, &["key", "create", "--platform", "--data", "fresh"], 0));
    assert!(told.contains("made the data folder fresh with "), "{told}");
    assert_eq!(stderr(&expect(at, &["tenant", "list", "--data", "fresh"], 0)), "");
}
