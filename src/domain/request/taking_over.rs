//! Requests of another plug-in, taken over with their hosts.

use super::{Body, Request, RequestEvent, RequestSnapshot};
use crate::domain::{MachineId, Version};

impl Request {
    /// Returns a request that is new to the store, that another plug-in accepted, and that has these hosts.
    pub fn taken_over(snapshot: RequestSnapshot, machine_ids: Vec<MachineId>) -> Self {
        let request_id = snapshot.id.clone();
        let (template_id, hosts) = match &snapshot.body {
            Body::Acquire(acquire) => (acquire.template_id.clone(), acquire.wanted.get()),
            Body::Return(give_back) => (None, u32::try_from(give_back.items.len()).unwrap_or(u32::MAX)),
        };
        let mut pending = vec![RequestEvent::RequestCreated { request_id: request_id.clone(), template_id, hosts }];
        if !machine_ids.is_empty() && matches!(snapshot.body, Body::Acquire(_)) {
            pending.push(RequestEvent::HostsAdopted { request_id, machine_ids });
        }
        Self { state: RequestSnapshot { version: Version::default(), ..snapshot }, pending, withdrawn: false }
    }
}
