//! What is held against every case, and the cases that are drawn at random.

pub(crate) mod oracle;
