//! Words out of a document as the stores keep it, without reading the rest: most documents of a store are not about what is
//! asked, and one word of each tells.
//!
//! Invariant: documents are compact, and a quote within a text has a backslash before it, so that a member's name in quotes
//! with a colon after it never stands within a text. Where several members have one name, the first is meant.

use memchr::memchr;
use memchr::memmem::Finder;

/// A member of documents, found by its name.
pub(super) struct Member {
    quoted: Finder<'static>,
}

impl Member {
    /// Returns the member with this name.
    pub(super) fn named(name: &str) -> Self {
        Self { quoted: Finder::new(&format!("\"{name}\":")).into_owned() }
    }

    fn value<'d>(&self, document: &'d [u8]) -> Option<&'d [u8]> {
        document.get(self.quoted.find(document)? + self.quoted.needle().len()..)
    }

    /// Returns the member's text, if it is one in which nothing is escaped.
    pub(super) fn word<'d>(&self, document: &'d [u8]) -> Option<&'d str> {
        let text = self.value(document)?.strip_prefix(b"\"")?;
        let word = std::str::from_utf8(text.get(..memchr(b'"', text)?)?).ok()?;
        (!word.contains('\\')).then_some(word)
    }

    /// Returns the member's number, if it is one without a sign.
    pub(super) fn number(&self, document: &[u8]) -> Option<u64> {
        let text = self.value(document)?;
        let digits = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
        std::str::from_utf8(text.get(..digits)?).ok()?.parse().ok()
    }

    /// Returns whether a document could have one of these words here: it has one, or none that can be told at a glance.
    pub(super) fn may_be(&self, document: &[u8], is_one: impl FnOnce(&str) -> bool) -> bool {
        self.word(document).is_none_or(is_one)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_member_of_a_name_is_found_and_never_one_within_a_text() {
        let text = serde_json::json!({
            "a": "\"status\":\"fake\" \\", "n": null, "status": "running", "version": 12, "z": { "status": "other" },
        });
        let text = text.to_string();
        let word = |name: &str| Member::named(name).word(text.as_bytes()).map(ToOwned::to_owned);
        assert_eq!(
            (word("status"), word("n"), word("version"), word("stat")),
            (Some("running".to_owned()), None, None, None)
        );
        assert_eq!(word("a"), None, "what is escaped is no word");
        let number = |name: &str| Member::named(name).number(text.as_bytes());
        assert_eq!((number("version"), number("status"), number("x")), (Some(12), None, None));
        assert_eq!(Member::named("s").word(br#"{"s":"cut"#), None);
    }

    #[test]
    fn what_cannot_be_told_at_a_glance_may_be_anything() {
        let status = Member::named("status");
        assert!(status.may_be(br#"{"status":"a"}"#, |word| word == "a"));
        assert!(!status.may_be(br#"{"status":"b"}"#, |word| word == "a"));
        assert!(status.may_be(br#"{"status":null}"#, |word| word == "a"));
        assert!(status.may_be(b"{}", |word| word == "a"));
    }
}
