//! Endpoints that keep still, at every step.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use server::webhooks::answer::{Outcome, Reason};
use server::webhooks::exchange::Limits;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::endpoint::{Endpoint, Step, answer, exchange, limits, message};

const SHORT: Duration = Duration::from_millis(400);

fn short() -> Limits {
    Limits { attempt: SHORT, ..limits() }
}

#[tokio::test]
async fn who_keeps_still_is_given_up() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let head = Endpoint::always(Step::Hang(String::new())).await;
    let within_head = Endpoint::always(Step::Hang("HTTP/1.1 200 OK\r\nx: ".into())).await;
    let body = Endpoint::always(Step::Hang("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".into())).await;
    let endless = Endpoint::always(Step::Hang("HTTP/1.1 100 Continue\r\n\r\n".repeat(50))).await;
    let cases = [
        (format!("http://{}/", nobody.local_addr().unwrap()), None, ""),
        (head.url(), None, ""),
        (within_head.url(), None, ""),
        (body.url(), Some(200), "half"),
        (endless.url(), None, ""),
        // No TLS is begun by who has to wait for it.
        (format!("https://{}/", head.address), None, ""),
        (format!("https://{}/", nobody.local_addr().unwrap()), None, ""),
    ];
    for (url, status, text) in cases {
        let begin = Instant::now();
        let attempt = exchange(short()).post(&message(&url)).await;
        assert_eq!(attempt.outcome, Outcome::Failed(Reason::Timeout), "{url}");
        assert_eq!((attempt.status, attempt.answer.as_str()), (status, text), "{url}");
        assert!((SHORT..2 * SHORT).contains(&begin.elapsed()), "{url}: {:?}", begin.elapsed());
        assert!((SHORT..2 * SHORT).contains(&attempt.latency), "{url}: {:?}", attempt.latency);
    }
}

#[tokio::test]
async fn who_takes_no_connection_is_given_up() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let full = socket.listen(1).unwrap();
    let address = full.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(connected) = tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(address)).await {
        waiting.push(connected.unwrap());
    }
    let attempt = exchange(Limits { connect: SHORT, ..limits() }).post(&message(format!("http://{address}/"))).await;
    assert_eq!(attempt.outcome, Outcome::Failed(Reason::Timeout));
    assert!((SHORT..2 * SHORT).contains(&attempt.latency), "{:?}", attempt.latency);

    drop((full, waiting));
    let attempt = exchange(limits()).post(&message(format!("http://{address}/"))).await;
    assert_eq!(attempt.outcome, Outcome::Failed(Reason::Connect));
}

#[tokio::test]
async fn who_hangs_holds_its_own_places_only() {
    let hanging = Endpoint::always(Step::Hang(String::new())).await;
    let fine = Endpoint::always(Step::Answer(answer("200 OK", "", ""))).await;
    let few = Limits { attempts: 3, attempts_per_host: 2, waits_per_host: 2, wait: SHORT * 3 / 4, ..short() };
    let sender = exchange(few);
    let stuck = message(hanging.url());
    let many = async {
        let post = || {
            Box::pin(async {
                let begin = Instant::now();
                (sender.post(&stuck).await.outcome, begin.elapsed())
            })
        };
        let (a, b, c, d, e, f) = tokio::join!(post(), post(), post(), post(), post(), post());
        [a, b, c, d, e, f]
    };
    let others = async {
        tokio::time::sleep(SHORT / 4).await;
        for _ in 0..20 {
            let begin = Instant::now();
            assert_eq!(sender.post(&message(fine.url())).await.outcome, Outcome::Delivered);
            assert!(begin.elapsed() < SHORT / 4, "{:?}", begin.elapsed());
        }
    };
    let (stuck, ()) = tokio::join!(many, others);
    let is = |number: usize, reason, at_once| {
        let (outcome, took) = stuck[number];
        outcome == Outcome::Failed(reason) && (took < SHORT / 4) == at_once
    };
    // Two have a place, two wait for one in vain, and two more may not even wait.
    assert!((0..2).all(|number| is(number, Reason::Timeout, false)), "{stuck:?}");
    assert!((2..4).all(|number| is(number, Reason::Busy, false)), "{stuck:?}");
    assert!((4..6).all(|number| is(number, Reason::Busy, true)), "{stuck:?}");
    assert_eq!(hanging.told.requests(), 2, "what was told to be busy was not sent");
}

#[tokio::test]
async fn an_attempt_that_is_dropped_leaves_nothing() {
    let hanging = Endpoint::always(Step::Hang(String::new())).await;
    let sender = exchange(Limits { attempts: 1, attempts_per_host: 1, waits_per_host: 0, ..limits() });
    let stuck = message(hanging.url());
    for round in 1..=3 {
        let post = tokio::time::timeout(Duration::from_millis(100), Box::pin(sender.post(&stuck)));
        assert!(post.await.is_err(), "its place was free");
        assert_eq!(hanging.told.requests(), round);
    }
}
