//! The secrets that are known on this host, and their removal from any text.
//!
//! This is the second net: what is put into a bundle shows no secret by itself. It catches what somebody wrote where no
//! secret belongs, such as a password in a message that was logged.

use std::collections::BTreeSet;
use std::fmt;

use crate::infrastructure::config::{Environment, Overrides, Settings, located};
use crate::infrastructure::files;

/// What stands in a secret's place.
const MASK: &str = "***";
/// Shorter texts are words that stand anywhere.
const SHORTEST: usize = 6;
/// The largest file that is searched for secrets.
const LIMIT: u64 = 1 << 20;
/// What the names of variables that hold secrets contain.
const TELLING: [&str; 9] =
    ["SECRET", "TOKEN", "PASSWORD", "PASSWD", "CREDENTIAL", "ACCESS_KEY", "APIKEY", "API_KEY", "PRIVATE"];

/// Secrets, longest first, so that none is left in part.
pub(super) struct Secrets(Vec<String>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

impl Secrets {
    /// Finds the secrets of the environment, the configuration and the files with credentials that it names, as far as
    /// they can be read.
    pub(super) fn of(overrides: &Overrides, environment: &Environment) -> Self {
        let mut found = BTreeSet::new();
        let mut add = |text: &str| {
            let text = text.trim().trim_matches(['"', '\'']);
            if text.len() >= SHORTEST {
                found.insert(text.to_owned());
            }
        };
        for (name, value) in environment.starting_with("") {
            let name = name.to_ascii_uppercase();
            // A path that ends in a file with secrets is none itself.
            let is_place = value.starts_with('/') || name.ends_with("_FILE") || name.ends_with("_SCRIPT");
            if TELLING.iter().any(|word| name.contains(word)) && !is_place {
                add(value);
            }
            parts_of_address(value).for_each(&mut add);
        }
        if let Ok(settings) = Settings::load(overrides, environment) {
            let sinks = &settings.sinks;
            for url in sinks.webhook.iter().map(|w| &w.url).chain(sinks.sns.iter().map(|s| &s.url)).chain(&sinks.proxy)
            {
                parts_of_address(url).for_each(&mut add);
            }
            if let Some((_, value)) = sinks.webhook.as_ref().and_then(|webhook| webhook.header.as_ref()) {
                add(value);
                // Of `Bearer x` the second word is the secret one.
                value.split_whitespace().skip(1).for_each(&mut add);
            }
            let texts = settings.aws.credential_file.iter().filter_map(|path| files::read_limited(path, LIMIT).ok());
            for text in texts.filter_map(|bytes| String::from_utf8(bytes).ok()) {
                text.lines().filter_map(|line| line.split_once('=')).for_each(|(_, value)| add(value));
            }
        }
        // A configuration that cannot be used may hold them all the same: addresses are found as text.
        if let Ok((_, folders)) = located(&overrides.folders, environment) {
            let entries = std::fs::read_dir(&folders.config).into_iter().flatten().flatten();
            let json = entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "json"));
            for text in json.filter_map(|path| String::from_utf8(files::read_limited(&path, LIMIT).ok()?).ok()) {
                quoted(&text).flat_map(parts_of_address).for_each(&mut add);
                after_telling_names(&text).for_each(&mut add);
            }
        }
        let mut secrets: Vec<String> = found.into_iter().collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self(secrets)
    }

    /// Returns a text with every secret masked, with the user and password of every address, and with every access key id.
    pub(super) fn removed_from(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        for secret in &self.0 {
            if clean.contains(secret.as_str()) {
                clean = clean.replace(secret.as_str(), MASK);
            }
        }
        without_key_ids(&without_users(&clean))
    }
}

/// Returns what may be secret in an address: user, password, path and query.
fn parts_of_address(text: &str) -> impl Iterator<Item = &str> {
    let rest = text.split_once("://").filter(|(scheme, _)| scheme.starts_with("http")).map(|(_, rest)| rest);
    let (user, rest) = rest.map_or(("", ""), |rest| rest.rsplit_once('@').unwrap_or(("", rest)));
    let path = rest.find(['/', '?', '#']).map_or("", |at| rest.get(at + 1..).unwrap_or_default());
    let password = user.split_once(':').map_or("", |(_, password)| password);
    let pieces = path.split(['/', '?', '#', '&', '=']).filter(|piece| piece.len() >= 16);
    [user, password, path].into_iter().chain(pieces)
}

/// Returns every text between quotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').skip(1).step_by(2)
}

/// Returns the values of members of JSON whose names tell that they are secret, boot scripts included.
fn after_telling_names(text: &str) -> impl Iterator<Item = &str> {
    let pieces: Vec<&str> = text.split('"').collect();
    // A name, what stands between, a value: quotes are around every second piece.
    let values = (1..pieces.len()).step_by(2).filter_map(move |at| {
        let (name, between, value) = (pieces.get(at)?, pieces.get(at + 1)?, pieces.get(at + 2)?);
        let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let name = name.to_ascii_uppercase();
        let tells = ["SECRET", "TOKEN", "PASSW", "PRIVATEKEY", "ACCESSKEY", "USERDATA", "APIKEY", "HEADER"];
        (between.trim() == ":" && tells.iter().any(|word| name.contains(word))).then_some(*value)
    });
    values.collect::<Vec<_>>().into_iter()
}

/// Masks the user and password of every address.
fn without_users(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        clean.push_str(before);
        let end =
            after.find(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '\\' | '<' | '>' | ',' | '}'));
        let authority = after.get(..end.unwrap_or(after.len())).unwrap_or_default();
        rest = after;
        if let Some((_, host)) = authority.rsplit_once('@') {
            clean.push_str(MASK);
            clean.push('@');
            rest = after.get(authority.len() - host.len()..).unwrap_or_default();
        }
    }
    clean.push_str(rest);
    clean
}

/// Masks what looks like the id of an AWS access key.
fn without_key_ids(text: &str) -> String {
    let is_part = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = ["AKIA", "ASIA"].iter().filter_map(|prefix| rest.find(prefix)).min() {
        let (before, from) = rest.split_at(at);
        clean.push_str(before);
        let length = from.bytes().take_while(|b| is_part(*b)).count();
        let begins_a_word = !before.bytes().next_back().is_some_and(|b| b.is_ascii_alphanumeric());
        let (word, after) = from.split_at(length);
        clean.push_str(if begins_a_word && length >= 16 { MASK } else { word });
        rest = after;
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(environment: &[(&str, &str)]) -> Secrets {
        Secrets::of(&Overrides::default(), &environment.iter().copied().collect())
    }

    #[test]
    fn what_the_environment_keeps_secret_is_found_anywhere() {
        let secrets = secrets(&[
            ("AWS_SECRET_ACCESS_KEY", "canary/one+1"),
            ("AWS_SESSION_TOKEN", "canary-two"),
            ("https_proxy", "http://user:canary3@proxy:3128"),
            ("MY_PASSWORD", "abc"),
            ("HF_TOP", "/opt/canary-place"),
        ]);
        let text = "a canary/one+1 b canary-two, \"canary3\" user:canary3 abc /opt/canary-place";
        assert_eq!(secrets.removed_from(text), "a *** b ***, \"***\" *** abc /opt/canary-place");
        assert!(!format!("{secrets:?}").contains("canary"));
    }

    #[test]
    fn users_of_addresses_and_key_ids_are_masked_wherever_they_come_from() {
        let none = secrets(&[]);
        for (text, wanted) in [
            ("see http://u:canary@host:1/x, ok", "see http://***@host:1/x, ok"),
            ("http://host/a@b", "http://host/a@b"),
            ("{\"url\":\"https://u:c@h\"}", "{\"url\":\"https://***@h\"}"),
            ("key AKIAIOSFODNN7EXAMPLE.", "key ***."),
            ("ASIAX and XAKIAIOSFODNN7EXAMPLE", "ASIAX and XAKIAIOSFODNN7EXAMPLE"),
            ("Grüße ://", "Grüße ://"),
        ] {
            assert_eq!(none.removed_from(text), wanted);
        }
    }

    #[test]
    fn a_configuration_that_cannot_be_used_keeps_its_secrets_too() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let mut file = std::fs::File::create(folder.path().join(name)).unwrap();
            std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
        };
        put(
            "config.json",
            r#"{"events": {"webhook": {"url": "https://hooks.example/services/T0/canary-path",
            "header": "X: canary-header"}}, "odd": }"#,
        );
        put("testinstprov_templates.json", r#"{"templates": [{"userData": "k=canary-data"}]}"#);
        let path = folder.path().to_str().unwrap();
        let secrets = secrets(&[("HOSTFACTORY_CONFIG_DIR", path), ("HOSTFACTORY_WORK_DIR", path)]);
        let clean = secrets.removed_from("services/T0/canary-path and X: canary-header and k=canary-data");
        assert!(!clean.contains("canary"), "{clean}");
    }
}
