//! Posts over HTTP, once, within a given time.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Proxy};

use crate::application::settings::SYSTEM_BUNDLES;
use crate::infrastructure::config::SinkSettings;

/// The largest certificate bundle that is read.
const LIMIT: u64 = 16 << 20;

/// What is posted.
#[derive(Debug)]
pub(super) struct Post {
    /// Where to.
    pub(super) url: String,
    /// Names and values.
    pub(super) headers: Vec<(String, String)>,
    /// The document.
    pub(super) body: Vec<u8>,
}

/// Posts; any answer but 2xx is a failure. A redirection is not followed: it would take the document, and the header that
/// goes with it, to somebody else.
///
/// # Errors
/// Says why, without the address.
pub(super) fn send(post: &Post, settings: &SinkSettings, within: Duration) -> Result<(), String> {
    let agent: Agent = Agent::config_builder()
        .timeout_global(Some(within))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .proxy(proxy(&post.url, settings)?)
        .tls_config(tls(&post.url, settings)?)
        .user_agent(concat!("hostfactory/", env!("CARGO_PKG_VERSION")))
        .build()
        .into();
    let mut request = agent.post(&post.url);
    for (name, value) in &post.headers {
        request = request.header(name, value);
    }
    let answer = request.send(&post.body[..]).map_err(|error| told(&error, within))?;
    let status = answer.status();
    if status.is_success() { Ok(()) } else { Err(format!("it answered {status}")) }
}

/// Says what went wrong in words that hold neither address nor header.
fn told(error: &ureq::Error, within: Duration) -> String {
    match error {
        ureq::Error::Timeout(_) => format!("it did not take it within {:.1} seconds", within.as_secs_f64()),
        ureq::Error::Io(error) => format!("the connection failed: {error}"),
        ureq::Error::HostNotFound => "its name was not found".to_owned(),
        ureq::Error::ConnectionFailed => "no connection could be made".to_owned(),
        ureq::Error::Tls(what) => format!("TLS failed: {what}"),
        ureq::Error::Rustls(error) => format!("TLS failed: {error}"),
        ureq::Error::ConnectProxyFailed(_) => "the proxy refused the connection".to_owned(),
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => "the address or the header cannot be used".to_owned(),
        other => format!("it could not be reached: {}", kind_of(other)),
    }
}

/// Returns the name of an error's variant alone.
fn kind_of(error: &ureq::Error) -> String {
    format!("{error:?}").chars().take_while(char::is_ascii_alphanumeric).collect()
}

/// Returns the host in an address.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(host, _)| host),
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

fn proxy(url: &str, settings: &SinkSettings) -> Result<Option<Proxy>, String> {
    if !settings.may_use_proxy || is_loopback(host_of(url)) {
        return Ok(None);
    }
    match &settings.proxy {
        Some(address) => {
            Proxy::new(address).map(Some).map_err(|_| "the proxy of provider.aws cannot be used".to_owned())
        }
        None => Ok(Proxy::try_from_env()),
    }
}

fn tls(url: &str, settings: &SinkSettings) -> Result<TlsConfig, String> {
    let builder =
        TlsConfig::builder().unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
    if !url.starts_with("https://") && !settings.proxy.as_deref().is_some_and(|proxy| proxy.starts_with("https://")) {
        return Ok(builder.root_certs(RootCerts::Specific(Arc::default())).build());
    }
    Ok(builder.root_certs(RootCerts::Specific(Arc::new(certificates(settings.ca_bundle.as_deref())?))).build())
}

/// Returns the certificates to trust: those of the bundle that is configured, or of the system's.
fn certificates(bundle: Option<&Path>) -> Result<Vec<ureq::tls::Certificate<'static>>, String> {
    let found = bundle.map(Path::to_owned);
    let found = found.or_else(|| SYSTEM_BUNDLES.iter().map(PathBuf::from).find(|path| path.is_file()));
    let Some(path) = found else {
        return Err("no certificates are known to trust; set provider.aws.caBundle".to_owned());
    };
    let pem = crate::infrastructure::files::read_limited(&path, LIMIT)
        .map_err(|error| format!("the certificates to trust cannot be read: {error}"))?;
    let certificates: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(format!("{} holds no certificate; correct provider.aws.caBundle", path.display()));
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_told_from_addresses_and_loopback_is_never_proxied() {
        for (url, host) in [
            ("http://a.b:80/c", "a.b"),
            ("https://u:p@a.b/c@d", "a.b"),
            ("http://[::1]:8080/x", "::1"),
            ("http://127.0.0.1", "127.0.0.1"),
        ] {
            assert_eq!(host_of(url), host, "{url}");
        }
        let settings =
            SinkSettings { may_use_proxy: true, proxy: Some("http://u:p@proxy:3128".to_owned()), ..Default::default() };
        assert!(proxy("http://a.b", &settings).unwrap().is_some());
        for url in ["http://127.0.0.1:1/x", "http://[::1]/x", "https://localhost/x"] {
            assert!(proxy(url, &settings).unwrap().is_none(), "{url}");
        }
        assert!(proxy("http://a.b", &SinkSettings { may_use_proxy: false, ..settings }).unwrap().is_none());
    }

    #[test]
    fn what_is_wrong_with_certificates_is_told() {
        let error = certificates(Some(Path::new("/nonexistent/bundle.pem"))).unwrap_err();
        assert!(error.contains("/nonexistent/bundle.pem"), "{error}");
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = certificates(Some(file.path())).unwrap_err();
        assert!(error.contains("provider.aws.caBundle"), "{error}");
    }
}
