//! getRequestStatus: bring up to date, then answer from the store (`hostfactory.md` 3.4).
//!
//! Invariant: a cloud that cannot be asked never turns a request into `complete` or `complete_with_error`.

use std::collections::{BTreeMap, BTreeSet};

use tracing::warn;

use super::Chain;
use super::calls::Calls;
use super::failure::Failure;
use super::reader::Asked;
use super::writer::{Answer, RequestEntry, status};
use crate::application::ApplicationError;
use crate::application::bus::Catalogue;
use crate::application::commands::{SyncReport, SyncRequests};
use crate::application::queries::{GetRequestStatus, RequestView};
use crate::domain::{RequestId, RequestKind};

/// What stood in the way of bringing requests up to date.
#[derive(Debug, Default)]
struct Doubts {
    /// About single requests, as the command reports them.
    single: BTreeMap<RequestId, String>,
    /// About every request that is not settled in the store.
    all: Option<String>,
}

/// Answers for every id in order. Ids that neither we nor a plug-in that was taken over gave out do not touch the cloud.
pub(super) async fn answer<M: Catalogue>(calls: &Calls<'_, M>, asked: Vec<Asked>) -> Result<Answer, Failure> {
    let ours: BTreeSet<&RequestId> = asked
        .iter()
        .filter_map(|asked| match asked {
            Asked::Ours(id) => Some(id),
            Asked::Foreign(_) => None,
        })
        .collect();
    let mut ids: Vec<RequestId> = ours.into_iter().cloned().collect();
    let taken_over = taken_over(calls, &asked).await?;
    ids.extend(taken_over.values().cloned());
    let mut doubts = Doubts::default();
    let mut views = BTreeMap::new();
    if !ids.is_empty() {
        doubts = brought_up_to_date(calls.commands().dispatch(SyncRequests { ids: ids.clone() }).await)?;
        calls.reconcile_in_passing(&ids).await;
        let stored = calls.queries().ask(GetRequestStatus { ids }).await?;
        views.extend(stored.into_iter().flatten().map(|view| (view.id.clone(), view)));
    }
    Ok(status(asked.iter().map(|asked| entry(asked, &taken_over, &views, &doubts)).collect()))
}

/// Finds those of the ids that are not ours under which a request was taken over from another plug-in.
async fn taken_over<M: Catalogue>(
    calls: &Calls<'_, M>,
    asked: &[Asked],
) -> Result<BTreeMap<String, RequestId>, Failure> {
    let mut theirs: Vec<(&String, RequestId)> = Vec::new();
    for foreign in asked {
        let Asked::Foreign(text) = foreign else { continue };
        for kind in [RequestKind::Acquire, RequestKind::Return] {
            theirs.extend(RequestId::of_foreign(kind, text).map(|id| (text, id)));
        }
    }
    if theirs.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ids = theirs.iter().map(|(_, id)| id.clone()).collect();
    let stored = calls.queries().ask(GetRequestStatus { ids }).await?;
    let known = theirs.into_iter().zip(stored).filter(|(_, view)| view.is_some());
    Ok(known.map(|((text, id), _)| (text.clone(), id)).collect())
}

/// Tells doubts, which are part of the answer, from failures, which replace it.
fn brought_up_to_date(outcome: Result<SyncReport, ApplicationError>) -> Result<Doubts, Failure> {
    match outcome {
        Ok(report) => Ok(Doubts { single: report.unconfirmed, all: None }),
        Err(ApplicationError::Provider(error)) if error.is_auth() => Err(ApplicationError::from(error).into()),
        Err(error @ (ApplicationError::Provider(_) | ApplicationError::DeadlineExceeded { .. })) => {
            let note = Chain(&error).to_string();
            warn!(error = %note, "requests could not be brought up to date; answering what is known");
            Ok(Doubts { single: BTreeMap::new(), all: Some(note) })
        }
        Err(error) => Err(error.into()),
    }
}

fn entry(
    asked: &Asked,
    taken_over: &BTreeMap<String, RequestId>,
    views: &BTreeMap<RequestId, RequestView>,
    doubts: &Doubts,
) -> RequestEntry {
    let id = match asked {
        Asked::Ours(id) => id,
        // It answers under the id that Host Factory knows.
        Asked::Foreign(text) => match taken_over.get(text) {
            Some(id) => return entry(&Asked::Ours(id.clone()), taken_over, views, doubts).named(text),
            None => return RequestEntry::unknown(text, ""),
        },
    };
    let view = views.get(id);
    if let Some(note) = doubts.single.get(id) {
        return RequestEntry::unconfirmed(id, view, note);
    }
    match (view, &doubts.all) {
        // A verdict is frozen; what the cloud would say cannot change it.
        (Some(view), Some(_)) if view.status.is_settled() => RequestEntry::of(view),
        (view, Some(note)) => RequestEntry::unconfirmed(id, view, note),
        (Some(view), None) => RequestEntry::of(view),
        (None, None) => RequestEntry::unknown(id.as_str(), "Neither the store nor any host bears it."),
    }
}
