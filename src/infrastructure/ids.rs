//! Fresh ids, drawn at random.
//!
//! Invariant: nothing here counts; two processes, or a process and a restored backup, never make the same id.

use shaku::Component;
use uuid::Uuid;

use crate::application::ports::IdSource;
use crate::domain::{InstallationId, RequestId, RequestKind};

/// Draws ids from the random numbers of the operating system.
#[derive(Debug, Default, Component)]
#[shaku(interface = IdSource)]
pub struct RandomIds;

impl IdSource for RandomIds {
    fn request_id(&self, kind: RequestKind) -> RequestId {
        let prefix = match kind {
            RequestKind::Acquire => "req",
            RequestKind::Return => "ret",
        };
        fresh(|uuid| format!("{prefix}-{uuid}").parse().ok())
    }
}

/// Returns a fresh id for an installation.
pub(crate) fn installation_id() -> InstallationId {
    fresh(|uuid| uuid.to_string().parse().ok())
}

/// Draws until the text has the form of the id, which it has the first time: the domain takes every lower-case UUID.
#[expect(clippy::disallowed_methods, reason = "this is the adapter behind the IdSource port")]
fn fresh<T>(parse: impl Fn(Uuid) -> Option<T>) -> T {
    loop {
        if let Some(id) = parse(Uuid::new_v4()) {
            return id;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_ids_are_of_the_kind_asked_for_and_never_the_same() {
        let ids: std::collections::BTreeSet<_> = (0..100).map(|_| RandomIds.request_id(RequestKind::Return)).collect();
        assert_eq!(ids.len(), 100);
        assert!(ids.iter().all(|id| id.kind() == RequestKind::Return));
        assert_eq!(RandomIds.request_id(RequestKind::Acquire).kind(), RequestKind::Acquire);
        assert_ne!(installation_id(), installation_id());
    }
}
