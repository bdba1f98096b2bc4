//! Statements that mean harm, at all three doors of one node of its own process (I13): each is answered in time, the node lives,
//! and meanwhile others are answered at once.
//!
//! Not here: the bounds one by one (`pipelines/tests/it/views/hostile`), connections and bodies (`bounded`).

#[path = "../../../../pipelines/tests/it/views/hostile/forms.rs"]
mod forms;
mod doors;
mod planning;
