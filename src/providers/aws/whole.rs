//! Refuses answers of EC2 that were cut on their way.
//!
//! The SDK's decoder takes the end of the text for the end of every element that is open, so that the first half of a list
//! of hosts reads like a whole list: hosts would seem to be gone, or to have never been launched (R-16, fault 51).

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// Looks at every answer that could be decoded.
#[derive(Debug)]
pub(super) struct WholeAnswers;

impl Intercept for WholeAnswers {
    fn name(&self) -> &'static str {
        "WholeAnswers"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response().body().bytes();
        if context.output_or_error().is_ok() && !body.is_some_and(is_whole) {
            return Err("the answer is not whole; it was cut or changed on its way".into());
        }
        Ok(())
    }
}

/// Returns whether the text is one element in which every tag is closed by its own.
fn is_whole(xml: &[u8]) -> bool {
    let mut open: Vec<&[u8]> = Vec::new();
    let mut elements = 0;
    let mut rest = xml;
    while let Some(at) = rest.iter().position(|byte| *byte == b'<') {
        if open.is_empty() && !rest[..at].trim_ascii().is_empty() {
            return false;
        }
        let tag = &rest[at + 1..];
        let Some(end) = end_of(tag) else { return false };
        rest = &tag[end + 1..];
        let inner = &tag[..end];
        if inner.starts_with(b"?") || inner.starts_with(b"!") {
            continue;
        }
        if let Some(name) = inner.strip_prefix(b"/") {
            if open.pop() != Some(name.trim_ascii_end()) {
                return false;
            }
        } else {
            let name = inner.split(|byte| byte.is_ascii_whitespace() || *byte == b'/').next().unwrap_or_default();
            if name.is_empty() {
                return false;
            }
            if !inner.ends_with(b"/") {
                open.push(name);
                continue;
            }
        }
        elements += usize::from(open.is_empty());
    }
    elements == 1 && open.is_empty() && rest.trim_ascii().is_empty()
}

/// Where a tag, a comment, a section of text or an instruction ends.
fn end_of(tag: &[u8]) -> Option<usize> {
    let closing: &[u8] = match tag {
        [b'?', ..] => b"?>",
        [b'!', b'-', b'-', ..] => b"-->",
        [b'!', b'[', ..] => b"]]>",
        _ => return tag.iter().position(|byte| *byte == b'>'),
    };
    tag.windows(closing.len()).position(|text| text == closing).map(|at| at + closing.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_whole_when_every_tag_is_closed_by_its_own() {
        for whole in [
            "<A></A>",
            "<?xml version=\"1.0\"?>\n<A x=\"y\"><B/>text<C ></C ></A>\n",
            "<A/>",
            " <A x=\"y\" /> ",
            "<!-- <B> --><A><![CDATA[<B>]]></A>",
        ] {
            assert!(is_whole(whole.as_bytes()), "{whole}");
        }
        for broken in [
            "",
            "<",
            "<A",
            "<A>",
            "<A><B></B>",
            "<A><B></A>",
            "<?xml",
            "<?xml?>",
            "<A></A",
            "<AA></A>",
            "</>",
            "<></>",
            "A",
            "<A/><B/>",
            "<A></A>x",
            "x<A></A>",
            "<A><!-- </A>",
        ] {
            assert!(!is_whole(broken.as_bytes()), "{broken}");
        }
    }

    #[test]
    fn no_part_of_an_answer_is_whole() {
        let answer = "<R xmlns=\"http://ec2.amazonaws.com/\"><set><item><id>i-1</id><tags/></item></set></R>";
        assert!(is_whole(answer.as_bytes()));
        assert!((0..answer.len()).all(|end| !is_whole(&answer.as_bytes()[..end])));
    }
}
