//! The name that somebody who misspelt one probably meant. Not here: which names may be told (who asks gives them).

/// Characters of a name that is looked for: comparing takes as long as both names multiplied.
const CHARACTERS_MAX: usize = 128;

/// The nearest of `names` to `wrong`, if at most half of its characters are wrong.
pub(super) fn nearest<N: AsRef<str>>(wrong: &str, names: impl IntoIterator<Item = N>) -> Option<N> {
    if wrong.chars().nth(CHARACTERS_MAX).is_some() {
        return None;
    }
    let wrong = wrong.to_lowercase();
    let edits_max = wrong.chars().count() / 2;
    let rated = names.into_iter().map(|name| (strsim::osa_distance(&wrong, &name.as_ref().to_lowercase()), name));
    rated.filter(|(edits, _)| *edits <= edits_max).min_by_key(|(edits, _)| *edits).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wrong: &str, expect: Option<&str>) {
        assert_eq!(nearest(wrong, ["tenant", "tenants", "value", "window_start", "window_end"]), expect, "{wrong}");
    }

    #[test]
    fn a_slip_of_the_fingers_is_seen_and_another_word_is_not() {
        check("valeu", Some("value"));
        check("TENANT", Some("tenant"));
        check("tenantss", Some("tenants"));
        check("window_strat", Some("window_start"));
        check("price", None);
        check("x", None);
    }

    #[test]
    fn a_long_name_is_nobodys_slip() {
        let long = "window_start".repeat(11);
        assert_eq!(nearest(&long[..128], [&long[..127]]), Some(&long[..127]));
        assert_eq!(nearest(&long[..129], [&long[..128]]), None);
    }
}
