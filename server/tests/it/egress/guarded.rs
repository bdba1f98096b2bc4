//! Names that mean what they should not.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use server::webhooks::address::Rules;
use server::webhooks::answer::{Outcome, Reason};
use server::webhooks::exchange::{Exchange, Limits};
use server::webhooks::resolve::Machine;
use server::webhooks::special::Special;
use server::webhooks::target::TargetError;

use super::endpoint::{Endpoint, Names, Step, answer, exchange, limits, message, rules, trust};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn fine() -> Step {
    Step::Answer(answer("200 OK", "", ""))
}

const LOOPBACK: Outcome = Outcome::Failed(Reason::Address(Special::Loopback));

#[tokio::test]
async fn a_name_that_changes_its_meaning_changes_nothing() {
    let public = Endpoint::always(fine()).await;
    let port = public.address.port();
    // The same port of an address that is private.
    let private = Endpoint::at(SocketAddr::new(ip("127.0.0.2"), port), |_| fine()).await;
    let names = Names::new(|_: &str, number| Ok(vec![ip(if number == 0 { "127.0.0.1" } else { "127.0.0.2" })]));
    let sender = Exchange::new(rules(), limits(), trust(), Arc::<Names<_>>::clone(&names));
    let message = message(format!("http://rebinding.example:{port}/hook"));
    // Over the connection that was made to what was judged.
    for _ in 0..3 {
        assert_eq!(sender.post(&message).await.outcome, Outcome::Delivered);
    }
    assert_eq!((public.told.connections(), names.asked.load(Ordering::SeqCst)), (1, 1));
    // A new one is judged anew.
    let anew = Exchange::new(rules(), limits(), trust(), Arc::<Names<_>>::clone(&names));
    assert_eq!(anew.post(&message).await.outcome, LOOPBACK);
    assert_eq!((private.told.connections(), names.asked.load(Ordering::SeqCst)), (0, 2));
    assert!(public.told.requests.lock()[0].contains(&format!("\r\nhost: rebinding.example:{port}\r\n")));
}

#[tokio::test]
async fn of_several_addresses_those_that_pass_are_tried() {
    let public = Endpoint::always(fine()).await;
    let port = public.address.port();
    let private = Endpoint::at(SocketAddr::new(ip("127.0.0.2"), port), |_| fine()).await;
    let rules = Rules { allowed: vec!["127.0.0.1".parse().unwrap(), "127.0.0.3".parse().unwrap()], ..rules() };
    let refused = Outcome::Failed(Reason::Connect);
    let cases = [
        (vec!["127.0.0.2", "127.0.0.1"], Outcome::Delivered),
        (vec!["127.0.0.3", "127.0.0.1"], Outcome::Delivered),
        (vec!["127.0.0.2", "127.0.0.3"], refused),
        (vec!["127.0.0.2", "::1", "::ffff:127.0.0.2"], LOOPBACK),
        (vec!["10.0.0.1"], Outcome::Failed(Reason::Address(Special::Private))),
        (vec!["169.254.169.254"], Outcome::Failed(Reason::Address(Special::Metadata))),
        (vec![], Outcome::Failed(Reason::Dns)),
        // Of very many, the first.
        ([vec!["127.0.0.2"; 15], vec!["127.0.0.1"]].concat(), Outcome::Delivered),
        ([vec!["127.0.0.2"; 16], vec!["127.0.0.1"]].concat(), LOOPBACK),
    ];
    for (addresses, outcome) in cases {
        let meaning: Vec<_> = addresses.iter().map(|text| ip(text)).collect();
        let names = Names::new(move |_: &str, _| Ok(meaning.clone()));
        let sender = Exchange::new(rules.clone(), limits(), trust(), names);
        let attempt = sender.post(&message(format!("http://hooks.example:{port}/"))).await;
        assert_eq!(attempt.outcome, outcome, "{addresses:?}");
    }
    assert_eq!(private.told.connections(), 0);
}

#[tokio::test]
async fn addresses_are_judged_before_anybody_is_asked() {
    let names = Names::new(|_: &str, _| Err(io::Error::other("nobody may ask")));
    let sender = Exchange::new(rules(), limits(), trust(), Arc::<Names<_>>::clone(&names));
    for host in ["127.0.0.2", "0x7f.2", "2130706434", "127.0.0.2.", "[::1]", "[::ffff:127.0.0.2]"] {
        assert_eq!(sender.post(&message(format!("http://{host}:9/"))).await.outcome, LOOPBACK, "{host}");
    }
    let attempt = sender.post(&message("ftp://hooks.example/")).await;
    assert_eq!(attempt.outcome, Outcome::Failed(Reason::Target(TargetError::Scheme)));
    assert_eq!(names.asked.load(Ordering::SeqCst), 0);
    let attempt = sender.post(&message("http://hooks.example/")).await;
    assert_eq!((attempt.outcome, attempt.status), (Outcome::Failed(Reason::Dns), None));
}

#[tokio::test]
async fn the_machines_resolver_is_judged_too() {
    let sender = Exchange::new(Rules { http: true, ..Rules::default() }, limits(), trust(), Arc::<Machine>::default());
    for host in ["localhost", "LOCALHOST"] {
        assert_eq!(sender.post(&message(format!("http://{host}:9/"))).await.outcome, LOOPBACK, "{host}");
    }
    // Some resolvers know it only without the dot.
    let dotted = sender.post(&message("http://localhost.:9/")).await.outcome;
    assert!([LOOPBACK, Outcome::Failed(Reason::Dns)].contains(&dotted), "{dotted:?}");
    let patient = Limits { attempt: Duration::from_secs(60), ..limits() };
    let sender = Exchange::new(rules(), patient, trust(), Arc::<Machine>::default());
    let attempt = sender.post(&message("http://no-such-host.invalid/")).await;
    assert_eq!(attempt.outcome, Outcome::Failed(Reason::Dns));
}

#[tokio::test]
async fn http_is_for_who_allows_it() {
    let endpoint = Endpoint::always(fine()).await;
    let strict = Rules { http: false, ..rules() };
    let names = Names::new(|_: &str, _| Ok(vec![ip("127.0.0.1")]));
    let attempt = Exchange::new(strict, limits(), trust(), names).post(&message(endpoint.url())).await;
    assert_eq!(attempt.outcome, Outcome::Failed(Reason::Target(TargetError::Unencrypted)));
    assert_eq!(endpoint.told.connections(), 0);
    assert_eq!(exchange(limits()).post(&message(endpoint.url())).await.outcome, Outcome::Delivered);
}
