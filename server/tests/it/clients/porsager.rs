//! porsager's `postgres` for node, of which drizzle is often made: statements in pieces, portions, many at once on a
//! connection.

use actors::PLATFORM;

use super::{rig, tools};

#[test]
fn it_works_as_with_postgres() {
    let Some(mut node) = tools::node() else { return };
    let told = rig().told(node.arg(tools::script("porsager.js")), PLATFORM);
    assert!(told.ends_with("pooled: 40 answers\n"), "{told}");
}
