//! Every metric: its name, its kind and its meaning. `docs/metrics.md` lists the same.

/// What a metric's number does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows; a smaller number is a new beginning.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Counts within bounds, with their sum.
    Histogram,
}

impl Kind {
    /// Returns the word for it in the exposition format.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// What its number does.
    pub kind: Kind,
    /// What it means.
    pub help: &'static str,
}

const fn family(name: &'static str, kind: Kind, help: &'static str) -> Family {
    Family { name, kind, help }
}

use Kind::{Counter, Gauge, Histogram};

pub(super) const BUILD: Family =
    family("hostfactory_build_info", Gauge, "Always 1; the labels tell the version and what it was built with.");
pub(super) const STORE_READABLE: Family = family(
    "hostfactory_store_readable",
    Gauge,
    "1 when the store could be read; 0 when not, and then what comes from it is missing.",
);
pub(super) const REQUESTS: Family =
    family("hostfactory_requests", Gauge, "Requests that are kept, by kind (acquire or return), status and template.");
pub(super) const MACHINES: Family = family(
    "hostfactory_machines",
    Gauge,
    "Hosts that are kept, those that have ended included, by status and template.",
);
pub(super) const REQUESTS_TOTAL: Family =
    family("hostfactory_requests_total", Counter, "Requests that were accepted, by kind and template.");
pub(super) const HOSTS_TOTAL: Family = family(
    "hostfactory_requested_hosts_total",
    Counter,
    "Hosts that these requests asked for, or gave back, by kind and template.",
);
pub(super) const SETTLED_TOTAL: Family =
    family("hostfactory_requests_settled_total", Counter, "Verdicts on requests, by kind, status and template.");
pub(super) const FIRST_HOST: Family = family(
    "hostfactory_request_first_host_seconds",
    Histogram,
    "How long requests for hosts took until their first host was seen running.",
);
pub(super) const VERDICT: Family =
    family("hostfactory_request_settled_seconds", Histogram, "How long requests took until their verdict, by kind.");
pub(super) const ATTEMPTS_TOTAL: Family = family(
    "hostfactory_launch_attempts_total",
    Counter,
    "Launches by outcome: ok, or the class of the failure, such as no_capacity.",
);
pub(super) const EVENTS_TOTAL: Family =
    family("hostfactory_events_total", Counter, "What happened, by the name of the event.");
pub(super) const EVENTS_MISSED: Family = family(
    "hostfactory_events_uncounted_total",
    Counter,
    "Events that were forgotten (events.retentionHours) before anybody took metrics.",
);
pub(super) const CALLS_TOTAL: Family = family(
    "hostfactory_aws_calls_total",
    Counter,
    "Calls to AWS by operation and outcome: ok, the class of the failure, or held_back by our own limiter.",
);
pub(super) const THROTTLES_TOTAL: Family =
    family("hostfactory_aws_throttles_total", Counter, "How often AWS said slow down, by operation.");
pub(super) const POOLS_HELD: Family = family(
    "hostfactory_pools_unavailable",
    Gauge,
    "Pools, subnets and quotas that are not asked for now, since they had nothing to give.",
);
pub(super) const TEMPLATE_SUSPENDED: Family = family(
    "hostfactory_template_suspended",
    Gauge,
    "1 for each template that is out of use, since its hosts died at boot or AWS refused it.",
);
pub(super) const SUSPECTS: Family =
    family("hostfactory_suspected_orphans", Gauge, "Hosts with our owner tag that no request accounts for.");
pub(super) const LAST_RUN: Family = family(
    "hostfactory_last_run_timestamp_seconds",
    Gauge,
    "When a duty was last begun: recovery of requests, collection of orphans, purge of the store.",
);
pub(super) const STORE_BYTES: Family =
    family("hostfactory_store_bytes", Gauge, "The size of the store, and of the copies and other files beside it.");
pub(super) const SINK_WAITING: Family = family(
    "hostfactory_sink_lag_events",
    Gauge,
    "How many events lie between a receiver of notifications and the end of the history.",
);
pub(super) const SINK_DELIVERED: Family =
    family("hostfactory_sink_delivered_events_total", Counter, "Events that a receiver has taken.");
pub(super) const SINK_MISSED: Family = family(
    "hostfactory_sink_missed_events_total",
    Counter,
    "Events that were forgotten (events.retentionHours) before a receiver could be told.",
);
pub(super) const SINK_FAILURES: Family =
    family("hostfactory_sink_failures", Gauge, "How often in a row a receiver has failed; 0 when it takes events.");

/// Every metric.
pub const FAMILIES: [Family; 23] = [
    BUILD,
    STORE_READABLE,
    REQUESTS,
    MACHINES,
    REQUESTS_TOTAL,
    HOSTS_TOTAL,
    SETTLED_TOTAL,
    FIRST_HOST,
    VERDICT,
    ATTEMPTS_TOTAL,
    EVENTS_TOTAL,
    EVENTS_MISSED,
    CALLS_TOTAL,
    THROTTLES_TOTAL,
    POOLS_HELD,
    TEMPLATE_SUSPENDED,
    SUSPECTS,
    LAST_RUN,
    STORE_BYTES,
    SINK_WAITING,
    SINK_DELIVERED,
    SINK_MISSED,
    SINK_FAILURES,
];
