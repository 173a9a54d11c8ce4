//! Time and fresh ids, which the domain takes as arguments.

use shaku::Interface;

use crate::domain::{RequestId, RequestKind, Timestamp};

/// Tells the time.
pub trait Clock: Interface {
    /// Returns the time now, UTC.
    fn now(&self) -> Timestamp;
}

/// Makes ids that nobody has made before.
pub trait IdSource: Interface {
    /// Returns a fresh id for a request of this kind. Implementations MUST draw it at random, never count.
    fn request_id(&self, kind: RequestKind) -> RequestId;
}
