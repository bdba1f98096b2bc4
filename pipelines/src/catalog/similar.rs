//! Patterns of `SIMILAR TO`, and what a point means in those of `~`, as Postgres has them, in regular expressions of Rust.
//!
//! DataFusion takes a pattern of `SIMILAR TO` for a regular expression, which finds it anywhere and knows no `%`. Not
//! here: `LIKE`, which is the same in both.

use datafusion::common::{Result, not_impl_err, plan_err};
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Value, ValueWithSpan};

/// What Postgres takes for an escape where none is named.
const ESCAPE: char = '\\';
/// A point stands for every character, a line's end too.
const EVERY: &str = "(?s)";

/// The comparison that `expression` is, if it is one with such a pattern.
///
/// # Errors
/// A pattern that is no constant, or none at all.
pub(super) fn rewritten(expression: &Expr) -> Result<Option<Expr>> {
    match expression {
        Expr::SimilarTo { negated, expr, pattern, escape_char } => {
            let Some(pattern) = constant(pattern) else {
                return not_impl_err!("SIMILAR TO takes a constant pattern here");
            };
            let escape = match escape_char.as_ref().map(|escape| &escape.value) {
                None => Some(ESCAPE),
                Some(Value::SingleQuotedString(escape)) if escape.chars().count() <= 1 => escape.chars().next(),
                Some(_) => return plan_err!("an escape is one character"),
            };
            let op = if *negated { BinaryOperator::PGRegexNotMatch } else { BinaryOperator::PGRegexMatch };
            let right = Box::new(text(&regular(pattern, escape)?));
            // A comparison binds less than what may stand around it.
            let found = Expr::BinaryOp { left: expr.clone(), op, right };
            Ok(Some(Expr::Nested(Box::new(found))))
        }
        Expr::BinaryOp { left, op, right } if is_match(op) => match constant(right) {
            Some(pattern) if pattern.contains('.') && !pattern.starts_with(EVERY) && !pattern.starts_with("***") => {
                let right = Box::new(text(&format!("{EVERY}{pattern}")));
                Ok(Some(Expr::BinaryOp { left: left.clone(), op: op.clone(), right }))
            }
            _ => Ok(None),
        },
        _ => Ok(None),
    }
}

fn is_match(op: &BinaryOperator) -> bool {
    use BinaryOperator::{PGRegexIMatch, PGRegexMatch, PGRegexNotIMatch, PGRegexNotMatch};
    matches!(op, PGRegexMatch | PGRegexIMatch | PGRegexNotMatch | PGRegexNotIMatch)
}

fn constant(pattern: &Expr) -> Option<&str> {
    match pattern {
        Expr::Nested(inner) => constant(inner),
        Expr::Value(ValueWithSpan {
            value: Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text),
            ..
        }) => Some(text),
        _ => None,
    }
}

fn text(text: &str) -> Expr {
    Expr::value(Value::SingleQuotedString(text.to_owned()))
}

/// `pattern` as a regular expression of the whole text.
fn regular(pattern: &str, escape: Option<char>) -> Result<String> {
    let mut made = format!("^{EVERY}(?:");
    let mut rest = pattern.chars().peekable();
    let mut in_class = false;
    while let Some(next) = rest.next() {
        match next {
            _ if Some(next) == escape => match rest.next() {
                Some('"') => return not_impl_err!("SIMILAR TO with the parts of substring"),
                Some(literal) => push_literal(&mut made, literal),
                None => return plan_err!("a pattern of SIMILAR TO must not end with its escape"),
            },
            ']' if in_class => {
                in_class = false;
                made.push(']');
            }
            // A named class, as `[:digit:]`, goes on to its end.
            '[' if in_class && rest.peek() == Some(&':') => {
                made.push('[');
                for part in rest.by_ref() {
                    made.push(part);
                    if part == ']' {
                        break;
                    }
                }
            }
            '[' if !in_class => {
                in_class = true;
                made.push('[');
                if let Some(not) = rest.next_if_eq(&'^') {
                    made.push(not);
                }
                // First in it, the end is a character.
                if rest.next_if_eq(&']').is_some() {
                    made.push_str("\\]");
                }
            }
            '[' | '&' | '~' | '\\' if in_class => {
                made.push('\\');
                made.push(next);
            }
            _ if in_class => made.push(next),
            '%' => made.push_str(".*"),
            '_' => made.push('.'),
            '(' => made.push_str("(?:"),
            ')' | '|' | '*' | '+' | '?' | '{' | '}' => made.push(next),
            _ => push_literal(&mut made, next),
        }
    }
    made.push_str(")$");
    Ok(made)
}

fn push_literal(made: &mut String, literal: char) {
    if literal.is_ascii_punctuation() {
        made.push('\\');
    }
    made.push(literal);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_of_the_whole_text() {
        let check = |pattern: &str, escape: Option<char>, expect: &str| {
            assert_eq!(regular(pattern, escape).unwrap(), format!("^(?s)(?:{expect})$"), "{pattern}");
        };
        check("abc", Some('\\'), "abc");
        check("%(b|d)%", Some('\\'), ".*(?:b|d).*");
        check("a_c", Some('\\'), "a.c");
        check("a\\_c", Some('\\'), "a\\_c");
        check("a!%", Some('!'), "a\\%");
        check("a.c$", Some('\\'), "a\\.c\\$");
        check("[a-c&^%_]+", Some('\\'), "[a-c\\&^%_]+");
        check("[^]x]{2}", Some('\\'), "[^\\]x]{2}");
        check("[[:digit:]x]", Some('\\'), "[[:digit:]x]");
        check("a\\b", None, "a\\\\b");
        assert!(regular("a\\", Some('\\')).is_err());
    }
}
