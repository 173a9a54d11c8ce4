//! Ids and small value objects. Each is checked once, at the edge, and then trusted.
//!
//! Invariant: no value of these types holds a path separator, a control character or more bytes than its type allows,
//! so that none can become a path, a log line of its own or an AWS filter with wildcards.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use super::DomainError;

/// Shows foreign text in a message: control characters escaped, long text cut.
fn shown(text: &str) -> String {
    let cut: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().count() > 80 { format!("'{cut}…'") } else { format!("'{cut}'") }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $field:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl $name {
            /// Returns the text of the id.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = DomainError;

            fn from_str(text: &str) -> Result<Self, DomainError> {
                text.to_owned().try_into()
            }
        }

        impl TryFrom<String> for $name {
            type Error = DomainError;

            fn try_from(text: String) -> Result<Self, DomainError> {
                let check: fn(&str) -> bool = $check;
                if check(&text) {
                    Ok(Self(text))
                } else {
                    Err(DomainError::validation($field, format!("{} is not {}", shown(&text), $rule)))
                }
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

fn is_name(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit() && !b.is_ascii_uppercase(),
        })
}

text_id! {
    /// The id of a request: `req-<uuid>` to acquire, `ret-<uuid>` to return (`design.md` 5.1).
    RequestId, "requestId", "a request id of the form req-<uuid> or ret-<uuid>",
    |text| text.strip_prefix("req-").or_else(|| text.strip_prefix("ret-")).is_some_and(is_uuid)
}

text_id! {
    /// The key by which a caller tells that two orders are one: 1 to 64 of `0-9 A-Z a-z _ -`.
    RequestKey, "requestKey", "a request key of 1 to 64 characters out of 0-9 A-Z a-z _ -",
    |text| is_name(text, 64)
}

text_id! {
    /// An EC2 instance id: `i-` and 8 to 17 lower-case hexadecimal digits.
    MachineId, "machineId", "an instance id of the form i-0123456789abcdef0",
    |text| text.strip_prefix("i-").is_some_and(|hex| (8..=17).contains(&hex.len()) && is_lower_hex(hex))
}

text_id! {
    /// A template id: 1 to 64 of `0-9 A-Z a-z _ -` (`hostfactory.md` 3.1).
    TemplateId, "templateId", "a template id of 1 to 64 characters out of 0-9 A-Z a-z _ -",
    |text| is_name(text, 64)
}

text_id! {
    /// The id under which one installation of the plug-in owns its hosts (tag `hostfactory:owner`).
    InstallationId, "installationId", "an installation id of 1 to 64 characters out of 0-9 A-Z a-z _ -",
    |text| is_name(text, 64)
}

text_id! {
    /// The name under which a host joins the grid; on AWS its private DNS name.
    HostName, "name", "a host name of 1 to 253 characters out of 0-9 A-Z a-z . _ -, no dot in front",
    |text| (1..=253).contains(&text.len())
        && !text.starts_with('.')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

text_id! {
    /// The account a request is charged to (`rc_account`, LSF only); becomes the tag `RC_ACCOUNT`.
    AccountName, "rc_account", "an account name of 1 to 256 printable characters",
    |text| (1..=256).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

text_id! {
    /// The token that makes one create call idempotent: lower-case hexadecimal, at most 64 characters.
    ClientToken, "clientToken", "a client token of 64 lower-case hexadecimal digits",
    |text| text.len() == 64 && is_lower_hex(text)
}

text_id! {
    /// A SHA-256 digest in lower-case hexadecimal.
    Digest, "digest", "a digest of 64 lower-case hexadecimal digits",
    |text| text.len() == 64 && is_lower_hex(text)
}

fn hex_of(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        // The length first, so that no two lists of parts read the same.
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
        use fmt::Write as _;
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

impl Digest {
    /// Returns the digest over `parts`, each with its length.
    pub fn of(parts: &[&str]) -> Self {
        Self(hex_of(parts))
    }
}

impl ClientToken {
    /// Returns the token for one attempt: a hash over everything that tells it from any other.
    pub fn derive(installation: &InstallationId, request: &RequestId, attempt: u32, pool_key: &str) -> Self {
        Self(hex_of(&[installation.as_str(), request.as_str(), &attempt.to_string(), pool_key]))
    }
}

/// Which of the two kinds of request an id names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// Asks for hosts (`req-`).
    Acquire,
    /// Gives hosts back (`ret-`).
    Return,
}

impl RequestId {
    /// Returns the id of the request to get hosts that bears a caller's key: the same for the same key, in the form of a
    /// UUID of one's own making (RFC 9562, version 8).
    pub fn of_key(installation: &InstallationId, key: &RequestKey) -> Self {
        Self::of_hash(RequestKind::Acquire, &["request key", installation.as_str(), key.as_str()])
    }

    /// Returns the id under which a request is kept that another plug-in gave an id of another form: the same for the same
    /// id, so that it is found by either. `None` for a text that could not be repeated without harm.
    pub fn of_foreign(kind: RequestKind, id: &str) -> Option<Self> {
        let harmless = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'/' | b'\\' | b'"' | b'\'' | b'`');
        let is_harmless = (1..=256).contains(&id.len()) && id.bytes().all(harmless) && !id.contains("..");
        is_harmless.then(|| Self::of_hash(kind, &["foreign request", id]))
    }

    fn of_hash(kind: RequestKind, parts: &[&str]) -> Self {
        let mut uuid = String::with_capacity(40);
        uuid.push_str(if kind == RequestKind::Return { "ret-" } else { "req-" });
        for (at, digit) in hex_of(parts).chars().take(32).enumerate() {
            if matches!(at, 8 | 12 | 16 | 20) {
                uuid.push('-');
            }
            uuid.push(if matches!(at, 12 | 16) { '8' } else { digit });
        }
        Self(uuid)
    }

    /// Returns an id that no request ever has, for rehearsals.
    pub fn unused(kind: RequestKind) -> Self {
        let prefix = match kind {
            RequestKind::Acquire => "req-",
            RequestKind::Return => "ret-",
        };
        Self(format!("{prefix}00000000-0000-0000-0000-000000000000"))
    }

    /// Returns the kind that the prefix tells.
    pub fn kind(&self) -> RequestKind {
        if self.0.starts_with("ret-") { RequestKind::Return } else { RequestKind::Acquire }
    }
}

/// How often an aggregate was committed; 0 before the first commit. A commit of a stale version is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(u64);

impl Version {
    /// Returns the version that a store has recorded as `number`.
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// Returns the version as a number.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// Returns the version after one more commit.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Returns whether the aggregate was never committed.
    pub const fn is_new(self) -> bool {
        self.0 == 0
    }
}

/// A number of machines: a whole number from 1 to 10,000 (`hostfactory.md` 3.1: "unlimited" is capped there).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct MachineCount(NonZeroU32);

impl MachineCount {
    /// The most machines that one request may ask for.
    pub const MOST: u32 = 10_000;

    /// One machine.
    pub const ONE: Self = Self(NonZeroU32::MIN);

    /// Returns the count that is nearest to `number`.
    pub fn nearest(number: u32) -> Self {
        Self(NonZeroU32::MIN.saturating_add(number.clamp(1, Self::MOST) - 1))
    }

    /// Returns the count as a number.
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl TryFrom<u32> for MachineCount {
    type Error = DomainError;

    fn try_from(number: u32) -> Result<Self, DomainError> {
        NonZeroU32::new(number).filter(|n| n.get() <= Self::MOST).map(Self).ok_or_else(|| {
            DomainError::validation("machineCount", format!("{number} is not a whole number from 1 to {}", Self::MOST))
        })
    }
}

impl From<MachineCount> for u32 {
    fn from(count: MachineCount) -> u32 {
        count.get()
    }
}

impl fmt::Display for MachineCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "6b1f2c4e-2a51-4c3e-9d52-1f0a7c9be101";

    #[test]
    fn request_ids_are_a_known_prefix_and_a_lower_case_uuid() {
        let acquire: RequestId = format!("req-{UUID}").parse().unwrap();
        let give_back: RequestId = format!("ret-{UUID}").parse().unwrap();
        assert_eq!((acquire.kind(), give_back.kind()), (RequestKind::Acquire, RequestKind::Return));
        for hostile in ["", "req-", "req-../../etc/passwd", "r-0123", &format!("req-{}", UUID.to_uppercase()), "req-\0"]
        {
            assert!(hostile.parse::<RequestId>().is_err(), "{hostile:?}");
        }
    }

    #[test]
    fn hostile_text_is_refused_and_shown_escaped_and_cut() {
        let error = format!("i-\u{1b}[2J\n{}", "x".repeat(10_000)).parse::<MachineId>().unwrap_err().to_string();
        assert!(error.len() < 250 && !error.contains('\n') && !error.contains('\u{1b}'), "{error}");
        for hostile in ["../x", "a b", "a/b", "a\\b", "a*", "ａ", "a\n", ""] {
            assert!(hostile.parse::<TemplateId>().is_err(), "{hostile:?}");
            assert!(hostile.parse::<HostName>().is_err(), "{hostile:?}");
        }
        for hidden in [".", "..", ".internal"] {
            assert!(hidden.parse::<HostName>().is_err(), "{hidden:?}");
        }
    }

    #[test]
    fn tokens_differ_with_everything_that_names_an_attempt() {
        let (one, two): (InstallationId, InstallationId) = ("a".parse().unwrap(), "b".parse().unwrap());
        let request: RequestId = format!("req-{UUID}").parse().unwrap();
        let token = ClientToken::derive(&one, &request, 1, "pool");
        assert_eq!(token, ClientToken::derive(&one, &request, 1, "pool"));
        assert_eq!(token.as_str().len(), 64);
        for other in [
            ClientToken::derive(&two, &request, 1, "pool"),
            ClientToken::derive(&one, &request, 2, "pool"),
            ClientToken::derive(&one, &request, 1, "loop"),
        ] {
            assert_ne!(token, other);
        }
    }

    #[test]
    fn a_callers_key_is_one_request_in_one_installation() {
        let (one, two): (InstallationId, InstallationId) = ("a".parse().unwrap(), "b".parse().unwrap());
        let (key, other): (RequestKey, RequestKey) = ("order-1".parse().unwrap(), "order-2".parse().unwrap());
        let id = RequestId::of_key(&one, &key);
        assert_eq!(id, RequestId::of_key(&one, &key));
        assert_eq!(id.as_str().parse::<RequestId>().unwrap().kind(), RequestKind::Acquire);
        assert!(id != RequestId::of_key(&two, &key) && id != RequestId::of_key(&one, &other));
        assert!("".parse::<RequestKey>().is_err() && "a/b".parse::<RequestKey>().is_err());
    }

    #[test]
    fn an_id_of_another_form_is_kept_under_one_of_ours_and_a_hostile_one_not_at_all() {
        let of = |kind, id| RequestId::of_foreign(kind, id);
        let acquire = of(RequestKind::Acquire, "sfr-0123").unwrap();
        assert_eq!(acquire.as_str().parse::<RequestId>().unwrap().kind(), RequestKind::Acquire);
        assert_eq!(of(RequestKind::Return, "sfr-0123").unwrap().kind(), RequestKind::Return);
        assert_eq!(Some(&acquire), of(RequestKind::Acquire, "sfr-0123").as_ref());
        assert_ne!(Some(acquire), of(RequestKind::Acquire, "sfr-0124"));
        for hostile in ["", "a/b", "..", "a b", "a\n", "ｒ", &"x".repeat(257)] {
            assert_eq!(of(RequestKind::Acquire, hostile), None, "{hostile:?}");
        }
    }

    #[test]
    fn counts_are_from_one_to_ten_thousand() {
        assert!(MachineCount::try_from(0).is_err() && MachineCount::try_from(10_001).is_err());
        assert_eq!(MachineCount::try_from(10_000).unwrap().get(), 10_000);
    }
}
