//! Every command of the binary against the node, in an order that makes sense for one tenant after the other; some on the
//! data folder while no node has it open.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::site::{Client, Site, run, run_on};
use crate::door::Attempt;
use crate::torture::script::Random;

/// A command's name, then its arguments. `C` is the tenant, `K` its newest key's id, `F` the folder.
const STORY: [&[&str]; 46] = [
    &["plan define", "F/plans.toml"],
    &["tenant create", "C", "--plan", "cli"],
    &["tenant show", "C"],
    &["tenant suspend", "C", "--reason", "soak"],
    &["tenant activate", "C"],
    &["tenant plan", "C", "cli"],
    &["tenant list"],
    &["meter define", "F/meters.toml"],
    &["meter list"],
    &["meter show", "extra"],
    &["quota set", "C", "extra", "--allowance", "1000", "--soft"],
    &["quota list", "C"],
    &["quota remove", "C", "extra"],
    &["meter remove", "extra"],
    &["apply", "F/declared.toml"],
    &["get", "quota", "--tenant", "C"],
    &["alert ack", "C", "applied", "--own"],
    &["alert list", "C"],
    &["webhook list", "C"],
    &["webhook secret", "C", "applied"],
    &["webhook rotate", "C", "applied"],
    &["webhook disable", "C", "applied"],
    &["webhook enable", "C", "applied"],
    &["webhook listen", "--address", "127.0.0.1:0", "--seconds", "1"],
    &["apply", "F/declared.yaml", "--dry-run"],
    &["describe", "meter", "applied"],
    &["history", "quota", "applied", "--tenant", "C"],
    &["rollback", "quota", "applied", "--tenant", "C", "--to", "1"],
    &["export", "F/exported"],
    &["explain", "meter.window"],
    &["schema", "F/schemas"],
    &["delete", "alert", "applied", "--tenant", "C"],
    &["delete", "endpoint", "applied", "--tenant", "C"],
    &["delete", "quota", "applied", "--tenant", "C"],
    &["delete", "meter", "applied"],
    &["key create", "C", "--scope", "query"],
    &["key list", "C"],
    &["key rotate", "C", "K", "--overlap-s", "0"],
    &["key revoke", "C", "K"],
    &["sql", "SELECT count(*) FROM usage", "--format", "csv"],
    &["sql", "SELECT tenant, plan FROM tenants LIMIT 10"],
    &["tenant offboard", "C", "--reason", "soak"],
    &["tenant export", "C"],
    &["tenant delete", "C"],
    &["completions", "bash"],
    &["demo", "--once", "--tenants", "10", "--rate", "500", "--seconds", "2"],
];
/// Commands that need no node.
const ALONE: [&str; 5] = ["completions", "demo", "explain", "schema", "webhook listen"];
const PLANS: &str = "[[plan]]\nname = 'cli'\nlimits = {}\nbilling = { period = 'month', time_zone = 'UTC' }\n";
const METERS: &str =
    "[[meter]]\nname = 'extra'\nevent_type = 'other'\naggregation = 'count'\nwindow = { tumbling = { size_s = 60 } }\n";
/// Declarations of one tenant and of the platform, which rely on each other.
const DECLARED: &str = "[[quota]]\nname = 'applied'\ntenant = 'C'\nhard = false\n\
    allowance = { units = 7, per = { period = 'day', time_zone = 'UTC' } }\n\
    [[alert]]\nname = 'applied'\ntenant = 'C'\nmeasure = { query = { sql = 'SELECT 1 AS value', every_s = 10 } }\n\
    levels = [{ severity = 'info', at = 1 }]\n\
    [[endpoint]]\nname = 'applied'\ntenant = 'C'\nurl = 'http://127.0.0.1:1/nobody'\n\
    [[meter]]\nname = 'applied'\nevent_type = 'other'\naggregation = 'count'\nwindow = { tumbling = { size_s = 60 } }\n";
const CHANGED: &str = "kind: meter\nname: applied\nevent_type: other\naggregation: count\n\
    window: {tumbling: {size_s: 300}}\n";

pub(super) struct Commands {
    random: Random,
    tenants: u64,
    at: usize,
    /// Whether the command was sent before and may have been carried out.
    again: bool,
    key: String,
}

impl Commands {
    pub(super) fn new(seed: u64, folder: &Path) -> Self {
        std::fs::write(folder.join("plans.toml"), PLANS).expect("the folder takes a file");
        std::fs::write(folder.join("meters.toml"), METERS).expect("the folder takes a file");
        std::fs::write(folder.join("declared.yaml"), CHANGED).expect("the folder takes a file");
        Self { random: Random::new(seed, 300), tenants: 0, at: 0, again: false, key: String::new() }
    }

    fn next(&mut self) {
        (self.at, self.again) = (self.at + 1, false);
        if self.at == STORY.len() {
            (self.at, self.tenants) = (0, self.tenants + 1);
        }
    }
}

impl Client for Commands {
    fn once(&mut self, site: &Site<'_>) -> Attempt {
        let story = STORY[self.at];
        let (name, tenant, folder) = (story[0], format!("c{}", self.tenants), site.folder.display().to_string());
        let arguments = story[1..].iter().map(|argument| match *argument {
            "C" => tenant.clone(),
            "K" => self.key.clone(),
            other => other.replacen("F/", &format!("{folder}/"), usize::from(other.starts_with("F/"))),
        });
        let arguments = arguments.collect::<Vec<_>>();
        if name == "apply" {
            let declared = DECLARED.replace("'C'", &format!("'{tenant}'"));
            std::fs::write(site.folder.join("declared.toml"), declared).expect("the folder takes a file");
        }
        let arguments = arguments.iter().map(String::as_str).collect::<Vec<_>>();
        let output = match ALONE.contains(&name) {
            true => {
                let asked = site.watch.ask(&format!("tenantry {name}"), &format!("{arguments:?}"), crate::watch::LIMIT);
                let output = run(&[name.split(' ').collect::<Vec<_>>(), arguments.clone()].concat(), &[]);
                asked.answered();
                output
            }
            false => site.command(name, &arguments),
        };
        let (said, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let again = std::mem::replace(&mut self.again, true);
        if !output.status.success() {
            if site.watch.is_released() {
                return Attempt::Gone;
            }
            let busy = ["too many", "try again", "no answer within", "53300", "does not fire"]
                .iter()
                .any(|words| told.to_lowercase().contains(words));
            if busy {
                return Attempt::NotNow;
            }
            assert!(again, "tenantry {name} {arguments:?} ended with {:?}: {told}", output.status.code());
        }
        if matches!(name, "key create" | "key rotate") && output.status.success() {
            let made: Value = serde_json::from_str(&said).expect("a key is told as JSON");
            self.key = made["id"].as_str().expect("an id").to_owned();
        }
        self.next();
        Attempt::Answered
    }

    fn pause(&mut self) -> Duration {
        Duration::from_millis(self.random.below(200))
    }

    fn between(&mut self, data: &Path) {
        run_on(data, &["sql", "SELECT count(*) FROM usage_total"]);
        run_on(data, &["key", "list", "--platform"]);
    }
}
