//! What somebody meant who typed a name that is none.

/// More letters wrong than this, and it is another word.
const FARTHEST: usize = 3;

/// The known name that is nearest, if one is near. Underscores and capitals are no difference: who writes those knows
/// the name from somewhere else.
pub(super) fn nearest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.to_lowercase().replace('_', "-");
    let near = known.map(|name| (distance(&given, name), name)).min()?;
    (near.0 <= FARTHEST.min(given.len() / 3)).then_some(near.1)
}

/// A beginning is nearer than any word with other letters.
fn distance(given: &str, name: &str) -> usize {
    let is_beginning = given.len() > 3 && name.starts_with(given);
    let letters = strsim::damerau_levenshtein(given, name);
    if is_beginning { letters.min(1) } else { letters }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_has_one_name_near_it_and_another_word_has_none() {
        let known = ["listen-addr", "endpoints", "resolver-ttl", "resolver-prefix", "key", "cert", "debug"];
        let near = |given| nearest(given, known.into_iter());
        for (given, name) in [
            ("listen-add", "listen-addr"),
            ("listen_addr", "listen-addr"),
            ("LISTEN-ADDR", "listen-addr"),
            ("endpoint", "endpoints"),
            ("enpdoints", "endpoints"),
            ("resolver", "resolver-prefix"),
            ("debgu", "debug"),
        ] {
            assert_eq!(near(given), Some(name), "{given}");
        }
        for given in ["", "x", "bad", "listen-client-urls", "initial-cluster", "kex-unknown"] {
            assert_eq!(near(given), None, "{given}");
        }
    }
}
