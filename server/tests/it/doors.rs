//! How the HTTP door meets browsers, networks and those who watch it: headers, names, TLS, and who may read its metrics.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use serde_json::json;

use crate::cli::{expect, stderr, stdout, tenantry};
use crate::served::{Served, platform_key, serve};

/// Asks in clear, calling the node `host`; status and answer.
fn call(node: &Served, head: &str) -> String {
    let mut stream = TcpStream::connect(node.address()).unwrap();
    stream.write_all(format!("{head}connection: close\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn only_what_the_node_is_called_is_answered() {
    let data = tempfile::tempdir().unwrap();
    let key = platform_key(data.path());
    let node = Served::start(data.path(), &key, &["http.hosts=metering.example, Other.example"]).unwrap();
    let port = node.address().port();
    let status = |head: &str| call(&node, head).split(' ').nth(1).unwrap().to_owned();
    for name in ["localhost", "127.0.0.1", "[::1]", "LOCALHOST", "metering.example", "other.example."] {
        assert_eq!(status(&format!("GET /healthz HTTP/1.1\r\nhost: {name}:{port}\r\n")), "200", "{name}");
    }
    for name in ["evil.example", "localhost.evil.example", "192.0.2.1", "node"] {
        let answer =
            call(&node, &format!("GET /v1/tenants HTTP/1.1\r\nhost: {name}\r\nauthorization: Bearer {key}\r\n"));
        assert!(answer.starts_with("HTTP/1.1 421") && answer.contains("http.hosts"), "{name}: {answer}");
    }
    // What stands in the request's line goes before the header.
    let absolute = "GET http://evil.example/healthz HTTP/1.1\r\nhost: localhost\r\n";
    assert_eq!(status(absolute), "421");
    assert_eq!(status("GET /healthz HTTP/1.1\r\n"), "400");
    assert_eq!(status("GET /healthz HTTP/1.0\r\n"), "200", "which had no such header");
}

#[test]
fn answers_are_kept_and_framed_by_nobody() {
    let data = tempfile::tempdir().unwrap();
    let key = platform_key(data.path());
    let node = Served::start(data.path(), &key, &[]).unwrap();
    for path in ["/v1/tenants", "/healthz", "/openapi.json", "/problems/invalid", "/nothing", "/v1/usage"] {
        let answer = node.get(path);
        for (name, part) in [
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
            ("content-security-policy", "frame-ancestors 'none'"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert!(answer.header(name).is_some_and(|value| value.contains(part)), "{path}: {name}");
        }
    }
    let made = node.json("POST", "/v1/tenants/platform/keys", &json!({"scopes": ["query"]}));
    assert_eq!(made.headers.get_all("cache-control").iter().count(), 1, "said once");
}

#[test]
fn metrics_are_for_who_may_see_all_unless_they_are_open() {
    let data = tempfile::tempdir().unwrap();
    let key = platform_key(data.path());
    let node = Served::start(data.path(), &key, &[]).unwrap();
    node.json("POST", "/v1/tenants", &json!({"tenant": "acme"}));
    let made = |tenant: &str, scope: &str| {
        let made = node.json("POST", &format!("/v1/tenants/{tenant}/keys"), &json!({"scopes": [scope]}));
        made.json()["key"].as_str().unwrap().to_owned()
    };
    assert_eq!(node.get_as("", "/metrics").status, 401);
    assert_eq!(node.get_as(&made("acme", "query"), "/metrics").status, 403);
    assert_eq!(node.get_as(&made("platform", "ingest"), "/metrics").status, 403);
    assert!(node.get_as(&made("platform", "query"), "/metrics").text.contains("tenantry_tenants 2"));
    drop(node);
    let open = Served::start(data.path(), &key, &["http.metrics_open=true"]).unwrap();
    assert_eq!(open.get_as("", "/metrics").status, 200);
}

#[test]
fn a_door_to_other_machines_speaks_tls_or_says_that_it_is_meant() {
    let data = tempfile::tempdir().unwrap();
    for door in ["http", "flight"] {
        let setting = format!("{door}.address=0.0.0.0:0");
        let ended = serve(data.path(), &[&setting]).output().unwrap();
        assert!(!ended.status.success());
        let told = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(told.contains(&format!("{door}.plaintext_remote")) && told.contains("tls.certificate"), "{told}");
    }
    let key = platform_key(data.path());
    let meant = ["http.address=0.0.0.0:0", "http.plaintext_remote=true"];
    assert_eq!(Served::start(data.path(), &key, &meant).map(drop), Ok(()));
}

/// A certificate and its key, as files in `folder`.
fn certificate(folder: &Path) -> [String; 2] {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let files = ["certificate.pem", "key.pem"].map(|file| folder.join(file));
    std::fs::write(&files[0], made.cert.pem()).unwrap();
    std::fs::write(&files[1], made.signing_key.serialize_pem()).unwrap();
    files.map(|file| file.display().to_string())
}

#[test]
fn the_command_line_speaks_tls_with_a_node_whose_certificate_it_is_given() {
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let key = platform_key(data.path());
    let [own, secret] = certificate(folder.path());
    let [other, _] = {
        let folder = folder.path().join("other");
        std::fs::create_dir(&folder).unwrap();
        certificate(&folder)
    };
    let settings = [format!("tls.certificate={own}"), format!("tls.key={secret}")];
    let node = Served::start(data.path(), &key, &settings.each_ref().map(String::as_str)).unwrap();
    let port = node.address().port();
    for host in ["localhost", "127.0.0.1"] {
        let url = format!("https://{host}:{port}");
        let list = ["tenant", "list", "--url", &url, "--key", &key, "--ca", &own];
        assert!(stdout(&expect(folder.path(), &list, 0)).contains("platform"));
        let strange = tenantry(folder.path(), &["tenant", "list", "--url", &url, "--key", &key, "--ca", &other]);
        assert_eq!(strange.status.code(), Some(1), "{}", stdout(&strange));
        assert!(stderr(&strange).contains("no answer from https://"), "{}", stderr(&strange));
    }
    // In clear from this machine, as the watchdog and probes ask.
    assert_eq!(node.get("/healthz").status, 200);
    let none =
        tenantry(folder.path(), &["tenant", "list", "--url", "https://localhost:1", "--key", "k", "--ca", "none.pem"]);
    assert!(stderr(&none).contains("none.pem"), "{}", stderr(&none));
}
