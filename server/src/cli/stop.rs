//! Ctrl-C and SIGTERM: the first asks for a drain, the second ends the process at once (which loses nothing that was
//! acknowledged, I1).

use tokio::signal::unix::{SignalKind, signal};

/// Exit code of a process that was interrupted, as shells have it.
const INTERRUPTED: i32 = 130;

/// Ends at the first Ctrl-C or SIGTERM; from then on the next one ends the process.
///
/// # Errors
/// If the signals can't be listened to.
pub(super) async fn asked() -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    std::thread::Builder::new().name("impatience".into()).spawn(move || {
        futures::executor::block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        std::process::exit(INTERRUPTED);
    })?;
    Ok(())
}
