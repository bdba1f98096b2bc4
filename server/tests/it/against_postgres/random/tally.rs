//! What the statements came to: counts, and those that differ in groups of a kind.

use std::collections::BTreeMap;

use crate::against_postgres::verdict::Verdict;

/// Statements of a group that are told in full.
const TOLD_MAX: usize = 5;

/// What became of one statement.
pub(super) struct Asked {
    pub(super) number: usize,
    pub(super) zone: &'static str,
    pub(super) sql: String,
    pub(super) verdict: Verdict,
    /// What PostgreSQL refused it with.
    pub(super) error: Option<String>,
}

/// See the module.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) asked: usize,
    equal: usize,
    typed: usize,
    /// What PostgreSQL refuses too, by its SQLSTATE and message.
    both: BTreeMap<String, usize>,
    /// What only the node refuses, by its.
    refused: BTreeMap<String, usize>,
    different: BTreeMap<String, Vec<Asked>>,
}

impl Tally {
    pub(super) fn of(asked: Vec<Asked>) -> Self {
        let mut tally = Self { asked: asked.len(), ..Self::default() };
        for one in asked {
            match (&one.verdict, &one.error) {
                (Verdict::Different(why), _) => tally.different.entry(outline(why)).or_default().push(one),
                (_, Some(error)) => *tally.both.entry(outline(error)).or_default() += 1,
                (Verdict::Equal, None) => tally.equal += 1,
                (Verdict::Typed(_), None) => tally.typed += 1,
                (Verdict::Refused { state, message }, None) => {
                    *tally.refused.entry(outline(&format!("{state} {message}"))).or_default() += 1;
                }
            }
        }
        tally
    }

    /// How many of a hundred are refused by both, and by the node alone.
    pub(super) fn shares(&self) -> (usize, usize) {
        let percent = |counts: &BTreeMap<String, usize>| counts.values().sum::<usize>() * 100 / self.asked.max(1);
        (percent(&self.both), percent(&self.refused))
    }

    pub(super) fn print(&self) {
        let different = self.different.values().map(Vec::len).sum::<usize>();
        let (both, refused) = self.shares();
        println!("{} statements: {} equal, {} typed, {different} different", self.asked, self.equal, self.typed);
        for (title, share, counts) in
            [("refused by the node alone", refused, &self.refused), ("refused by both", both, &self.both)]
        {
            println!("{title}: {share} %");
            let mut counts = counts.iter().collect::<Vec<_>>();
            counts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
            for (what, count) in counts {
                println!("{count:>6} {what}");
            }
        }
    }

    /// All that differ, the most frequent first.
    pub(super) fn differences(&self) -> String {
        let mut groups = self.different.iter().collect::<Vec<_>>();
        groups.sort_by_key(|(_, all)| std::cmp::Reverse(all.len()));
        let told = groups.into_iter().map(|(outline, all)| {
            // The shortest say most.
            let mut all = all.iter().collect::<Vec<_>>();
            all.sort_by_key(|one| one.sql.len());
            let numbers = all.iter().map(|one| one.number.to_string()).collect::<Vec<_>>().join(", ");
            let told = all.iter().take(TOLD_MAX).map(|one| {
                let Verdict::Different(why) = &one.verdict else { unreachable!("only those are kept") };
                let why = why.chars().take(600).collect::<String>();
                format!("  {} in {}: {}\n      {why}\n", one.number, one.zone, one.sql)
            });
            format!("{} × {outline} (numbers {numbers})\n{}", all.len(), told.collect::<String>())
        });
        told.collect()
    }
}

/// A message without what is this statement's own: names, numbers and texts.
fn outline(message: &str) -> String {
    let mut made = String::new();
    let mut quote = None;
    for character in message.chars() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => {
                quote = Some(character);
                made.push('…');
            }
            (None, '0'..='9') if made.len() > 6 => {
                if !made.ends_with('0') {
                    made.push('0');
                }
            }
            (None, '\n') => made.push(' '),
            (None, _) => made.push(character),
        }
    }
    made.chars().take(110).collect()
}

#[test]
fn messages_of_a_kind_have_one_outline() {
    let outlines = ["22003 \"a\" of 17 is too large", "22003 \"bc\" of 4 is too large"].map(outline);
    assert_eq!(outlines[0], "22003 … of 0 is too large");
    assert_eq!(outlines[0], outlines[1]);
}
