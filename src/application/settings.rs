//! Settings of the providers, as plain data: read by `infrastructure::config`, used in `providers`.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::domain::notes::BrakePolicy;

/// Where Linux distributions keep their bundle of certificates.
pub const SYSTEM_BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Where state is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StorageStrategy {
    /// One JSON file.
    #[default]
    Json,
    /// A SQLite database.
    Sqlite,
}

impl StorageStrategy {
    /// Every strategy.
    pub const ALL: [Self; 2] = [Self::Json, Self::Sqlite];

    /// Returns its name in `storage.strategy`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Sqlite => "sqlite",
        }
    }

    /// Returns the strategy of this name.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|strategy| strategy.word() == word)
    }
}

/// How to reach AWS. `Debug` leaves the proxy out, since its address may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub struct AwsSettings {
    /// The region; always explicit, since looking it up on the host costs seconds.
    pub region: Option<String>,
    /// A profile of the shared AWS configuration.
    pub profile: Option<String>,
    /// An endpoint other than the region's own, for EC2, Systems Manager and STS: private, or an emulator.
    pub endpoint_url: Option<String>,
    /// An ini file with a `[default]` section (`AWS_CREDENTIAL_FILE`).
    pub credential_file: Option<PathBuf>,
    /// A program that prints temporary credentials, as ini text or as JSON (`AWS_CREDENTIAL_SCRIPT`).
    pub credential_script: Option<PathBuf>,
    /// An HTTP proxy, `http://host:port`.
    pub proxy: Option<String>,
    /// A PEM file with the certificates to trust; else the system's.
    pub ca_bundle: Option<PathBuf>,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long one HTTP exchange may take.
    pub attempt_timeout: Duration,
    /// How often a failed create call is sent again, with the same token, within one process.
    pub create_retries: u32,
    /// How often a failed describe call is sent again within one process.
    pub describe_retries: u32,
    /// The wait before the n-th repetition of a describe call is n times this.
    pub describe_interval: Duration,
    /// How many hundredths of AWS's published rates this installation uses; 0 lets every call pass.
    pub rate_percent: u32,
    /// How long nobody asks after the first "slow down" of AWS; each further one doubles it.
    pub first_pause: Duration,
    /// Tags for everything created, below the template's.
    pub tags: Vec<(String, String)>,
}

impl fmt::Debug for AwsSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsSettings")
            .field("region", &self.region)
            .field("profile", &self.profile)
            .field("endpoint_url", &self.endpoint_url)
            .finish_non_exhaustive()
    }
}

impl Default for AwsSettings {
    fn default() -> Self {
        Self {
            region: None,
            profile: None,
            endpoint_url: None,
            credential_file: None,
            credential_script: None,
            proxy: None,
            ca_bundle: None,
            connect_timeout: Duration::from_secs(3),
            attempt_timeout: Duration::from_secs(20),
            create_retries: 2,
            describe_retries: 2,
            describe_interval: Duration::from_millis(500),
            rate_percent: 100,
            first_pause: Duration::from_secs(2),
            tags: Vec::new(),
        }
    }
}

/// What is done about hosts and requests that nobody asks for (`aws-semantics.md` 17.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CareSettings {
    /// How often requests that nobody asks about are brought forward.
    pub recover_every: Duration,
    /// How long nobody may ask about a request before it is given up and its hosts are ended.
    pub unclaimed_after: Duration,
    /// How often hosts with our tag are looked for that no request accounts for.
    pub collect_every: Duration,
    /// How long a host must have been known as an orphan before it is ended.
    pub orphan_age: Duration,
    /// The most orphans that one call ends.
    pub most_ended: usize,
    /// How long settled requests and ended hosts are kept.
    pub keep: Duration,
    /// How often what has been kept long enough is forgotten.
    pub purge_every: Duration,
    /// When a template whose hosts die at boot is put out of use.
    pub brake: BrakePolicy,
}

impl Default for CareSettings {
    fn default() -> Self {
        Self {
            recover_every: Duration::from_mins(1),
            unclaimed_after: Duration::from_hours(1),
            collect_every: Duration::from_mins(5),
            orphan_age: Duration::from_mins(5),
            most_ended: 100,
            keep: Duration::from_hours(24 * 30),
            purge_every: Duration::from_hours(1),
            brake: BrakePolicy::default(),
        }
    }
}

/// Which scheduled events of the cloud count as a host's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ScheduledEvents {
    /// None.
    Ignored,
    /// Those that end or stop the host.
    #[default]
    Ending,
    /// Reboots and maintenance too.
    All,
}

/// What of a host's health lets getReturnRequests name it (`aws-semantics.md` section 15, `faults.md` row 79).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HealthSettings {
    /// Scheduled events.
    pub events: ScheduledEvents,
    /// How long its status checks must have failed; `None` lets them fail.
    pub impaired_after: Option<Duration>,
}

impl HealthSettings {
    /// The shortest time for which checks must have failed: AWS takes them once a minute, and one proves nothing.
    pub const SHORTEST_IMPAIRMENT: Duration = Duration::from_mins(2);

    /// Returns whether there is anything to ask the cloud.
    pub fn ask(self) -> bool {
        self.events != ScheduledEvents::Ignored || self.impaired_after.is_some()
    }
}

/// How the simulated provider behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulatedSettings {
    /// How long a host is `pending`.
    pub boot: Duration,
    /// How long a host is `shutting-down`.
    pub shutdown: Duration,
    /// How many of a hundred hosts die while they boot.
    pub failure_percent: u8,
    /// How many of a hundred spot hosts are taken back.
    pub reclaim_percent: u8,
    /// How old a spot host is when it is taken back; notice comes two minutes before.
    pub reclaim_after: Duration,
}

impl Default for SimulatedSettings {
    fn default() -> Self {
        Self {
            boot: Duration::from_secs(20),
            shutdown: Duration::from_secs(10),
            failure_percent: 0,
            reclaim_percent: 0,
            reclaim_after: Duration::from_mins(10),
        }
    }
}
