//! The watchdog: asks each door, as a client would, and says when one no longer answers, and which thread waits for what.
//!
//! A hang is silent by nature: no request ends, so nothing is counted and nothing is logged, and whoever would answer
//! `/healthz` is stuck with the rest. So it has threads of its own, one a door, that know no runtime and take no part in the
//! node's work. It shows a silence in the log (one line for the door, one for each thread of the process), in `/metrics` and,
//! if that door still answers, in `/readyz`; ending the process is left to who runs it, because a stuck node may be wanted
//! for a look.
//!
//! Not here: what to ask ([`ask`]), what is known of threads ([`threads`]), what they say of themselves ([`doing`]).

mod ask;
pub mod doing;
pub mod threads;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use engine::lock::Lock;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use crate::config;
use crate::telemetry::metrics::{DoorLabels, Metrics, UnsignedGauge};

pub use ask::Wire;
use threads::ThreadState;

/// A silence that lasts is told again after so many times the silence that is allowed.
const TOLD_AGAIN: u32 = 30;

/// What is known of the doors; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Silences(Arc<Lock<BTreeMap<&'static str, Silence>>>);

/// A door that does not answer.
#[derive(Debug, Clone)]
pub struct Silence {
    /// Its last answer.
    pub since: Instant,
    /// Why the last question failed.
    pub reason: String,
    /// Every thread of the process when it was noticed.
    pub threads: Vec<ThreadState>,
}

/// Asks until it is dropped.
#[derive(Debug)]
pub struct Watchdog {
    /// Nothing is ever sent; that it is gone ends the threads.
    _asking: Sender<()>,
}

/// What one thread watches.
struct Watch {
    door: &'static str,
    wire: Wire,
    address: SocketAddr,
    every: Duration,
    silence_max: Duration,
    silences: Silences,
    silent: UnsignedGauge,
    hangs: Counter,
}

impl Watchdog {
    /// Asks the doors of `addresses` from now on; none if that is turned off or the machine gives no threads.
    pub fn start(
        options: &config::Watchdog,
        addresses: &[(&'static str, Wire, SocketAddr)],
        metrics: &Metrics,
        silences: Silences,
    ) -> Option<Self> {
        if options.silence_ms_max == 0 {
            return None;
        }
        let (silent, hangs) =
            (Family::<DoorLabels, UnsignedGauge>::default(), Family::<DoorLabels, Counter>::default());
        metrics.register("door_silent", "1 while a door does not answer the watchdog", silent.clone());
        metrics.register("door_hangs", "How often a door has stopped answering the watchdog", hangs.clone());
        let (asking, ended) = bounded(0);
        for &(door, wire, address) in addresses {
            let watch = Watch {
                door,
                wire,
                address: ask::reachable(address),
                every: Duration::from_millis(options.every_ms),
                silence_max: Duration::from_millis(options.silence_ms_max),
                silences: silences.clone(),
                silent: silent.get_or_create(&DoorLabels { door }).clone(),
                hangs: hangs.get_or_create(&DoorLabels { door }).clone(),
            };
            let ended = ended.clone();
            let thread = thread::Builder::new().name(format!("watch-{door}"));
            if let Err(error) = thread.spawn(move || watch.run(&ended)) {
                tracing::error!(door, %error, "the door is not watched: there is no thread for it");
            }
        }
        Some(Self { _asking: asking })
    }
}

impl Silences {
    /// Doors that do not answer now.
    pub fn now(&self) -> BTreeMap<&'static str, Silence> {
        self.0.lock().clone()
    }

    /// What `/readyz` says of them, if there are any.
    pub fn told(&self) -> Option<String> {
        let silences = self.now();
        let told = |(door, silence): (&&str, &Silence)| {
            format!("the {door} door has not answered for {} s: {}", silence.since.elapsed().as_secs(), silence.reason)
        };
        (!silences.is_empty()).then(|| silences.iter().map(told).collect::<Vec<_>>().join("; "))
    }
}

impl Watch {
    fn run(&self, ended: &Receiver<()>) {
        let mut answered = Instant::now();
        let mut told: Option<Instant> = None;
        loop {
            match self.ask() {
                Ok(()) => {
                    if told.take().is_some() {
                        self.silences.0.lock().remove(self.door);
                        self.silent.set(0);
                        let silent_ms = answered.elapsed().as_millis() as u64;
                        tracing::warn!(door = self.door, silent_ms, "the door answers again");
                    }
                    answered = Instant::now();
                }
                Err(error) if answered.elapsed() >= self.silence_max => {
                    let is_new = told.is_none();
                    if is_new {
                        self.hangs.inc();
                    }
                    if told.is_none_or(|told| told.elapsed() >= self.silence_max * TOLD_AGAIN) {
                        told = Some(Instant::now());
                        self.tell(answered, &error);
                    }
                }
                Err(_) => {}
            }
            if !matches!(ended.recv_timeout(self.every), Err(RecvTimeoutError::Timeout)) {
                self.silences.0.lock().remove(self.door);
                return;
            }
        }
    }

    /// Asks, and a second time if there was no answer: a process that was stopped for a while, with its machine say, finds its
    /// first question too old.
    fn ask(&self) -> std::io::Result<()> {
        let ask = |patience| ask::ask(self.wire, self.address, patience);
        ask(self.silence_max).or_else(|_| ask(self.every.max(Duration::from_millis(100))))
    }

    fn tell(&self, since: Instant, error: &std::io::Error) {
        let threads = threads::all();
        let silence = Silence { since, reason: error.to_string(), threads: threads.clone() };
        self.silences.0.lock().insert(self.door, silence);
        self.silent.set(1);
        // What is shown elsewhere comes first: the log may be what everybody waits for.
        let silent_ms = since.elapsed().as_millis() as u64;
        tracing::error!(
            door = self.door,
            address = %self.address,
            silent_ms,
            %error,
            threads = threads.len(),
            "the door does not answer; a line for each thread follows"
        );
        for thread in threads {
            tracing::error!(door = self.door, "{thread}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    const EVERY: Duration = Duration::from_millis(5);

    /// A door of which the connections from the `from`th to before the `until`th get no answer.
    fn door(from: usize, until: usize) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let mut unanswered = Vec::new();
            for (nth, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                if (from..until).contains(&nth) {
                    unanswered.push(stream);
                    continue;
                }
                let mut asked = [0; 8];
                let _ = stream.read(&mut asked);
                // Who asked may have gone.
                let _ = stream.write_all(b"S");
            }
        });
        address
    }

    fn wait_for(silences: &Silences, expect: &[&str]) {
        let begun = Instant::now();
        while silences.now().keys().copied().collect::<Vec<_>>() != expect {
            assert!(begun.elapsed() < Duration::from_secs(60), "{:?} instead of {expect:?}", silences.now());
            thread::sleep(EVERY);
        }
    }

    #[test]
    fn a_door_that_falls_silent_is_named_until_it_answers_again() {
        let options = config::Watchdog { every_ms: 5, silence_ms_max: 100 };
        let (metrics, silences) = (Metrics::default(), Silences::default());
        let doors = [("http", Wire::Http, door(9, 9)), ("postgres", Wire::Postgres, door(3, 9))];
        let watchdog = Watchdog::start(&options, &doors, &metrics, silences.clone()).unwrap();
        wait_for(&silences, &["postgres"]);
        let told = silences.told().unwrap();
        assert!(told.starts_with("the postgres door has not answered for"), "{told}");
        let me = thread::current().name().unwrap().chars().take(15).collect::<String>();
        let silence = silences.now().remove("postgres").unwrap();
        if cfg!(target_os = "linux") {
            assert!(silence.threads.iter().any(|thread| thread.name == me), "{me}: {:?}", silence.threads);
        }
        assert!(metrics.encode().contains("tenantry_door_silent{door=\"postgres\"} 1"));
        wait_for(&silences, &[]);
        let text = metrics.encode();
        for line in [
            "door_silent{door=\"postgres\"} 0",
            "door_hangs_total{door=\"postgres\"} 1",
            "door_hangs_total{door=\"http\"} 0",
        ] {
            assert!(text.contains(&format!("tenantry_{line}")), "{line} is not in\n{text}");
        }
        drop(watchdog);
    }

    #[test]
    fn a_door_whose_listener_is_gone_is_silent_too() {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let options = config::Watchdog { every_ms: 5, silence_ms_max: 20 };
        let silences = Silences::default();
        let _watchdog =
            Watchdog::start(&options, &[("flight", Wire::Http2, address)], &Metrics::default(), silences.clone());
        wait_for(&silences, &["flight"]);
    }
}
