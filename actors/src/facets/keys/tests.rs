use super::*;
use crate::api_key::ApiKey;
use crate::scram::ScramVerifier;

const ALL_DAY_US: i64 = 86_400_000_000;

fn issue(n: u8) -> (String, KeyHash) {
    let (key, _) = ApiKey::generate([n; 8], [n; 32]);
    (key.id, key.hash)
}

fn scram(n: u8) -> ScramVerifier {
    ScramVerifier::derive("acme", &n.to_string())
}

fn create(n: u8, expires_at_us: Option<i64>) -> KeysCommand {
    let (id, hash) = issue(n);
    KeysCommand::Create {
        id,
        hash,
        scram: scram(n),
        scopes: Scopes::all(),
        label: format!("key {n}"),
        expires_at_us,
        tenants: None,
    }
}

fn rotate(old: u8, new: u8, overlap_us: i64) -> KeysCommand {
    let (new_id, new_hash) = issue(new);
    KeysCommand::Rotate { holder: Scopes::all(), id: issue(old).0, new_id, new_hash, new_scram: scram(new), overlap_us }
}

fn revoke(n: u8) -> KeysCommand {
    KeysCommand::Revoke { id: issue(n).0 }
}

fn run(keys: &mut Keys, now_us: i64, command: KeysCommand) -> Result<usize, KeysRejection> {
    let changes = keys.decide(command, Context { is_platform: true, ..Context::at(now_us) })?;
    changes.iter().for_each(|change| keys.apply(change));
    Ok(changes.len())
}

fn validity(keys: &Keys, n: u8, now_us: i64) -> Validity {
    keys.keys[&issue(n).0].validity(now_us)
}

#[test]
fn a_rotated_key_works_until_the_overlap_ends() {
    let mut keys = Keys::default();
    run(&mut keys, 10, create(1, None)).unwrap();
    run(&mut keys, 20, rotate(1, 2, 5)).unwrap();
    assert_eq!(validity(&keys, 1, 24), Validity::Valid);
    assert_eq!(validity(&keys, 1, 25), Validity::Expired);
    assert_eq!(validity(&keys, 2, i64::MAX), Validity::Valid);
    assert_eq!(keys.keys[&issue(2).0].label, "key 1");
    assert_eq!(keys.verifiers[&issue(2).0], scram(2));
    let again = run(&mut keys, 21, rotate(1, 3, 5));
    assert_eq!(again, Err(KeysRejection::Rotated { id: issue(1).0, replaced_by: issue(2).0 }));
}

#[test]
fn nobody_rotates_a_key_that_may_do_more() {
    let mut keys = Keys::default();
    run(&mut keys, 10, create(1, None)).unwrap();
    let with = |scopes: &[Scope]| match rotate(1, 2, 5) {
        KeysCommand::Rotate { id, new_id, new_hash, new_scram, overlap_us, .. } => {
            let holder = scopes.iter().copied().collect();
            KeysCommand::Rotate { holder, id, new_id, new_hash, new_scram, overlap_us }
        }
        other => other,
    };
    let beyond = |scope| Err(KeysRejection::Beyond { id: issue(1).0, scope });
    assert_eq!(run(&mut keys, 20, with(&[Scope::Admin])), beyond(Scope::Ingest));
    assert_eq!(run(&mut keys, 20, with(&[Scope::Ingest, Scope::Admin])), beyond(Scope::Query));
    assert_eq!(run(&mut keys, 20, with(&Scope::ALL)), Ok(3));
}

#[test]
fn an_overlap_never_prolongs_a_key() {
    let mut keys = Keys::default();
    run(&mut keys, 10, create(1, Some(30))).unwrap();
    run(&mut keys, 20, rotate(1, 2, ALL_DAY_US)).unwrap();
    assert_eq!(validity(&keys, 1, 30), Validity::Expired);
    assert_eq!(validity(&keys, 2, 30), Validity::Expired);
}

#[test]
fn revoking_is_at_once_and_idempotent() {
    let mut keys = Keys::default();
    run(&mut keys, 10, create(1, None)).unwrap();
    assert_eq!(run(&mut keys, 20, revoke(1)), Ok(1));
    assert_eq!(validity(&keys, 1, 20), Validity::Revoked);
    assert_eq!(run(&mut keys, 30, revoke(1)), Ok(0));
    assert_eq!(run(&mut keys, 30, rotate(1, 2, 0)), Err(KeysRejection::Spent(issue(1).0)));
}

#[test]
fn nonsense_is_refused() {
    let check = |command: KeysCommand, expect: &str| {
        let mut keys = Keys::default();
        run(&mut keys, 10, create(1, None)).unwrap();
        let rejection = run(&mut keys, 20, command).unwrap_err();
        assert_eq!(rejection.to_string(), expect);
    };
    let (id, hash) = issue(2);
    let with = |id: &str, scopes, label: &str| KeysCommand::Create {
        id: id.to_owned(),
        hash,
        scram: scram(2),
        scopes,
        label: label.to_owned(),
        expires_at_us: None,
        tenants: None,
    };
    check(create(1, None), "there is a key 0101010101010101 already");
    check(create(2, Some(20)), "field expires_at: must be in the future");
    check(with(&id, Scopes::default(), ""), "field scopes: must be ingest, query or admin");
    check(with("../x", Scopes::all(), ""), "field id: must be 16 digits of lower-case hex");
    check(with(&id, Scopes::all(), &"x".repeat(129)), "field label: must be at most 128 bytes");
    check(rotate(7, 8, 0), "there is no key 0707070707070707");
    check(rotate(1, 2, -1), "field overlap: must be zero or more");
    check(revoke(7), "there is no key 0707070707070707");
}

#[test]
fn spent_keys_make_place_and_live_ones_do_not() {
    let mut keys = Keys::default();
    for n in 0..KEYS_MAX as u8 {
        run(&mut keys, i64::from(n), create(n, None)).unwrap();
    }
    assert_eq!(run(&mut keys, 200, create(200, None)), Err(KeysRejection::TooMany));
    run(&mut keys, 201, revoke(7)).unwrap();
    run(&mut keys, 201, revoke(5)).unwrap();
    assert_eq!(run(&mut keys, 202, create(200, None)), Ok(3));
    assert!(!keys.keys.contains_key(&issue(5).0), "the oldest spent key goes");
    assert!(keys.keys.contains_key(&issue(7).0));
    assert_eq!((keys.keys.len(), keys.verifiers.len()), (KEYS_MAX, KEYS_MAX));
}

fn confined(n: u8, scopes: &[Scope], tenants: &[&str]) -> KeysCommand {
    let KeysCommand::Create { id, hash, scram, label, expires_at_us, .. } = create(n, None) else { unreachable!() };
    let scopes = scopes.iter().copied().collect();
    let tenants = Some(tenants.iter().map(|name| (*name).to_owned()).collect());
    KeysCommand::Create { id, hash, scram, scopes, label, expires_at_us, tenants }
}

#[test]
fn a_confined_key_stays_so_when_it_is_rotated_and_only_reads() {
    let mut keys = Keys::default();
    run(&mut keys, 10, confined(1, &[Scope::Query], &["acme", "globex"])).unwrap();
    run(&mut keys, 20, rotate(1, 2, 5)).unwrap();
    assert_eq!(keys.confined[&issue(2).0], keys.confined[&issue(1).0]);
    assert_eq!(keys.confined[&issue(2).0].len(), 2);
    let mut refused =
        |scopes: &[Scope], tenants: &[&str]| run(&mut keys, 30, confined(3, scopes, tenants)).unwrap_err().to_string();
    assert_eq!(refused(&Scope::ALL, &["acme"]), "field scopes: must be query and nothing else, with tenants");
    assert_eq!(refused(&[Scope::Query], &[]), "field tenants: must be 1 to 1000 names of tenants");
    assert_eq!(refused(&[Scope::Query], &["a b"]), "field tenants: must be 1 to 1000 names of tenants");
}
