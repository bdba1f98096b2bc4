//! What is different between two specifications, member by member.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

/// A member that is not what it was.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Difference {
    /// Its path in the specification.
    #[schema(example = "window.tumbling.size_s")]
    pub field: String,
    /// What it was; null if it was absent.
    #[schema(value_type = Object)]
    pub before: Value,
    /// What it is; null if it is absent.
    #[schema(value_type = Object)]
    pub after: Value,
}

/// Every member that differs; of members within members the innermost.
pub(super) fn between(before: &Value, after: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    walk(String::new(), before, after, &mut found);
    found
}

fn walk(field: String, before: &Value, after: &Value, found: &mut Vec<Difference>) {
    match (before, after) {
        (one, other) if one == other => {}
        (Value::Object(one), Value::Object(other)) => {
            let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for name in names {
                let inner = if field.is_empty() { name.clone() } else { format!("{field}.{name}") };
                walk(inner, one.get(name).unwrap_or(&Value::Null), other.get(name).unwrap_or(&Value::Null), found);
            }
        }
        _ => found.push(Difference { field, before: before.clone(), after: after.clone() }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_innermost_members_are_named() {
        let before = json!({"a": {"b": 1, "c": [1, 2]}, "same": true, "gone": "x"});
        let after = json!({"a": {"b": 2, "c": [1]}, "same": true, "new": {"d": null}});
        let fields: Vec<_> = between(&before, &after).into_iter().map(|found| found.field).collect();
        assert_eq!(fields, ["a.b", "a.c", "gone", "new"]);
        assert_eq!(between(&before, &before), []);
    }
}
