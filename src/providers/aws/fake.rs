//! AWS as tests script it: an HTTP connector that answers by `Action` and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use tempfile::NamedTempFile;

use super::client::AwsClients;
use crate::application::ports::Clock;
use crate::application::settings::AwsSettings;
use crate::application::testing::FakeNotebook;
use crate::domain::notes::{Account, Notes};
use crate::domain::{Digest, Timestamp};

/// What AWS does when it is asked.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    /// An answer.
    Answer(u16, String),
    /// The same, and AWS's clock shows this time.
    Dated(u16, String, &'static str),
    /// The answer is lost.
    Lost,
}

impl Reply {
    pub(super) fn ok(body: impl Into<String>) -> Self {
        Self::Answer(200, body.into())
    }

    /// EC2's form of an error.
    pub(super) fn error(status: u16, code: &str, message: &str) -> Self {
        let body = format!(
            "<?xml version=\"1.0\"?><Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error>\
             </Errors><RequestID>r-1</RequestID></Response>"
        );
        Self::Answer(status, body)
    }
}

/// A request as it went over the wire: the pairs of the form, or the body of a JSON call as `Body`.
#[derive(Debug, Clone)]
pub(super) struct Seen(pub(super) Vec<(String, String)>);

impl Seen {
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    pub(super) fn action(&self) -> &str {
        self.get("Action").unwrap_or_default()
    }

    /// The values of `prefix.1`, `prefix.2` and so on.
    pub(super) fn list(&self, prefix: &str) -> Vec<&str> {
        (1..).map_while(|n| self.get(&format!("{prefix}.{n}"))).collect()
    }

    /// The pairs below `prefix`, as `key=value`.
    pub(super) fn below(&self, prefix: &str) -> Vec<String> {
        let mut pairs: Vec<String> = self
            .0
            .iter()
            .filter(|(key, _)| key.starts_with(prefix))
            .map(|(key, value)| format!("{}={value}", &key[prefix.len()..]))
            .collect();
        pairs.sort();
        pairs
    }
}

type Script = Box<dyn FnMut(&Seen) -> Reply + Send>;

/// The fake.
#[derive(Clone)]
pub(super) struct FakeAws {
    script: Arc<Mutex<Script>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    credentials: Arc<NamedTempFile>,
    pub(super) notebook: Arc<FakeNotebook>,
    pub(super) clock: Arc<TestClock>,
}

/// A clock that begins at noon of the last day of January 2026 and goes on as real time does, and by leaps.
#[derive(Debug)]
pub(super) struct TestClock {
    started: Mutex<Option<Instant>>,
    leaps: AtomicU64,
}

impl TestClock {
    /// From now on it goes on by leaps only.
    pub(super) fn freeze(&self) {
        *self.started.lock().unwrap() = None;
    }

    pub(super) fn leap(&self, seconds: u64) {
        self.leaps.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let running = self.started.lock().unwrap().map_or(Duration::ZERO, |started| started.elapsed());
        let leaps = Duration::from_secs(self.leaps.load(Ordering::Relaxed));
        Timestamp::from_seconds(1_769_860_800).after(running + leaps)
    }
}

/// A credential file with this key.
pub(super) fn keys_of(id: &str) -> String {
    format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = not-a-secret\n")
}

/// The account that the work folder's hosts live in, and to which the fake's key belongs.
pub(super) const ACCOUNT: &str = "123456789012";

/// An answer of `GetCallerIdentity`.
pub(super) fn caller(account: &str) -> Reply {
    Reply::ok(format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
         <Arn>arn:aws:iam::{account}:user/grid</Arn><UserId>AIDA</UserId><Account>{account}</Account>\
         </GetCallerIdentityResult></GetCallerIdentityResponse>"
    ))
}

impl std::fmt::Debug for FakeAws {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FakeAws")
    }
}

impl FakeAws {
    pub(super) fn new(script: impl FnMut(&Seen) -> Reply + Send + 'static) -> Self {
        let mut notes = Notes::default();
        let keys = vec![Digest::of(&["AKIDTEST"])];
        notes.account = Some(Account { id: ACCOUNT.to_owned(), region: "eu-west-1".to_owned(), keys });
        let credentials = NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut credentials.as_file(), keys_of("AKIDTEST").as_bytes()).unwrap();
        Self {
            script: Arc::new(Mutex::new(Box::new(script))),
            seen: Arc::default(),
            credentials: Arc::new(credentials),
            notebook: Arc::new(FakeNotebook(Mutex::new(notes))),
            clock: Arc::new(TestClock { started: Mutex::new(Some(Instant::now())), leaps: AtomicU64::new(0) }),
        }
    }

    /// The work folder belongs to this account, or to none yet, and nobody has seen a key.
    pub(super) fn of_account(self, id: Option<&str>) -> Self {
        self.notebook.0.lock().unwrap().account =
            id.map(|id| Account { id: id.to_owned(), region: "eu-west-1".to_owned(), keys: Vec::new() });
        self
    }

    /// Answers in this order, whatever is asked; the last reply stays.
    pub(super) fn in_order(replies: impl IntoIterator<Item = Reply>) -> Self {
        let mut replies: VecDeque<Reply> = replies.into_iter().collect();
        Self::new(
            move |_| {
                if replies.len() > 1 { replies.pop_front().unwrap() } else { replies.front().unwrap().clone() }
            },
        )
    }

    pub(super) fn settings(&self) -> AwsSettings {
        AwsSettings {
            region: Some("eu-west-1".to_owned()),
            credential_file: Some(self.credentials.path().to_owned()),
            describe_interval: Duration::ZERO,
            first_pause: Duration::from_millis(5),
            rate_percent: 10_000,
            ..AwsSettings::default()
        }
    }

    pub(super) fn clients(&self) -> Arc<AwsClients> {
        self.clients_with(self.settings())
    }

    pub(super) fn clients_with(&self, settings: AwsSettings) -> Arc<AwsClients> {
        Arc::new(AwsClients::over(settings, self.http_client(), self.notebook.clone(), self.clock.clone()))
    }

    pub(super) fn http_client(&self) -> SharedHttpClient {
        let fake = self.clone();
        http_client_fn(move |_, _| SharedHttpConnector::new(fake.clone()))
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(super) fn actions(&self) -> Vec<String> {
        self.seen().iter().map(|seen| seen.action().to_owned()).collect()
    }
}

impl HttpConnector for FakeAws {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        let mut pairs = match request.headers().get("x-amz-target") {
            Some(target) => vec![("Action".to_owned(), target.to_owned()), ("Body".to_owned(), body)],
            None => form(&body),
        };
        pairs.push(("Uri".to_owned(), request.uri().to_owned()));
        let seen = Seen(pairs);
        self.seen.lock().unwrap().push(seen.clone());
        let reply = (self.script.lock().unwrap())(&seen);
        HttpConnectorFuture::ready(match reply {
            Reply::Answer(status, body) => Ok(HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body))),
            Reply::Dated(status, body, date) => {
                let mut answer = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
                answer.headers_mut().insert("date", date);
                Ok(answer)
            }
            Reply::Lost => Err(ConnectorError::io("connection reset by peer".into())),
        })
    }
}

fn form(body: &str) -> Vec<(String, String)> {
    body.split('&').filter_map(|pair| pair.split_once('=')).map(|(key, value)| (decoded(key), decoded(value))).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let hex: String = [rest.next().unwrap(), rest.next().unwrap()].map(char::from).iter().collect();
                bytes.push(u8::from_str_radix(&hex, 16).unwrap());
            }
            b'+' => bytes.push(b' '),
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// One instance in EC2's XML.
pub(super) fn instance(id: &str, state: (u32, &str), more: &str) -> String {
    format!(
        "<item><instanceId>{id}</instanceId><instanceState><code>{}</code><name>{}</name></instanceState>\
         <instanceType>m6i.xlarge</instanceType><launchTime>2026-01-31T12:00:00.000Z</launchTime>\
         <placement><availabilityZone>eu-west-1a</availabilityZone></placement>{more}</item>",
        state.0, state.1
    )
}

/// An answer of RunInstances.
pub(super) fn launched(instances: &[String]) -> Reply {
    Reply::ok(format!(
        "<RunInstancesResponse><requestId>x</requestId><reservationId>r-0abc</reservationId>\
         <instancesSet>{}</instancesSet></RunInstancesResponse>",
        instances.concat()
    ))
}

/// One page of DescribeInstances.
pub(super) fn described(instances: &[String], next: Option<&str>) -> Reply {
    let next = next.map(|token| format!("<nextToken>{token}</nextToken>")).unwrap_or_default();
    let sets = if instances.is_empty() {
        String::new()
    } else {
        format!("<item><reservationId>r-0abc</reservationId><instancesSet>{}</instancesSet></item>", instances.concat())
    };
    Reply::ok(format!(
        "<DescribeInstancesResponse><reservationSet>{sets}</reservationSet>{next}</DescribeInstancesResponse>"
    ))
}
