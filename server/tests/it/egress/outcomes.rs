//! Every answer that an endpoint may give, and what it means.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hyper::header::{HOST, HeaderValue, TRANSFER_ENCODING};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use server::webhooks::answer::{ANSWER_MAX, Outcome, Reason};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::endpoint::{Endpoint, Step, answer, exchange, limits, message};

const OK: &str = "HTTP/1.1 200 OK\r\n";

#[tokio::test]
async fn an_answer_means_what_its_status_says() {
    let ok = Outcome::Delivered;
    let no = Outcome::Failed(Reason::Status);
    let seconds = |seconds| Outcome::Later(Some(Duration::from_secs(seconds)));
    let cases = [
        ("200 OK", "", ok),
        ("202 Accepted", "", ok),
        ("301 Moved Permanently", "location: http://127.0.0.1:9/\r\n", no),
        ("302 Found", "location: /elsewhere\r\n", no),
        ("307 Temporary Redirect", "location: http://169.254.169.254/latest\r\n", no),
        ("400 Bad Request", "", no),
        ("410 Gone", "", Outcome::Gone),
        ("429 Too Many Requests", "", Outcome::Later(None)),
        ("429 Too Many Requests", "retry-after: 7\r\n", seconds(7)),
        ("503 Service Unavailable", "retry-after: 120\r\n", seconds(120)),
        ("500 Internal Server Error", "retry-after: 120\r\n", no),
    ];
    for (status, headers, outcome) in cases {
        let endpoint = Endpoint::always(Step::Answer(answer(status, headers, "so be it"))).await;
        let attempt = exchange(limits()).post(&message(endpoint.url())).await;
        assert_eq!((attempt.outcome, attempt.answer.as_str()), (outcome, "so be it"), "{status} {headers}");
        assert_eq!(attempt.status.map(|status| status.to_string()).as_deref(), status.get(..3));
        // A redirect too is one request.
        assert_eq!((endpoint.told.connections(), endpoint.told.requests()), (1, 1), "{status}");
    }
}

#[tokio::test]
async fn a_pause_may_be_a_date() {
    let until = Timestamp::try_from(SystemTime::now() + Duration::from_secs(90)).unwrap();
    let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&until).unwrap();
    let text = answer("503 Service Unavailable", &format!("retry-after: {date}\r\n"), "");
    let endpoint = Endpoint::always(Step::Answer(text)).await;
    let attempt = exchange(limits()).post(&message(endpoint.url())).await;
    let Outcome::Later(Some(pause)) = attempt.outcome else { panic!("{attempt:?}") };
    assert!((85..=90).contains(&pause.as_secs()), "{pause:?}");
}

#[tokio::test]
async fn what_breaks_is_told_apart() {
    let cases = [
        (Step::Close(String::new()), Reason::Closed),
        (Step::Close("HTTP/1.1 20".into()), Reason::Closed),
        (Step::Close(format!("{OK}content-length: 100\r\n\r\nhalf")), Reason::Closed),
        (Step::Close(format!("{OK}transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n")), Reason::Closed),
        (Step::Close(format!("{OK}transfer-encoding: chunked\r\n\r\nzz\r\nhalf")), Reason::Malformed),
        (Step::Close("220 mail.example ESMTP\r\n".into()), Reason::Malformed),
        (Step::Close("\0\u{1}\u{2}garbage\r\n\r\n".into()), Reason::Malformed),
        (Step::Close("HTTP/1.1 999999 OK\r\n\r\n".into()), Reason::Malformed),
        (Step::Close(format!("{OK}content-length: 1\r\ncontent-length: 2\r\n\r\nx")), Reason::Malformed),
        (Step::Close(format!("{OK}x: {}\r\n\r\n", "y".repeat(1 << 20))), Reason::Malformed),
        (Step::Close(format!("{OK}{}\r\n", "x: y\r\n".repeat(101))), Reason::Malformed),
    ];
    for (number, (step, reason)) in cases.into_iter().enumerate() {
        let endpoint = Endpoint::always(step).await;
        let attempt = exchange(limits()).post(&message(endpoint.url())).await;
        assert_eq!(attempt.outcome, Outcome::Failed(reason), "{number}: {attempt:?}");
        assert_eq!(endpoint.told.requests(), 1, "{number}: a new connection is not tried twice");
    }
}

#[tokio::test]
async fn half_an_answer_is_shown_and_does_not_count() {
    let endpoint = Endpoint::always(Step::Close(format!("{OK}content-length: 100\r\n\r\nhalf"))).await;
    let attempt = exchange(limits()).post(&message(endpoint.url())).await;
    assert_eq!((attempt.status, attempt.answer.as_str()), (Some(200), "half"));
    assert_eq!(attempt.outcome, Outcome::Failed(Reason::Closed));
    // An answer without a length ends where the connection does.
    let endpoint = Endpoint::always(Step::Close(format!("{OK}\r\nall of it"))).await;
    let attempt = exchange(limits()).post(&message(endpoint.url())).await;
    assert_eq!((attempt.outcome, attempt.answer.as_str()), (Outcome::Delivered, "all of it"));
}

#[tokio::test]
async fn of_a_long_answer_the_beginning_is_read() {
    let endpoint = Endpoint::always(Step::Flood(1 << 30)).await;
    let sender = exchange(limits());
    let attempt = sender.post(&message(endpoint.url())).await;
    assert_eq!((attempt.outcome, attempt.answer.len()), (Outcome::Delivered, ANSWER_MAX));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let flooded = endpoint.told.flooded.load(std::sync::atomic::Ordering::SeqCst);
    // Mostly what the two sockets hold.
    assert!(flooded < 16 << 20, "{flooded} bytes were taken");
    println!("an endpoint that sends 1 GB got rid of {flooded} bytes");

    // A connection is used again if the whole answer was read.
    for (bytes, connections) in [(ANSWER_MAX, 1), (ANSWER_MAX + 1, 2), (1 << 20, 2)] {
        let endpoint = Endpoint::always(Step::Answer(answer("200 OK", "", &"x".repeat(bytes)))).await;
        for _ in 0..2 {
            let attempt = sender.post(&message(endpoint.url())).await;
            assert_eq!((attempt.outcome, attempt.answer.len()), (Outcome::Delivered, ANSWER_MAX));
        }
        assert_eq!(endpoint.told.connections(), connections, "{bytes}");
    }
}

#[tokio::test]
async fn who_answers_before_the_message_is_whole_is_heard() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut message = message(format!("http://{}/", listener.local_addr().unwrap()));
    message.body = Bytes::from(vec![b'x'; 64 << 20]);
    let mut task = JoinSet::new();
    task.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 64]).await.unwrap();
        stream.write_all(answer("410 Gone", "connection: close\r\n", "enough").as_bytes()).await.unwrap();
        // It takes no more of the message, so the message never ends.
        tokio::time::sleep(Duration::from_secs(60)).await;
    });
    let attempt = exchange(limits()).post(&message).await;
    assert_eq!((attempt.outcome, attempt.answer.as_str()), (Outcome::Gone, "enough"));
}

#[tokio::test]
async fn a_request_is_one_message() {
    let endpoint = Endpoint::always(Step::Answer(answer("200 OK", "", ""))).await;
    let mut message = message(format!("{}?a=b#c", endpoint.url()));
    message.headers.insert(HOST, HeaderValue::from_static("elsewhere"));
    message.headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    message.headers.insert("x-custom", HeaderValue::from_static("own"));
    assert_eq!(exchange(limits()).post(&message).await.outcome, Outcome::Delivered);
    let request = endpoint.told.requests.lock()[0].clone();
    let mut lines: Vec<_> = request.lines().map(str::to_owned).collect();
    assert_eq!(lines.remove(0), "POST /hook?a=b HTTP/1.1");
    assert_eq!(lines.pop().unwrap(), "{\"type\":\"test\"}");
    lines.sort();
    let expected = [
        String::new(),
        "content-length: 15".into(),
        "content-type: application/json".into(),
        format!("host: {}", endpoint.address),
        "user-agent: tenantry/0.1.0".into(),
        "x-custom: own".into(),
    ];
    assert_eq!(lines, expected);
}
