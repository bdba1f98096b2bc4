//! Node's `pg`, which knex, TypeORM, Sequelize and others are made of: parameters without types, columns of one name, cursors,
//! a pool.

use actors::PLATFORM;

use super::{rig, snippet, tools};

#[test]
fn the_snippet_reads() {
    let Some(mut node) = tools::node() else { return };
    let told = rig().told(node.args(["-e", snippet("Node: pg")]), "acme");
    assert_eq!(told.lines().next(), Some("2026-11-23T11:59:00.000Z 60.000000000"), "{told}");
}

#[test]
fn it_works_as_with_postgres() {
    let Some(mut node) = tools::node() else { return };
    let told = rig().told(node.arg(tools::script("node_pg.js")), PLATFORM);
    assert!(told.ends_with("pooled: 40 answers by 4 clients\n"), "{told}");
}
