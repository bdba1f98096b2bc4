//! Ctrl-C and SIGTERM: the first asks for a drain, the second ends the process at once (which loses nothing that was
//! acknowledged, I1).
//!
//! They are heard on a thread of their own, which works when the runtime of the doors is stuck.

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// Exit code of a process that was interrupted, as shells have it.
const INTERRUPTED: i32 = 130;

/// Ends at the first Ctrl-C or SIGTERM; from then on the next one ends the process.
///
/// # Errors
/// If the signals can't be listened to.
pub(super) async fn asked() -> std::io::Result<()> {
    let (asks, asked) = oneshot::channel();
    std::thread::Builder::new().name("signals".into()).spawn(move || listen(asks))?;
    asked.await.map_err(std::io::Error::other)?
}

fn listen(asks: oneshot::Sender<std::io::Result<()>>) {
    let listening = Builder::new_current_thread().enable_io().build().and_then(|runtime| {
        let signals = {
            let _here = runtime.enter();
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
        };
        Ok((runtime, signals))
    });
    let (runtime, (mut interrupt, mut terminate)) = match listening {
        Ok(listening) => listening,
        // Who asked may have gone, here and below.
        Err(error) => return drop(asks.send(Err(error))),
    };
    runtime.block_on(async {
        let mut next = async || {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        next().await;
        let _ = asks.send(Ok(()));
        next().await;
        std::process::exit(INTERRUPTED);
    });
}
