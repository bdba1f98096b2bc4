//! Expressions of a kind over what is in scope, by the rules.

use super::grammar::Grammar;
use super::kind::{Kind, Scope};
use super::rules;

/// One in so many leaves is a literal although there are columns.
const LITERALS: u64 = 5;
/// One in so many leaves is null.
const NULLS: u64 = 25;
/// One in so many expressions is by a rule that all kinds have.
const OF_ANY_KIND: u64 = 6;
/// One in so many expressions is a subquery.
const SUBQUERIES: u64 = 25;

impl Grammar {
    /// An expression of `kind`, at most `depth` rules deep.
    pub(super) fn value(&mut self, kind: Kind, scope: &Scope, depth: u32) -> String {
        if depth == 0 || self.one_in(4) {
            return self.leaf(kind, scope, depth);
        }
        if scope.groups.is_none() && self.one_in(SUBQUERIES) {
            return self.scalar(kind, scope);
        }
        if kind == Kind::Flag && scope.groups.is_none() && self.one_in(SUBQUERIES / 2) {
            return self.exists(scope);
        }
        let rule = if self.one_in(OF_ANY_KIND) {
            let any = if kind == Kind::Span || self.one_in(2) { rules::ANY } else { rules::COMPARED };
            self.random.pick(any)
        } else {
            self.random.pick(rules::of(kind))
        };
        self.expand(rule, kind, scope, depth - 1)
    }

    /// An expression of `kind` that is not a literal alone, if anything of its kind is in scope: what a query groups
    /// by.
    pub(super) fn key(&mut self, kind: Kind, scope: &Scope) -> Option<String> {
        let columns = scope.columns(kind);
        let of_kind = |this: &mut Self, kind| this.one_of(&scope.columns(kind));
        Some(match kind {
            Kind::Date => format!("({})::date", of_kind(self, Kind::Instant)?),
            Kind::Stamp => {
                let zone = self.random.pick(rules::words("zone")?);
                format!("date_trunc('day', {} AT TIME ZONE {zone})", of_kind(self, Kind::Instant)?)
            }
            Kind::Int if self.one_in(2) => format!("length({})", of_kind(self, Kind::Text)?),
            Kind::Int => format!("extract(dow FROM {})::int", of_kind(self, Kind::Instant)?),
            Kind::Instant if self.one_in(2) => format!("date_trunc('day', {})", of_kind(self, Kind::Instant)?),
            Kind::Text if self.one_in(3) => format!("coalesce({}, '-')", of_kind(self, Kind::Text)?),
            Kind::Big if self.one_in(2) => format!("({} % 10)", of_kind(self, Kind::Big)?),
            Kind::Flag if self.one_in(2) => format!("({} > 'c')", of_kind(self, Kind::Text)?),
            _ => self.one_of(&columns)?,
        })
    }

    /// Something of `kind` that is no expression of others, as far as this query goes.
    fn leaf(&mut self, kind: Kind, scope: &Scope, depth: u32) -> String {
        if self.one_in(NULLS) {
            return format!("NULL::{}", kind.sql());
        }
        if self.one_in(LITERALS) {
            return self.random.pick(rules::literals(kind)).to_owned();
        }
        let found = match &scope.groups {
            None => scope.columns(kind),
            Some(groups) => groups.iter().filter(|(of, _)| *of == kind).map(|(_, key)| key.clone()).collect(),
        };
        if scope.groups.is_some() && (found.is_empty() || self.one_in(2)) {
            return self.aggregate(kind, scope);
        }
        if let Some(found) = self.one_of(&found) {
            return found;
        }
        // Most views have instants, decimals and texts only; what else they have is made of those.
        let made = match kind {
            _ if scope.tables.is_empty() || scope.groups.is_some() => None,
            Kind::Date => Some("{instant}::date"),
            Kind::Stamp => Some("({instant} AT TIME ZONE {zone})"),
            Kind::Double => Some("{decimal}::float8"),
            Kind::Int => Some("length({text})"),
            _ => None,
        };
        match made {
            Some(rule) if depth > 0 || self.one_in(2) => self.expand(rule, kind, scope, 0),
            _ => self.random.pick(rules::literals(kind)).to_owned(),
        }
    }

    /// `rule` with its names replaced.
    pub(super) fn expand(&mut self, rule: &str, own: Kind, scope: &Scope, depth: u32) -> String {
        let (mut made, mut told) = (String::new(), Vec::<(&str, String)>::new());
        for part in rule.split('{') {
            let Some((name, rest)) = part.split_once('}') else {
                made.push_str(part);
                continue;
            };
            let (name, of) = name.split_once('=').map_or((None, name), |(name, of)| (Some(name), of));
            let known = told.iter().find(|(known, _)| *known == of).map(|(_, text)| text.clone());
            let text = match known {
                Some(text) => text,
                None => self.named(of, own, scope, depth),
            };
            if let Some(name) = name {
                told.push((name, text.clone()));
            }
            made.push_str(&text);
            made.push_str(rest);
        }
        made
    }

    fn named(&mut self, name: &str, own: Kind, scope: &Scope, depth: u32) -> String {
        if name == "same" {
            return self.value(own, scope, depth);
        }
        if name == "n" {
            return (1 + self.random.below(9)).to_string();
        }
        match (rules::words(name), Kind::named(name)) {
            (Some(words), _) => self.random.pick(words).to_owned(),
            (None, Some(kind)) => self.value(kind, scope, depth),
            (None, None) => panic!("no rule may say {name}"),
        }
    }
}
