//! Many endpoints at once, some of which hang: how long a message takes to the others.

use std::sync::Arc;
use std::time::Duration;

use server::webhooks::answer::{Outcome, Reason};
use server::webhooks::exchange::{Exchange, Limits, Message};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::endpoint::{Endpoint, Step, answer, exchange, limits, message};

const ENDPOINTS: usize = 1000;
const HANGING: usize = 100;
const PER_SECOND: u32 = 3000;
const SECONDS: u32 = 20;

async fn endpoints(hanging: usize) -> Vec<Endpoint> {
    let mut endpoints = Vec::new();
    for number in 0..ENDPOINTS {
        let fine = Step::Answer(answer("200 OK", "", "ok"));
        endpoints.push(Endpoint::always(if number < hanging { Step::Hang(String::new()) } else { fine }).await);
    }
    endpoints
}

#[derive(Debug, Default)]
struct Counted {
    healthy: Vec<Duration>,
    hung: usize,
    busy: usize,
}

/// Sends at a steady pace, whether or not answers come; takes the time from when each message was due.
async fn send(sender: &Arc<Exchange>, messages: &[Arc<Message>], hanging: usize) -> Counted {
    let mut attempts = JoinSet::new();
    let mut counted = Counted::default();
    let begin = Instant::now();
    let mut note = |(number, latency, outcome): (usize, Duration, Outcome)| match outcome {
        Outcome::Delivered => counted.healthy.push(latency),
        Outcome::Failed(Reason::Timeout) if number < hanging => counted.hung += 1,
        Outcome::Failed(Reason::Busy) if number < hanging => counted.busy += 1,
        other => panic!("{number}: {other:?}"),
    };
    for nth in 0..PER_SECOND * SECONDS {
        let due = begin + Duration::from_secs(1) * nth / PER_SECOND;
        sleep_until(due).await;
        // Every endpoint in turn, those that hang among the others.
        let number = usize::try_from(nth).unwrap() * 7919 % ENDPOINTS;
        let (sender, message) = (Arc::clone(sender), Arc::clone(&messages[number]));
        attempts.spawn(async move {
            let attempt = sender.post(&message).await;
            (number, due.elapsed(), attempt.outcome)
        });
        while let Some(done) = attempts.try_join_next() {
            note(done.unwrap());
        }
    }
    println!(
        "{} messages at {:.0}/s",
        PER_SECOND * SECONDS,
        f64::from(PER_SECOND * SECONDS) / begin.elapsed().as_secs_f64()
    );
    while let Some(done) = attempts.join_next().await {
        note(done.unwrap());
    }
    counted.healthy.sort();
    counted
}

async fn measured(hanging: usize) -> Counted {
    let endpoints = endpoints(hanging).await;
    let messages: Vec<_> = endpoints.iter().map(|endpoint| Arc::new(message(endpoint.url()))).collect();
    let sender = Arc::new(exchange(Limits { attempt: Duration::from_secs(15), ..limits() }));
    let counted = send(&sender, &messages, hanging).await;
    let at = |part: usize| counted.healthy[counted.healthy.len() * part / 1000];
    println!(
        "{hanging} of {ENDPOINTS} hang: {} delivered, p50 {:?}, p99 {:?}, p99.9 {:?}, most {:?}; {} hung, {} busy",
        counted.healthy.len(),
        at(500),
        at(990),
        at(999),
        counted.healthy.last().unwrap(),
        counted.hung,
        counted.busy,
    );
    let connections: usize = endpoints[hanging..].iter().map(|endpoint| endpoint.told.connections()).sum();
    println!("{connections} connections to those that do not hang");
    counted
}

/// `cargo test --release --test it crowd -- --ignored --nocapture`, with `ulimit -n 16384`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn those_that_hang_do_not_hold_the_others() {
    let alone = Box::pin(measured(0)).await;
    let beside = Box::pin(measured(HANGING)).await;
    let expected = usize::try_from(PER_SECOND * SECONDS).unwrap();
    assert_eq!(alone.healthy.len(), expected);
    assert_eq!(beside.healthy.len(), expected / ENDPOINTS * (ENDPOINTS - HANGING));
    assert!(beside.hung > 0 && beside.busy > 0);
}
