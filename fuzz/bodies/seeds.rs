//! Replays the committed inputs of a fuzz target, for the ordinary tests of the room that it fuzzes.

use std::panic::catch_unwind;
use std::path::Path;

/// Runs the target's body over each of its seeds.
pub(crate) fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target);
    let mut seeds = 0;
    for entry in std::fs::read_dir(&folder).expect("every target has a folder of seeds") {
        let path = entry.expect("the folder can be listed").path();
        let input = std::fs::read(&path).expect("a seed can be read");
        // The panic's own message stands above this one.
        assert!(catch_unwind(|| run(&input)).is_ok(), "{} breaks the target", path.display());
        seeds += 1;
    }
    assert!(seeds > 0, "no seeds in {}", folder.display());
}
