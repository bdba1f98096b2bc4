//! asyncpg's question what a type is made of, which it asks of each array before it reads or sends one.
//!
//! It follows domains, composite types, ranges and arrays down to what it knows, by a recursive query whose parts hang together
//! in ways that DataFusion does not plan. There are only PostgreSQL's own types here, and it knows their parts; so the question
//! is answered by a look-up under the same names. Not here: the rest of how clients look around ([`super::introspection`]).

use datafusion::sql::sqlparser::ast::{Query, Statement, With};

use super::dialect;

/// What asyncpg calls the types that it has found so far.
const ASKED_AS: &str = "typeinfo_tree";
const ANSWER: &str = "SELECT t.oid, ns.nspname AS ns, t.typname AS name, t.typtype AS kind, CAST(NULL AS INT) AS basetype, \
    t.typelem AS elemtype, element.typdelim AS elemdelim, of_range.rngsubtype AS range_subtype, \
    CAST(NULL AS TEXT[]) AS attrtypoids, CAST(NULL AS TEXT[]) AS attrnames, 0 AS depth, \
    CAST(NULL AS TEXT) AS basetype_name, element.typname AS elemtype_name, CAST(NULL AS TEXT) AS range_subtype_name \
    FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace ns ON ns.oid = t.typnamespace \
    LEFT JOIN pg_catalog.pg_type element ON element.oid = t.typelem AND t.typlen = -1 \
    LEFT JOIN pg_catalog.pg_range of_range ON of_range.rngtypid = t.oid \
    WHERE array_contains($1::oid[], t.oid)";

/// Puts the answer in the place of the question.
pub(super) fn answered(statement: &mut Statement) {
    if let Statement::Query(query) = statement
        && asks(query)
        && let Some(answer) = dialect::one_query(ANSWER)
    {
        **query = answer;
    }
}

fn asks(query: &Query) -> bool {
    let named = |with: &With| with.recursive && with.cte_tables.iter().any(|table| table.alias.name.value == ASKED_AS);
    query.with.as_ref().is_some_and(named)
}

#[cfg(test)]
mod tests {
    use super::super::dialect::Dialect;

    #[test]
    fn it_is_known_by_the_name_of_what_it_collects() {
        let parsed = |sql: &str| Dialect::default().parse(sql).unwrap().remove(0).to_string();
        let asked = "WITH RECURSIVE typeinfo_tree(oid) AS (SELECT oid FROM pg_type UNION ALL SELECT oid FROM typeinfo_tree) \
            SELECT * FROM typeinfo_tree";
        assert!(parsed(asked).contains("AS elemtype_name"), "{}", parsed(asked));
        let other = asked.replace("typeinfo_tree", "types");
        assert!(!parsed(&other).contains("AS elemtype_name"), "{}", parsed(&other));
    }
}
