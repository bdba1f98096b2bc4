//! Connections that are kept for the next message.

use std::time::Duration;

use server::webhooks::answer::Outcome;
use server::webhooks::exchange::Limits;
use tokio::time::sleep;

use super::endpoint::{Endpoint, Step, answer, exchange, limits, message};

fn ok() -> String {
    answer("200 OK", "", "thanks")
}

#[tokio::test]
async fn one_connection_takes_many_messages() {
    let endpoint = Endpoint::start(|number| {
        Step::Answer(match number % 3 {
            0 => ok(),
            1 => "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n".into(),
            _ => answer("500 Internal Server Error", "", "sorry"),
        })
    });
    let endpoint = endpoint.await;
    let sender = exchange(limits());
    for _ in 0..30 {
        assert!(sender.post(&message(endpoint.url())).await.status.is_some());
    }
    assert_eq!((endpoint.told.connections(), endpoint.told.requests()), (1, 30));
}

#[tokio::test]
async fn a_connection_that_the_host_closed_is_made_again() {
    // With and without a word, at once and while the next message is on its way.
    let steps = [
        Step::Close(ok()),
        Step::Answer(answer("200 OK", "connection: close\r\n", "thanks")),
        Step::Close(answer("200 OK", "connection: close\r\n", "thanks")),
    ];
    for step in steps {
        let endpoint = Endpoint::always(step).await;
        let sender = exchange(limits());
        for round in 1..=5 {
            let attempt = sender.post(&message(endpoint.url())).await;
            assert_eq!(attempt.outcome, Outcome::Delivered, "{attempt:?}");
            assert_eq!((endpoint.told.connections(), endpoint.told.requests()), (round, round));
            sleep(Duration::from_millis(20)).await;
        }
    }
    let endpoint = Endpoint::start(|number| match number {
        1 => Step::Close(String::new()),
        _ => Step::Answer(ok()),
    });
    let endpoint = endpoint.await;
    let sender = exchange(limits());
    for _ in 0..2 {
        assert_eq!(sender.post(&message(endpoint.url())).await.outcome, Outcome::Delivered);
    }
    assert_eq!((endpoint.told.connections(), endpoint.told.requests()), (2, 3), "the second was sent twice");
}

#[tokio::test]
async fn what_an_endpoint_says_unasked_is_no_answer() {
    let unasked = answer("500 Internal Server Error", "", "no");
    for step in [Step::Answer(ok() + &unasked), Step::Chatter(ok(), unasked)] {
        let endpoint = Endpoint::always(step).await;
        let sender = exchange(limits());
        for _ in 0..5 {
            let attempt = sender.post(&message(endpoint.url())).await;
            assert_eq!((attempt.status, attempt.outcome), (Some(200), Outcome::Delivered));
            sleep(Duration::from_millis(60)).await;
        }
        assert_eq!(endpoint.told.connections(), 5);
    }
}

#[tokio::test]
async fn kept_connections_are_few_and_not_old() {
    let endpoint = Endpoint::always(Step::Answer(ok())).await;
    let url = endpoint.url();
    for (limits, connections) in [
        (Limits { idle_for: Duration::ZERO, ..limits() }, 3),
        (Limits { age: Duration::ZERO, ..limits() }, 3),
        (Limits { idle: 0, ..limits() }, 3),
        (Limits { idle_per_host: 0, ..limits() }, 3),
        (limits(), 1),
    ] {
        let before = endpoint.told.connections();
        let sender = exchange(limits);
        for _ in 0..3 {
            assert_eq!(sender.post(&message(&url)).await.outcome, Outcome::Delivered);
        }
        assert_eq!(endpoint.told.connections() - before, connections);
    }
}

#[tokio::test]
async fn nothing_is_kept_for_who_sends_no_more() {
    let endpoint = Endpoint::always(Step::Answer(ok())).await;
    let sender = exchange(Limits { idle_for: Duration::from_millis(200), ..limits() });
    assert_eq!(sender.post(&message(endpoint.url())).await.outcome, Outcome::Delivered);
    assert_eq!(sender.sweep(), 1);
    sleep(Duration::from_millis(200)).await;
    assert_eq!(endpoint.told.open(), 1);
    // The one who tends sweeps at once.
    tokio::time::timeout(Duration::from_millis(50), sender.tend()).await.unwrap_err();
    assert_eq!((sender.sweep(), endpoint.told.open()), (0, 0));
}

#[tokio::test]
async fn messages_at_once_have_connections_of_their_own() {
    let endpoint = Endpoint::always(Step::Answer(ok())).await;
    let sender = exchange(limits());
    let own = message(endpoint.url());
    for _ in 0..10 {
        let (a, b) = tokio::join!(Box::pin(sender.post(&own)), Box::pin(sender.post(&own)));
        assert_eq!((a.outcome, b.outcome), (Outcome::Delivered, Outcome::Delivered));
    }
    assert_eq!((endpoint.told.connections(), endpoint.told.requests()), (2, 20));
}
