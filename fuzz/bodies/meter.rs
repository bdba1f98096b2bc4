//! Definitions of meters as the API takes them: any JSON is a meter, refused with its field, or an error; a calendar that
//! is accepted has periods without gaps.
//!
//! The first eight bytes are an instant, the rest is the definition.

use engine::meter::{Meter, Window};

pub(crate) fn run(input: &[u8]) {
    let Some((instant, definition)) = input.split_first_chunk() else { return };
    let Ok(meter) = serde_json::from_slice::<Meter>(definition) else { return };
    let json = serde_json::to_string(&meter).expect("a meter is JSON");
    assert_eq!(serde_json::from_str::<Meter>(&json).expect("a meter is read back"), meter);
    if let Err(error) = meter.validate() {
        assert!(!error.field.is_empty() && !error.reason.is_empty());
        return;
    }
    let Window::Calendar(calendar) = &meter.window else { return };
    let mut periods = calendar.periods().expect("it was validated");
    let instant_us = i64::from_le_bytes(*instant);
    let Ok(period) = periods.containing(instant_us) else { return };
    assert!(period.contains(instant_us), "{instant_us} is not in {period:?}");
    for edge in [period.start_us - 1, period.end_us] {
        if let Ok(neighbour) = periods.containing(edge) {
            assert!(
                neighbour.start_us == period.end_us || neighbour.end_us == period.start_us,
                "{neighbour:?} beside {period:?}"
            );
        }
    }
}
