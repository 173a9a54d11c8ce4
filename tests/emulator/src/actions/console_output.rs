//! `GetConsoleOutput`.

use super::{Context, listing};
use crate::clock::iso;
use crate::refusal::Refusal;
use crate::xml::Xml;

/// `GetConsoleOutput`: a line that says which instance it is, in base64.
pub(super) fn get(context: &mut Context<'_>) -> Result<String, Refusal> {
    let id = context.parameters.required("InstanceId")?;
    listing::numbers(context, &[id], true)?;
    context.dry_run()?;
    let mut xml = Xml::default();
    xml.leaf("instanceId", id).leaf("timestamp", iso(context.world.now()));
    xml.leaf("output", base64(format!("emulated console of {id}\n").as_bytes()));
    Ok(xml.into_text())
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = DIGITS[bits >> (18 - 6 * place) & 63];
            text.push(if place > chunk.len() { '=' } else { char::from(digit) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn base64_pads() {
        for (plain, wanted) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(super::base64(plain.as_bytes()), wanted);
        }
    }
}
