//! Replaying the journal gives the state that was live, whatever was asked before (I4).

use actors::restore::restore;
use actors::snapshots::{MemorySnapshots, Snapshots};
use proptest::prelude::*;

use crate::arbitrary::steps;
use crate::world::{Tenants, drive, journal};

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn replayed_state_is_live_state(steps in steps(), snapshot_at in 0..40usize) {
        let journal = journal();
        let snapshots = MemorySnapshots::default();
        let mut live = Tenants::new();
        let mut now_us = 1;
        for (at, (tenant, command, later_us)) in steps.into_iter().enumerate() {
            if at == snapshot_at {
                let records: Vec<_> = live.clone().into_iter().filter(|(_, record)| record.head.sequence > 0).collect();
                snapshots.put_batch(&records, journal.end()).unwrap();
            }
            now_us += later_us;
            let before = live.get(&tenant).cloned().unwrap_or_default();
            if drive(&journal, &mut live, &tenant, command, now_us).is_err() {
                prop_assert_eq!(&live[&tenant], &before, "a rejected command changes nothing");
            }
        }
        live.retain(|_, record| record.head.sequence > 0);

        let cold = restore(&MemorySnapshots::default(), &journal).unwrap();
        prop_assert_eq!(cold.applied, journal.end());
        prop_assert_eq!(cold.tenants.into_iter().collect::<Tenants>(), live.clone());
        let warm = restore(&snapshots, &journal).unwrap();
        prop_assert_eq!(warm.tenants.into_iter().collect::<Tenants>(), live);
    }
}
