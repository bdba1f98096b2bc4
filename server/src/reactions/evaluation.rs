//! What is known of each rule's last evaluation, for the view `alert_rules`.
//!
//! In memory only: a start evaluates everything anew. Not here: evaluating.

use std::collections::BTreeMap;

use actors::rule::Rule;
use engine::lock::Lock;

/// Owner and name of a rule.
pub(super) type Name = (String, String);

/// The last evaluations, by rule.
#[derive(Debug, Default)]
pub struct Evaluations(Lock<BTreeMap<Name, Evaluated>>);

/// How an evaluation went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluated {
    /// When it ended, microseconds.
    pub at_us: i64,
    /// How long it took, microseconds; of a rule that is evaluated with others, all of them together.
    pub took_us: i64,
    /// Why nothing could be measured.
    pub error: Option<String>,
}

impl Evaluations {
    /// The last one of a rule.
    pub fn get(&self, owner: &str, rule: &str) -> Option<Evaluated> {
        self.0.lock().get(&(owner.to_owned(), rule.to_owned())).cloned()
    }

    /// Notes those of many rules.
    pub(super) fn note(&self, evaluated: BTreeMap<Name, Evaluated>) {
        self.0.lock().extend(evaluated);
    }

    /// Forgets the rules of an owner that are no more.
    pub(super) fn keep(&self, owner: &str, rules: &BTreeMap<String, Rule>) {
        let mut all = self.0.lock();
        let own = all.range((owner.to_owned(), String::new())..).map(|(name, _)| name);
        let own = own.take_while(|(of, _)| of == owner);
        let gone: Vec<Name> = own.filter(|(_, rule)| !rules.contains_key(rule)).cloned().collect();
        for name in &gone {
            all.remove(name);
        }
    }
}
