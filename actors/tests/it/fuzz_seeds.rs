//! What fuzzing found or began with, run again: the bodies of the fuzz targets over their seeds.

#[path = "../../../fuzz/bodies/seeds.rs"]
mod seeds;
#[path = "../../../fuzz/bodies/api_key.rs"]
mod api_key;
#[path = "../../../fuzz/bodies/journal.rs"]
mod journal;

#[test]
fn records_of_the_journal() {
    seeds::replay("journal", journal::run);
}

#[test]
fn keys_that_are_presented() {
    seeds::replay("api_key", api_key::run);
}
