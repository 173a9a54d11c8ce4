//! The operator's verbs on providers, and what is found about the one in use.

use std::time::Duration;

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::findings;
use crate::application::bus::Catalogue;
use crate::application::ports::{Finding, Probe};
use crate::application::queries::{CheckProviders, ProviderStanding};
use crate::domain::Timestamp;
use crate::interface::chain::Chain;
use crate::interface::cli::desk::{App, Ended};
use crate::interface::cli::report::Report;
use crate::interface::cli::table::{Cell, Column, Table, Tone};

/// AWS takes no call whose time is farther off (`aws-semantics.md` section 10).
const MOST_SKEW: Duration = Duration::from_mins(5);
/// Beyond this a clock is not kept by NTP.
const ODD_SKEW: Duration = Duration::from_secs(30);
/// An answer that takes longer is worth a word.
const SLOW: Duration = Duration::from_secs(2);

/// What there is to do with providers.
#[derive(Debug, Subcommand)]
pub(crate) enum ProvidersVerb {
    /// Lists the providers that this program has, with the ways in which each gets hosts.
    #[command(visible_alias = "ls")]
    List,
    /// Asks the provider in use whose credentials ours are, and times one harmless call; exit code 1 when it cannot be
    /// worked with.
    Health,
}

/// Does what `verb` says and returns what to print.
pub(super) async fn run<M: Catalogue>(app: App<'_, M>, verb: ProvidersVerb) -> Result<Report, Ended> {
    match verb {
        ProvidersVerb::List => Ok(listed(&app.queries().ask(CheckProviders { ask: false }).await?)),
        ProvidersVerb::Health => {
            let standings = app.queries().ask(CheckProviders { ask: true }).await?;
            let mut report = findings::report(&health(&standings), "checks", &[]);
            if let (Value::Object(members), Some(used)) = (&mut report.document, standings.first()) {
                members.extend(figures(used));
            }
            Ok(report)
        }
    }
}

fn ways(standing: &ProviderStanding) -> Vec<String> {
    standing.ways.iter().map(|way| way.word().to_owned()).collect()
}

fn listed(standings: &[ProviderStanding]) -> Report {
    let columns = [Column::fixed("PROVIDER"), Column::fixed("IN USE"), Column::fixed("REGION"), Column::elastic("WAY")];
    let mut table = Table::new(&columns, "This program has no provider.");
    let mut documents = Vec::new();
    for standing in standings {
        let name = standing.kind.to_string();
        let ways = ways(standing);
        table.push(vec![
            name.as_str().into(),
            if standing.in_use { Cell::toned("yes", Tone::Good) } else { Cell::toned("no", Tone::Faint) },
            standing.region.as_deref().into(),
            ways.first().map(String::as_str).into(),
        ]);
        // All on one line would be cut on a terminal.
        for way in ways.iter().skip(1) {
            table.push(vec![Cell::default(), Cell::default(), Cell::default(), way.as_str().into()]);
        }
        documents.push(json!({
            "provider": name,
            "inUse": standing.in_use,
            "region": standing.region,
            "ways": ways,
        }));
    }
    let names = standings.iter().map(|standing| standing.kind.to_string()).collect();
    Report::list("providers", documents, names, table)
}

/// Returns what is found about the provider in use.
pub(super) fn health(standings: &[ProviderStanding]) -> Vec<Finding> {
    let Some(used) = standings.iter().find(|standing| standing.in_use) else {
        let mend = "build the program with the provider that provider.type names, or name another";
        return vec![Finding::failed("provider", "this program does not have the provider in use", mend)];
    };
    let place = used.region.as_deref().map(|region| format!(", region {region}")).unwrap_or_default();
    let mut findings = vec![Finding::good("provider", format!("{}{place}", used.kind))];
    let Some(reach) = &used.reach else {
        let why = "this provider has no cloud";
        findings.extend(["credentials", "clock", "endpoint"].map(|name| Finding::skipped(name, why)));
        return findings;
    };
    findings.push(match &reach.caller {
        Ok(caller) => Finding::good("credentials", format!("account {}, {}", caller.account, caller.name)),
        // Where only the service that tells is out of reach, calls go on.
        Err(error) if !error.is_auth() && matches!(reach.probe, Some(Ok(_))) => Finding::warning(
            "credentials",
            format!("they work, but nobody says whose they are: {}", Chain(error)),
            "let this host reach the endpoint of AWS STS in the region",
        ),
        Err(error) => Finding::failed(
            "credentials",
            Chain(error).to_string(),
            "give this host an instance role, or set provider.aws.profile, AWS_CREDENTIAL_FILE or AWS_CREDENTIAL_SCRIPT; \
             README, First run against AWS",
        ),
    });
    match &reach.probe {
        None => {
            let why = "no call was made without credentials";
            findings.extend(["clock", "endpoint"].map(|name| Finding::skipped(name, why)));
        }
        Some(Err(error)) => {
            findings.push(Finding::skipped("clock", "AWS gave no good answer to compare with"));
            let mend = if error.is_auth() {
                "allow the action in the IAM policy of the credentials (README, IAM policy)"
            } else {
                "see that this host reaches the EC2 endpoint of the region on port 443: routes, proxy \
                 (provider.aws.proxy), VPC endpoint, certificates (provider.aws.caBundle)"
            };
            findings.push(Finding::failed("endpoint", Chain(error).to_string(), mend));
        }
        Some(Ok(probe)) => {
            findings.push(clock(probe));
            findings.push(endpoint(probe));
        }
    }
    findings
}

fn skew(theirs: Timestamp, ours: Timestamp) -> (Duration, &'static str) {
    if ours > theirs { (ours.since(theirs), "ahead of") } else { (theirs.since(ours), "behind") }
}

fn clock(probe: &Probe) -> Finding {
    let Some(theirs) = probe.their_clock else {
        return Finding::skipped("clock", "the answer did not tell the time");
    };
    let (off, side) = skew(theirs, probe.our_clock);
    // Answers tell whole seconds.
    if off < Duration::from_secs(2) {
        return Finding::good("clock", "agrees with that of AWS");
    }
    let found = format!("{} seconds {side} that of AWS, which takes at most {}", off.as_secs(), MOST_SKEW.as_secs());
    let mend = "set the clock, best by NTP: chronyc tracking; AWS offers 169.254.169.123 on its own hosts";
    if off >= MOST_SKEW {
        Finding::failed("clock", found, mend)
    } else if off >= ODD_SKEW {
        Finding::warning("clock", found, mend)
    } else {
        Finding::good("clock", found)
    }
}

fn endpoint(probe: &Probe) -> Finding {
    let found = format!("{} answered in {} ms", probe.operation, probe.took.as_millis());
    if probe.took < SLOW {
        return Finding::good("endpoint", found);
    }
    Finding::warning("endpoint", found, "a call of Host Factory makes several of these; look at proxy and routes")
}

/// Returns the figures for programs.
fn figures(used: &ProviderStanding) -> Map<String, Value> {
    let reach = used.reach.as_ref();
    let probe = reach.and_then(|reach| reach.probe.as_ref()).and_then(|probe| probe.as_ref().ok());
    let caller = reach.and_then(|reach| reach.caller.as_ref().ok());
    let skew = probe.and_then(|probe| Some(probe.our_clock.as_millis() - probe.their_clock?.as_millis()));
    Map::from_iter([
        ("provider".to_owned(), json!(used.kind.to_string())),
        ("region".to_owned(), json!(used.region)),
        ("ways".to_owned(), json!(ways(used))),
        ("account".to_owned(), json!(caller.map(|caller| &caller.account))),
        ("caller".to_owned(), json!(caller.map(|caller| &caller.name))),
        ("clockSkewMs".to_owned(), json!(skew)),
        ("latencyMs".to_owned(), json!(probe.map(|probe| u64::try_from(probe.took.as_millis()).unwrap_or(u64::MAX)))),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::ProviderError;
    use crate::application::ports::{Caller, Outcome, Reach};
    use crate::domain::FailureClass;
    use crate::domain::template::ProviderKind;

    fn outcomes(reach: Reach) -> Vec<(String, Outcome)> {
        let kind = ProviderKind::Aws;
        let used = ProviderStanding { kind, in_use: true, region: None, ways: Vec::new(), reach: Some(reach) };
        health(&[used]).into_iter().map(|finding| (finding.name, finding.outcome)).collect()
    }

    #[expect(clippy::unnecessary_wraps, reason = "a probe as a reach tells it")]
    fn probed(seconds_off: i64, millis: u64) -> Option<Result<Probe, ProviderError>> {
        let took = Duration::from_millis(millis);
        let (their_clock, our_clock) =
            (Some(Timestamp::from_seconds(1000)), Timestamp::from_seconds(1000 + seconds_off));
        Some(Ok(Probe { operation: "DescribeInstances", took, their_clock, our_clock }))
    }

    fn refused(class: FailureClass) -> ProviderError {
        ProviderError::new("GetCallerIdentity", class, "no")
    }

    #[test]
    fn what_is_wrong_with_a_cloud_is_told_apart() {
        let caller = || Ok(Caller { account: "1".to_owned(), name: "grid".to_owned() });
        let of = |reach| outcomes(reach).into_iter().map(|(_, outcome)| outcome).skip(1).collect::<Vec<_>>();
        let (good, odd, bad, not) = (Outcome::Ok, Outcome::Warning, Outcome::Failed, Outcome::Skipped);
        for (reach, wanted) in [
            (Reach { caller: caller(), probe: probed(1, 80) }, [good, good, good]),
            (Reach { caller: caller(), probe: probed(-60, 3000) }, [good, odd, odd]),
            (Reach { caller: caller(), probe: probed(301, 80) }, [good, bad, good]),
            (Reach { caller: caller(), probe: Some(Err(refused(FailureClass::Network))) }, [good, not, bad]),
            (Reach { caller: Err(refused(FailureClass::Network)), probe: probed(0, 80) }, [odd, good, good]),
            (Reach { caller: Err(refused(FailureClass::AuthExpired)), probe: None }, [bad, not, not]),
        ] {
            let shown = format!("{reach:?}");
            assert_eq!(of(reach), wanted, "{shown}");
        }
    }
}
