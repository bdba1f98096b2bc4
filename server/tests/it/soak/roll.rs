//! The roll of the soak: every route, command and view of the product, each of which somebody must ask for in every soak.
//!
//! A test holds it against the router, the command line and the catalog, so that what is new joins the soak or the test
//! fails; and a soak fails if it ends without an answer to one of them. Not here: asking.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::torture::script::Random;
use crate::watch::{self, Kind};

/// Methods and paths of the HTTP API.
pub(crate) const ROUTES: [(&str, &str); 45] = [
    ("POST", "/v1/events"),
    ("POST", "/v1/rejections"),
    ("GET", "/v1/tenants"),
    ("POST", "/v1/tenants"),
    ("GET", "/v1/tenants/{tenant}"),
    ("DELETE", "/v1/tenants/{tenant}"),
    ("POST", "/v1/tenants/{tenant}/activate"),
    ("POST", "/v1/tenants/{tenant}/suspend"),
    ("POST", "/v1/tenants/{tenant}/offboard"),
    ("POST", "/v1/tenants/{tenant}/release"),
    ("GET", "/v1/tenants/{tenant}/export"),
    ("PUT", "/v1/tenants/{tenant}/plan"),
    ("GET", "/v1/tenants/{tenant}/alerts"),
    ("POST", "/v1/tenants/{tenant}/alerts/{rule}/acknowledge"),
    ("GET", "/v1/tenants/{tenant}/endpoints"),
    ("GET", "/v1/tenants/{tenant}/endpoints/{endpoint}/secret"),
    ("POST", "/v1/tenants/{tenant}/endpoints/{endpoint}/rotate"),
    ("POST", "/v1/tenants/{tenant}/endpoints/{endpoint}/enable"),
    ("POST", "/v1/tenants/{tenant}/endpoints/{endpoint}/disable"),
    ("GET", "/v1/tenants/{tenant}/quotas"),
    ("PUT", "/v1/tenants/{tenant}/quotas/{meter}"),
    ("DELETE", "/v1/tenants/{tenant}/quotas/{meter}"),
    ("GET", "/v1/tenants/{tenant}/keys"),
    ("POST", "/v1/tenants/{tenant}/keys"),
    ("DELETE", "/v1/tenants/{tenant}/keys/{key}"),
    ("POST", "/v1/tenants/{tenant}/keys/{key}/rotate"),
    ("GET", "/v1/meters"),
    ("GET", "/v1/meters/{meter}"),
    ("PUT", "/v1/meters/{meter}"),
    ("DELETE", "/v1/meters/{meter}"),
    ("GET", "/v1/plans"),
    ("PUT", "/v1/plans/{plan}"),
    ("POST", "/v1/apply"),
    ("GET", "/v1/kinds"),
    ("GET", "/v1/kinds/{kind}"),
    ("GET", "/v1/kinds/{kind}/{name}/versions"),
    ("GET", "/v1/usage"),
    ("GET", "/v1/usage/export"),
    ("POST", "/v1/sql"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("GET", "/schemas/{file}"),
    ("GET", "/problems/{kind}"),
];

/// Commands of the binary.
pub(crate) const COMMANDS: [&str; 43] = [
    "serve",
    "demo",
    "import",
    "sql",
    "tenant list",
    "tenant show",
    "tenant create",
    "tenant activate",
    "tenant suspend",
    "tenant offboard",
    "tenant export",
    "tenant delete",
    "tenant plan",
    "meter list",
    "meter show",
    "meter define",
    "meter remove",
    "plan define",
    "quota list",
    "quota set",
    "quota remove",
    "alert list",
    "alert ack",
    "webhook list",
    "webhook secret",
    "webhook rotate",
    "webhook enable",
    "webhook disable",
    "webhook listen",
    "key list",
    "key create",
    "key rotate",
    "key revoke",
    "apply",
    "get",
    "describe",
    "history",
    "rollback",
    "delete",
    "export",
    "explain",
    "schema",
    "completions",
];

/// Views that are always there, and the one of a meter that is.
pub(crate) const VIEWS: [&str; 20] = [
    "events",
    "usage",
    "usage_total",
    "tenants",
    "quotas",
    "declarations",
    "meters",
    "materialized_views",
    "alerts",
    "alert_history",
    "alert_rules",
    "endpoints",
    "delivery_attempts",
    "rejections",
    "late_events",
    "audit",
    "queries",
    "engine",
    "engine_shards",
    "meter_calls",
];

/// Of those, the ones that look at every tenant's state, and are asked for most.
const OF_ALL_TENANTS: [&str; 3] = ["tenants", "quotas", "usage_total"];

/// Doors at which each view is read.
pub(crate) const SQL_DOORS: [&str; 3] = ["POST /v1/sql", "postgres", "flight"];

/// Longest time until the node says how it is: nothing of it may keep that waiting.
const HEALTH_LIMIT: Duration = Duration::from_secs(15);

/// The view whose turn it is, or one of those that meet most of what changes.
pub(super) fn view(random: &mut Random, turn: usize) -> &'static str {
    if random.percent(35) { random.pick(&OF_ALL_TENANTS) } else { VIEWS[turn % VIEWS.len()] }
}

/// Under which name a request is counted, and how long it may take.
pub(crate) fn kind(method: &str, path: &str) -> (String, Duration) {
    let parts =
        |path: &str| path.split('?').next().unwrap_or_default().split('/').map(str::to_owned).collect::<Vec<_>>();
    let asked = parts(path);
    let fits = |route: &str| {
        let route = parts(route);
        route.len() == asked.len()
            && route.iter().zip(&asked).all(|(part, asked)| part.starts_with('{') || part == asked)
    };
    // A path without a variable goes before one with.
    let mut routes = ROUTES.iter().filter(|route| route.0 == method && fits(route.1)).collect::<Vec<_>>();
    routes.sort_by_key(|route| route.1.matches('{').count());
    let (method, route) = routes.first().unwrap_or_else(|| panic!("the roll has no {method} {path}"));
    let limit = if matches!(*route, "/healthz" | "/readyz" | "/metrics") { HEALTH_LIMIT } else { watch::LIMIT };
    (format!("{method} {route}"), limit)
}

/// What of the roll nobody got an answer to.
pub(super) fn missing(kinds: &BTreeMap<String, Kind>) -> Vec<String> {
    let routes = ROUTES.iter().filter(|route| route.1 != "/v1/sql").map(|(method, path)| format!("{method} {path}"));
    let commands = COMMANDS.iter().map(|command| format!("tenantry {command}"));
    let views = SQL_DOORS.iter().flat_map(|door| VIEWS.iter().map(move |view| format!("{door} {view}")));
    let all = routes.chain(commands).chain(views);
    all.filter(|name| !kinds.get(name).is_some_and(Kind::was_answered)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use pipelines::catalog::Visibility;
    use pipelines::views;

    use super::*;
    use crate::cli::{expect, stdout};
    use crate::served::{Served, platform_key};

    const ROUTER: &str = include_str!("../../../src/http/mod.rs");

    /// Names of the commands that the help of `command` lists.
    fn listed(command: &[&str]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let help = stdout(&expect(folder.path(), &[command, &["--help"]].concat(), 0));
        let Some((_, list)) = help.split_once("\nCommands:\n") else { return Vec::new() };
        let lines = list.lines().take_while(|line| !line.is_empty());
        let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
        names
            .filter_map(|line| line.split_whitespace().next())
            .filter(|name| *name != "help")
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn every_route_is_on_the_roll_of_the_soak() {
        let folder = tempfile::tempdir().unwrap();
        let node = Served::start(folder.path(), &platform_key(folder.path()), &[]).unwrap();
        let document = node.get("/openapi.json").json();
        let documented = document["paths"].as_object().unwrap().iter().flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys().filter(|name| *name != "parameters");
            methods.map(|method| (method.to_uppercase(), path.clone())).collect::<Vec<_>>()
        });
        let roll = ROUTES.map(|(method, path)| (method.to_owned(), path.to_owned()));
        assert_eq!(BTreeSet::from(roll), documented.collect());
        // The document may lag behind the router; the router's own text does not.
        let routed = ROUTER.split("route(\"").skip(1).map(|rest| rest.split('"').next().unwrap());
        assert_eq!(ROUTES.iter().map(|route| route.1).collect::<BTreeSet<_>>(), routed.collect());
    }

    #[test]
    fn every_command_is_on_the_roll_of_the_soak() {
        let commands = listed(&[]).into_iter().flat_map(|command| {
            let below = listed(&[command.as_str()]);
            let named = below.iter().map(|name| format!("{command} {name}")).collect::<Vec<_>>();
            if named.is_empty() { vec![command] } else { named }
        });
        assert_eq!(COMMANDS.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>(), commands.collect());
    }

    #[test]
    fn every_view_is_on_the_roll_of_the_soak() {
        let all = views::all(&Visibility::Platform).iter().map(|view| view.name().to_owned()).collect::<BTreeSet<_>>();
        let roll = VIEWS.iter().filter(|view| !view.starts_with("meter_")).map(|view| (*view).to_owned());
        assert_eq!(roll.collect::<BTreeSet<_>>(), all);
    }

    #[test]
    fn requests_are_counted_under_their_routes() {
        let check = |method, path, expect| assert_eq!(kind(method, path).0, expect);
        check("GET", "/v1/usage/export?after=7", "GET /v1/usage/export");
        check("DELETE", "/v1/tenants/acme?without_export=true", "DELETE /v1/tenants/{tenant}");
        check("PUT", "/v1/tenants/acme/quotas/calls", "PUT /v1/tenants/{tenant}/quotas/{meter}");
    }
}
