//! API keys as somebody presents them: any text is a key of the right shape and checksum, or an error.
//!
//! Runs over the text as it is, and over the same text with the checksum that it should have.

use actors::api_key::{ApiKey, KEY_CHARS, is_key_id};

const CHECKSUM_CHARS: usize = 8;

pub(crate) fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    check(text);
    if let Some(body) = text.get(..KEY_CHARS - CHECKSUM_CHARS) {
        check(&format!("{body}{:08x}", crc32c::crc32c(body.as_bytes())));
    }
}

fn check(text: &str) {
    let Ok(key) = ApiKey::parse(text) else { return };
    assert_eq!(text.len(), KEY_CHARS);
    assert!(is_key_id(&key.id) && text.contains(&key.id));
    let again = ApiKey::parse(text).expect("a key is a key");
    assert!(key.hash.matches(&again.hash));
    // One character more or less is another text, and no key.
    assert!(ApiKey::parse(&text[1..]).is_err() && ApiKey::parse(&format!("{text}0")).is_err());
}
