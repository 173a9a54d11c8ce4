//! Addresses: what counts as one, and what of it may be shown.

use std::borrow::Cow;

/// Returns whether a text is `http://…` or `https://…` with a host; `may_hold_user` lets a user and password be in it.
pub(super) fn is_address(text: &str, may_hold_user: bool) -> bool {
    let Some(rest) = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")) else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.rsplit_once('@') {
        Some((_, host)) if may_hold_user => host,
        Some(_) => return false,
        None => authority,
    };
    let port = if host.ends_with(']') { None } else { host.rsplit_once(':').map(|(_, port)| port) };
    !host.is_empty()
        && !host.starts_with(':')
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']'))
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// Returns an address with user and password masked, and whatever comes after the host: that may hold a token.
pub(super) fn masked(address: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = address.split_once("://") else { return Cow::Borrowed(address) };
    // A password may hold any of these signs, so that the last @ ends it.
    let (user, rest) = rest.rsplit_once('@').map_or(("", rest), |(_, rest)| ("***@", rest));
    let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let path = if matches!(path, "" | "/") { path } else { "/***" };
    Cow::Owned(format!("{scheme}://{user}{host}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_and_masked() {
        for good in ["http://a", "https://a.b:443/x", "http://[::1]:80", "http://[::1]"] {
            assert!(is_address(good, false), "{good}");
        }
        for bad in ["a:80", "ftp://a", "http://", "http://u:p@a", "http://a:0", "http://a:x", "http://a b", "http://:1"]
        {
            assert!(!is_address(bad, false), "{bad}");
        }
        assert!(is_address("http://u:p@a:1", true));
        assert_eq!(masked("http://u:p@ss@a:1"), "http://***@a:1");
        assert_eq!(masked("http://a:1"), "http://a:1");
        assert_eq!(masked("http://a:1/"), "http://a:1/");
        assert_eq!(masked("https://hooks.example/services/T0/B0/secret"), "https://hooks.example/***");
        assert_eq!(masked("https://u:p/q@hooks.example?token=secret"), "https://***@hooks.example/***");
    }
}
