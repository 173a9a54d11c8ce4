//! Our own HTTP client for the SDK: one bundle of certificates, and the proxy from the configuration.
//!
//! Loading certificates is most of the work of a process that asks AWS once, so one bundle file is read, not the
//! system's whole folder.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::{
    HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_types::base64;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use crate::application::ProviderError;
use crate::application::settings::{AwsSettings, SYSTEM_BUNDLES};
use crate::domain::FailureClass;

/// Never asked for through a proxy: the metadata services of the host and of its container.
const NEVER_PROXIED: &str = "169.254.169.254,169.254.170.2,localhost,127.0.0.1";

/// Returns the client for calls to AWS.
///
/// # Errors
/// Class `Invalid` when the proxy is not an address, or the bundle cannot be read or holds no certificate.
pub(super) fn client(settings: &AwsSettings) -> Result<SharedHttpClient, ProviderError> {
    let proxy = match &settings.proxy {
        Some(address) => ProxyConfig::all(address.as_str())
            .map_err(|_| invalid("provider.aws.proxy is not of the form http://host:port".to_owned()))?
            .no_proxy(NEVER_PROXIED),
        None => ProxyConfig::from_env(),
    };
    Ok(with(trusted(settings.ca_bundle.as_deref())?, proxy, Some(settings.connect_timeout)))
}

/// Returns the client for the metadata service of this host: no proxy, no certificates, the SDK's own time-outs.
pub(super) fn direct_client() -> SharedHttpClient {
    with(TrustStore::empty(), ProxyConfig::disabled(), None)
}

/// With `connect_timeout` one connector serves every client: the SDK would make one for each set of time-outs, and read
/// every certificate each time.
fn with(trusted: TrustStore, proxy: ProxyConfig, connect_timeout: Option<Duration>) -> SharedHttpClient {
    let shared = OnceLock::new();
    http_client_fn(move |settings, components| {
        let build = |settings: HttpConnectorSettings| {
            let mut connector =
                Connector::builder().proxy_config(proxy.clone()).tls_provider(Provider::Rustls(CryptoMode::Ring));
            // A context without further names cannot fail; the default one would only trust more than asked for.
            if let Ok(context) = TlsContext::builder().with_trust_store(trusted.clone()).build() {
                connector.set_tls_context(context);
            }
            connector.set_connector_settings(Some(settings));
            connector.set_sleep_impl(components.sleep_impl());
            SharedHttpConnector::new(connector.build())
        };
        match connect_timeout {
            Some(time) => {
                shared.get_or_init(|| build(HttpConnectorSettings::builder().connect_timeout(time).build())).clone()
            }
            None => build(settings.clone()),
        }
    })
}

fn trusted(bundle: Option<&Path>) -> Result<TrustStore, ProviderError> {
    let found = match bundle {
        Some(path) => Some(path.to_owned()),
        None => SYSTEM_BUNDLES.iter().map(PathBuf::from).find(|path| path.is_file()),
    };
    let Some(path) = found else { return Ok(TrustStore::default()) };
    let pem = std::fs::read(&path)
        .map_err(|error| invalid(format!("the certificates in {} cannot be read: {error}", path.display())))?;
    let usable = usable(pem);
    if usable.is_empty() {
        return Err(invalid(format!("{} holds no PEM certificate; correct provider.aws.caBundle", path.display())));
    }
    Ok(TrustStore::empty().with_pem_certificate(usable))
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// The certificates that can be read, written anew, and nothing else: the HTTP client panics over any other.
fn usable(bundle: Vec<u8>) -> String {
    let bundle =
        String::from_utf8(bundle).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    let mut usable = String::with_capacity(bundle.len());
    for block in bundle.split(END) {
        let Some((_, body)) = block.rsplit_once(BEGIN) else { continue };
        let body: String = body.split_ascii_whitespace().collect();
        let certificate = base64::decode(&body).ok().map(CertificateDer::from);
        if certificate.is_some_and(|certificate| RootCertStore::empty().add(certificate).is_ok()) {
            usable.extend([BEGIN, "\n", &body, "\n", END, "\n"]);
        }
    }
    usable
}

fn invalid(message: String) -> ProviderError {
    ProviderError::new("configuration", FailureClass::Invalid, message)
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::pem::PemObject as _;

    use super::*;

    #[test]
    fn a_bundle_that_is_none_and_a_proxy_that_is_none_are_refused() {
        let missing = AwsSettings { ca_bundle: Some("/nonexistent/bundle.pem".into()), ..AwsSettings::default() };
        assert!(client(&missing).unwrap_err().message.contains("/nonexistent/bundle.pem"));
        let broken = "-----BEGIN CERTIFICATE-----\nZm9v\n-----END CERTIFICATE-----\n";
        for text in ["", "no certificate", broken, "-----BEGIN CERTIFICATE-----\nZm9v"] {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
            let settings = AwsSettings { ca_bundle: Some(file.path().into()), ..AwsSettings::default() };
            assert!(client(&settings).unwrap_err().message.contains("caBundle"), "{text}");
        }
        let proxy = AwsSettings { proxy: Some("not an address".into()), ..AwsSettings::default() };
        assert_eq!(client(&proxy).unwrap_err().class, FailureClass::Invalid);
        assert!(client(&AwsSettings::default()).is_ok());
    }

    /// Self-signed by this key alone, for nobody.
    const CERTIFICATE: &str = include_str!("testdata/certificate.pem");

    #[test]
    fn a_broken_certificate_does_not_cost_the_others() {
        let broken = "-----BEGIN CERTIFICATE-----\nZm9v\n-----END CERTIFICATE-----\n";
        let good = usable(CERTIFICATE.into());
        let read: Vec<_> = CertificateDer::pem_slice_iter(good.as_bytes()).collect();
        assert!(matches!(read.as_slice(), [Ok(_)]), "{good}");
        for bundle in [
            format!("# a comment\n{broken}{CERTIFICATE}\n{broken}"),
            format!("{}{broken}", CERTIFICATE.trim_end()),
            CERTIFICATE.replace('\n', "\r\n"),
            format!("{BEGIN}\ncut off\n{CERTIFICATE}"),
        ] {
            assert_eq!(usable(bundle.clone().into()), good, "{bundle}");
        }
        assert_eq!(usable([b"a name in Latin-1: \xe9\n", CERTIFICATE.as_bytes()].concat()), good);
        assert_eq!(usable(broken.into()), "");
    }
}
