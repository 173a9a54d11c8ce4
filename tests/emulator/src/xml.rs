//! Writes XML, escaped.

use std::fmt::{Display, Write};

/// A document that grows.
#[derive(Debug, Default)]
pub(crate) struct Xml(String);

impl Xml {
    /// Writes one element with text; `None` writes nothing.
    pub(crate) fn leaf(&mut self, name: &str, value: impl Into<Text>) -> &mut Self {
        if let Some(text) = value.into().0 {
            let _ = write!(self.0, "<{name}>{}</{name}>", Escaped(&text));
        }
        self
    }

    /// Writes text.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        let _ = write!(self.0, "{}", Escaped(text));
        self
    }

    /// Writes one element with what `inside` writes.
    pub(crate) fn element(&mut self, name: &str, inside: impl FnOnce(&mut Self)) -> &mut Self {
        let _ = write!(self.0, "<{name}>");
        inside(self);
        let _ = write!(self.0, "</{name}>");
        self
    }

    /// Writes a list as EC2 does: one `<item>` for each.
    pub(crate) fn items<T>(&mut self, name: &str, all: impl IntoIterator<Item = T>, each: impl Fn(&mut Self, T)) {
        self.element(name, |xml| {
            for one in all {
                xml.element("item", |xml| each(xml, one));
            }
        });
    }

    /// Writes a list as the other Query services do: one `<member>` for each.
    pub(crate) fn members<T>(&mut self, name: &str, all: impl IntoIterator<Item = T>, each: impl Fn(&mut Self, T)) {
        self.element(name, |xml| {
            for one in all {
                xml.element("member", |xml| each(xml, one));
            }
        });
    }

    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

/// What can stand in an element, or nothing.
pub(crate) struct Text(Option<String>);

macro_rules! texts {
    ($($kind:ty),*) => { $(
        impl From<$kind> for Text {
            fn from(value: $kind) -> Self {
                Self(Some(value.to_string()))
            }
        }
    )* };
}
texts!(&str, String, &String, bool, u16, u32, u64, usize, i64);

impl<T: Display> From<Option<T>> for Text {
    fn from(value: Option<T>) -> Self {
        Self(value.map(|value| value.to_string()))
    }
}

struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\t' | '\n' | '\r' => write!(f, "&#{};", u32::from(character))?,
                // XML 1.0 has no way to write other control characters.
                control if control < ' ' => f.write_char('\u{fffd}')?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_absence_is_no_element() {
        let mut xml = Xml::default();
        xml.leaf("a", "<&>\"\n\u{1}").leaf("b", None::<&str>).leaf("c", Some(3)).items("d", [true], |xml, it| {
            xml.leaf("e", it);
        });
        assert_eq!(xml.into_text(), "<a>&lt;&amp;&gt;&quot;&#10;\u{fffd}</a><c>3</c><d><item><e>true</e></item></d>");
    }
}
