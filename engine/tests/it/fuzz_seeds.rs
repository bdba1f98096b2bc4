//! What fuzzing found or began with, run again: the bodies of the fuzz targets over their seeds.

#[path = "../../../fuzz/bodies/seeds.rs"]
mod seeds;
#[path = "../../../fuzz/bodies/batch.rs"]
mod batch;
#[path = "../../../fuzz/bodies/checkpoint.rs"]
mod checkpoint;
#[path = "../../../fuzz/bodies/cloudevents.rs"]
mod cloudevents;
#[path = "../../../fuzz/bodies/dedup.rs"]
mod dedup;
#[path = "../../../fuzz/bodies/meter.rs"]
mod meter;
#[path = "../../../fuzz/bodies/path.rs"]
mod path;
#[path = "../../../fuzz/bodies/segment.rs"]
mod segment;

#[test]
fn bodies_of_the_json_door() {
    seeds::replay("cloudevents", cloudevents::run);
}

#[test]
fn payloads_of_log_records() {
    seeds::replay("batch", batch::run);
}

#[test]
fn files_of_the_log() {
    seeds::replay("segment", segment::run);
}

#[test]
fn manifests_and_files_of_checkpoints() {
    seeds::replay("checkpoint", checkpoint::run);
}

#[test]
fn runs_of_dedup() {
    seeds::replay("dedup", dedup::run);
}

#[test]
fn paths_over_data() {
    seeds::replay("path", path::run);
}

#[test]
fn definitions_of_meters() {
    seeds::replay("meter", meter::run);
}
