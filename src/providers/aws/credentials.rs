//! Where credentials come from: a script or a file of the configuration, else the SDK's own chain.
//!
//! A script beats a file, as in IBM's LSF plug-in: its credentials are the fresher ones.
//! Invariant: nothing that a script prints is logged or shown.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use aws_config::BehaviorVersion;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::imds;
use aws_config::profile::ProfileFileCredentialsProvider;
#[expect(deprecated, reason = "the types' new home is a crate that is not meant to be named directly")]
use aws_config::profile::profile_file::{ProfileFileKind, ProfileFiles};
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider, future};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use aws_types::region::Region;
use serde::Deserialize;

use crate::application::settings::AwsSettings;

/// The section that IBM's plug-ins read.
const SECTION: &str = "default";
/// How long one exchange with the metadata service of this host may take; it is there at once or not at all.
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);
const METADATA_ATTEMPTS: u32 = 2;

/// Returns the provider that the settings ask for. Asks nobody yet.
pub(super) async fn provider(
    settings: &AwsSettings,
    region: &Region,
    http: SharedHttpClient,
    metadata_http: SharedHttpClient,
) -> SharedCredentialsProvider {
    let config = ProviderConfig::without_region()
        .with_region(Some(region.clone()))
        .with_behavior_version(Some(BehaviorVersion::v2026_01_12()))
        .with_http_client(http);
    if let Some(script) = &settings.credential_script {
        return SharedCredentialsProvider::new(Script { path: script.clone(), config });
    }
    if let Some(file) = &settings.credential_file {
        return SharedCredentialsProvider::new(File { path: file.clone(), config });
    }
    let metadata = imds::Client::builder()
        .configure(&config.clone().with_http_client(metadata_http))
        .max_attempts(METADATA_ATTEMPTS)
        .connect_timeout(METADATA_TIMEOUT)
        .read_timeout(METADATA_TIMEOUT)
        .build();
    let mut chain = DefaultCredentialsChain::builder().configure(config).region(region.clone()).imds_client(metadata);
    if let Some(profile) = &settings.profile {
        chain = chain.profile_name(profile);
    }
    SharedCredentialsProvider::new(chain.build().await)
}

/// An ini file with a `[default]` section (`AWS_CREDENTIAL_FILE`).
#[derive(Debug)]
struct File {
    path: PathBuf,
    config: ProviderConfig,
}

impl File {
    async fn load(&self) -> provider::Result {
        let text = std::fs::read_to_string(&self.path)
            .map_err(|error| failed(format!("the credential file {} cannot be read: {error}", self.path.display())))?;
        from_ini(text, &self.config).await.map_err(|_| {
            failed(format!(
                "the credential file {} has no section [{SECTION}] with aws_access_key_id and aws_secret_access_key",
                self.path.display()
            ))
        })
    }
}

impl ProvideCredentials for File {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.load())
    }
}

/// A program that prints credentials, as ini text or as JSON (`AWS_CREDENTIAL_SCRIPT`).
#[derive(Debug)]
struct Script {
    path: PathBuf,
    config: ProviderConfig,
}

impl Script {
    async fn load(&self) -> provider::Result {
        let text = run(&self.path).await?;
        if text.trim_start().starts_with('{') {
            return from_json(&text).map_err(|what| failed(format!("{} {what}", self.named())));
        }
        let nothing = || failed(format!("{} printed neither ini text nor JSON with credentials", self.named()));
        // IBM's scripts may leave the section out.
        let text = if text.contains('[') { text } else { format!("[{SECTION}]\n{text}") };
        from_ini(text, &self.config).await.map_err(|_| nothing())
    }

    fn named(&self) -> String {
        format!("the credential script {}", self.path.display())
    }
}

impl ProvideCredentials for Script {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.load())
    }
}

/// Runs the program itself, not a shell, and returns what it printed. Its own error output is dropped.
async fn run(path: &Path) -> Result<String, CredentialsError> {
    let output = tokio::process::Command::new(path)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| failed(format!("the credential script {} cannot be run: {error}", path.display())))?;
    if !output.status.success() {
        return Err(failed(format!("the credential script {} ended with {}", path.display(), output.status)));
    }
    String::from_utf8(output.stdout)
        .map_err(|_| failed(format!("the credential script {} printed something that is no text", path.display())))
}

#[expect(deprecated, reason = "see the import")]
async fn from_ini(text: String, config: &ProviderConfig) -> provider::Result {
    let files = ProfileFiles::builder().with_contents(ProfileFileKind::Credentials, text).build();
    ProfileFileCredentialsProvider::builder()
        .configure(config)
        .profile_files(files)
        .profile_name(SECTION)
        .build()
        .provide_credentials()
        .await
}

/// What a credential process prints.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Printed {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    expiration: Option<String>,
}

/// The error holds no word of `text`.
fn from_json(text: &str) -> Result<Credentials, &'static str> {
    let printed: Printed =
        serde_json::from_str(text).map_err(|_| "printed JSON without the texts AccessKeyId and SecretAccessKey")?;
    let expires = match printed.expiration {
        Some(when) => {
            let at = DateTime::from_str(&when, Format::DateTimeWithOffset)
                .map_err(|_| "printed an Expiration that is not like 2026-01-31T12:00:00Z")?;
            Some(SystemTime::try_from(at).map_err(|_| "printed an Expiration that is out of range")?)
        }
        None => None,
    };
    Ok(Credentials::new(printed.access_key_id, printed.secret_access_key, printed.session_token, expires, "script"))
}

fn failed(message: String) -> CredentialsError {
    CredentialsError::provider_error(message)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use aws_smithy_runtime_api::client::http::SharedHttpClient;

    use super::*;
    use crate::providers::aws::http::direct_client;

    const INI: &str =
        "[default]\naws_access_key_id = AKIDINI\naws_secret_access_key = CANARY\naws_session_token = TOKEN\n";

    /// A script that is still open for writing in a process forked meanwhile cannot be run ("text file busy").
    static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

    fn http() -> SharedHttpClient {
        direct_client()
    }

    async fn load(settings: AwsSettings) -> Result<Credentials, String> {
        let region = Region::new("eu-west-1");
        let provider = provider(&settings, &region, http(), http()).await;
        provider.provide_credentials().await.map_err(|error| {
            let mut text = format!("{error} {error:?}");
            let mut cause = std::error::Error::source(&error);
            while let Some(current) = cause {
                text = format!("{text}: {current}");
                cause = current.source();
            }
            text
        })
    }

    fn script(folder: &tempfile::TempDir, body: &str) -> AwsSettings {
        let path = folder.path().join("credentials.sh");
        let mut file = std::fs::File::create(&path).unwrap();
        std::io::Write::write_all(&mut file, format!("#!/bin/sh\n{body}\n").as_bytes()).unwrap();
        file.set_permissions(std::fs::Permissions::from_mode(0o700)).unwrap();
        AwsSettings { credential_script: Some(path), ..AwsSettings::default() }
    }

    #[tokio::test]
    async fn a_script_may_print_ini_text_with_or_without_its_section() {
        let _alone = ONE_AT_A_TIME.lock().await;
        let folder = tempfile::tempdir().unwrap();
        for text in [INI, INI.trim_start_matches("[default]\n")] {
            let found = load(script(&folder, &format!("cat <<'END'\n{text}END"))).await.unwrap();
            assert_eq!((found.access_key_id(), found.session_token()), ("AKIDINI", Some("TOKEN")));
        }
    }

    #[tokio::test]
    async fn a_script_may_print_json_with_an_expiry() {
        let _alone = ONE_AT_A_TIME.lock().await;
        let folder = tempfile::tempdir().unwrap();
        let json = r#"{"Version":1,"AccessKeyId":"AKIDJSON","SecretAccessKey":"CANARY","SessionToken":"T",
            "Expiration":"2030-01-31T12:00:00Z"}"#;
        let found = load(script(&folder, &format!("cat <<'END'\n{json}\nEND"))).await.unwrap();
        assert_eq!(found.access_key_id(), "AKIDJSON");
        assert!(found.expiry().is_some());
    }

    #[tokio::test]
    async fn what_a_script_prints_is_never_shown() {
        let _alone = ONE_AT_A_TIME.lock().await;
        let folder = tempfile::tempdir().unwrap();
        for body in [
            "echo '{\"AccessKeyId\": \"CANARY\", \"x\": CANARY'",
            "echo CANARY",
            "echo CANARY >&2; exit 3",
            "echo '{\"AccessKeyId\":\"CANARY\",\"SecretAccessKey\":\"CANARY\",\"Expiration\":\"CANARY\"}'",
        ] {
            let text = load(script(&folder, body)).await.unwrap_err();
            assert!(text.contains("credential script") && !text.contains("CANARY"), "{text}");
        }
    }

    #[tokio::test]
    async fn a_file_is_read_by_its_default_section() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials");
        std::io::Write::write_all(&mut std::fs::File::create(&path).unwrap(), INI.as_bytes()).unwrap();
        let settings = AwsSettings { credential_file: Some(path), ..AwsSettings::default() };
        assert_eq!(load(settings).await.unwrap().access_key_id(), "AKIDINI");
        let missing = AwsSettings { credential_file: Some("/nonexistent/keys".into()), ..AwsSettings::default() };
        assert!(load(missing).await.unwrap_err().contains("/nonexistent/keys"));
    }
}
