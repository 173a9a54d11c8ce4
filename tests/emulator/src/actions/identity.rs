//! STS `GetCallerIdentity`.

use super::Context;
use crate::refusal::Refusal;
use crate::xml::Xml;

/// `GetCallerIdentity`: the account of the emulator.
#[expect(clippy::unnecessary_wraps, reason = "every action can be refused")]
pub(super) fn get(context: &mut Context<'_>) -> Result<String, Refusal> {
    let account = &context.world.account;
    let mut xml = Xml::default();
    xml.leaf("Arn", format!("arn:aws:iam::{account}:user/emulated"))
        .leaf("UserId", "AIDAEMULATED")
        .leaf("Account", account);
    Ok(xml.into_text())
}
