//! Allocations and reallocations of the whole process, so the engine's own threads count too: only with the feature
//! `allocations`, because counting them distorts every time. Not here: how many bytes.

#[cfg(feature = "allocations")]
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

/// Whether this run counts.
pub(crate) const COUNTED: bool = cfg!(feature = "allocations");

#[cfg(feature = "allocations")]
#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

/// As the node's binary has it.
#[cfg(not(feature = "allocations"))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A count under way.
pub(crate) struct Count(#[cfg(feature = "allocations")] Region<'static, std::alloc::System>);

impl Count {
    pub(crate) fn begin() -> Self {
        Self(
            #[cfg(feature = "allocations")]
            Region::new(ALLOCATOR),
        )
    }

    /// How many since it began, if this run counts.
    pub(crate) fn end(self) -> Option<usize> {
        #[cfg(feature = "allocations")]
        return Some(self.0.change()).map(|change| change.allocations + change.reallocations);
        #[cfg(not(feature = "allocations"))]
        None
    }
}
