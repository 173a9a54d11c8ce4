//! The attributes of a template in every form that is in use.
//!
//! Invariant: they leave here as `[TYPE, "text"]`, in the operator's order, what he left out behind them.

use std::borrow::Cow;

use super::Notes;
use super::api::Choice;
use super::fields::Field;
use super::record::{Record, wrong};
use super::{fleets, launch};
use crate::application::ports::InstanceTypes;
use crate::domain::DomainError;
use crate::domain::template::{Attribute, AttributeType, Attributes, PriceType, ProviderApi};
use crate::infrastructure::config::document::Node;
use crate::infrastructure::config::text::short;

/// Attributes that count something, so that a bare text such as `"2"` is a number.
const NUMERIC: [&str; 9] = ["ncpus", "ncores", "nram", "mem", "rank", "nthreads", "ngpus", "maxmem", "maxswp"];

/// The most attributes of a template.
const MOST: usize = 200;

/// Returns the attributes of a template; what is missing comes from its instance types.
///
/// # Errors
/// [`DomainError::Validation`] naming the attribute, and what to write where its value cannot be known.
pub(super) fn of(
    record: &Record<'_, '_>,
    choice: Choice,
    types: &dyn InstanceTypes,
) -> Result<Attributes, DomainError> {
    let entries = read(record.get(Field::Attributes))?;
    let Some(lacking) = Attributes::lacking(&entries) else { return Attributes::new(entries) };
    let refuse = |reason: String| DomainError::validation(format!("attributes.{lacking}"), reason);
    // What is odd about the types is noted when the launch is read.
    let mut names = launch::types(record, choice, &mut Notes::default())?;
    let mixed = choice.price != PriceType::OnDemand && choice.api != ProviderApi::AutoScaling;
    if mixed && fleets::are_asked_for(record, choice) && record.has(Field::VmTypesOnDemand) {
        names.extend(launch::weighted_types(record, Field::VmTypesOnDemand)?);
    }
    if names.is_empty() && record.has(Field::AbisInstanceRequirements) {
        return Err(refuse(
            "is missing, and AWS chooses the instance types by what they have; write type, ncpus and nram: what the least of \
             such hosts has"
                .to_owned(),
        ));
    }
    if names.is_empty() && record.has(Field::LaunchTemplateId) {
        return Err(refuse(
            "is missing, and the instance type is in the launch template, which only AWS can read; write type, ncpus and \
             nram, or name the type in vmType too"
                .to_owned(),
        ));
    }
    let shape = |name: &str| {
        types.shape(name).ok_or_else(|| {
            refuse(format!(
                "is missing, and nothing is known about the instance type {name}; write type, ncpus and nram into \
                 the attributes"
            ))
        })
    };
    let mut shapes = names.iter().map(|one| shape(&one.name)).collect::<Result<Vec<_>, _>>()?;
    if let Some(cores) = launch::cores(record)? {
        for shape in &mut shapes {
            shape.cores = shape.cores.min(cores);
        }
    }
    Attributes::completed(entries, &shapes)
}

/// Reads attributes: pairs, pairs with a number in second place, bare texts, numbers and booleans.
///
/// # Errors
/// [`DomainError::Validation`] naming the attribute.
fn read(node: Option<&Node<'_>>) -> Result<Vec<(String, Attribute)>, DomainError> {
    let members = match node {
        None => &[],
        Some(Node::Object(members)) => members.as_slice(),
        Some(other) => return Err(wrong("attributes", other, "an object")),
    };
    let mut entries: Vec<(String, Attribute)> = Vec::with_capacity(members.len() + 1);
    for (name, node) in members.iter().filter(|(name, _)| !name.starts_with('_')) {
        let field = || format!("attributes.{}", short(name));
        if entries.len() >= MOST {
            return Err(DomainError::validation("attributes", format!("has more than {MOST} members")));
        }
        if entries.iter().any(|(known, _)| known == name) {
            return Err(DomainError::validation(field(), "comes twice"));
        }
        let attribute = one(name, node).ok_or_else(|| wrong(&field(), node, "a pair such as [\"Numeric\", \"4\"]"))?;
        if attribute.1.chars().any(char::is_control) {
            return Err(DomainError::validation(field(), "holds a control character"));
        }
        entries.push((name.clone().into_owned(), attribute));
    }
    // LSF counts memory as `mem`; Symphony asks for `nram`, both in MB.
    if !entries.iter().any(|(name, _)| name == "nram")
        && let Some((_, memory)) = entries.iter().find(|(name, _)| name == "mem")
    {
        entries.push(("nram".to_owned(), memory.clone()));
    }
    Ok(entries)
}

fn one(name: &str, node: &Node<'_>) -> Option<Attribute> {
    match node {
        Node::List(pair) => match pair.as_slice() {
            [Node::Text(kind), value] => {
                let is = |word: &str| kind.trim().eq_ignore_ascii_case(word);
                let value = value.as_plain()?;
                if is("Numeric") {
                    Some(Attribute(AttributeType::Numeric, number_text(&value)))
                } else if is("String") || is("Boolean") {
                    Some(Attribute(AttributeType::String, value.into_owned()))
                } else {
                    None
                }
            }
            _ => None,
        },
        Node::Whole(number) => Some(Attribute(AttributeType::Numeric, number.to_string())),
        Node::Fraction(number) => Some(Attribute(AttributeType::Numeric, number_text(&number.to_string()))),
        Node::Flag(_) => Some(Attribute(AttributeType::String, node.as_plain()?.into_owned())),
        Node::Text(text) => {
            let text: Cow<'_, str> = Cow::Borrowed(text.trim());
            let numeric = NUMERIC.contains(&name) && text.parse::<f64>().is_ok();
            Some(if numeric {
                Attribute(AttributeType::Numeric, number_text(&text))
            } else {
                Attribute(AttributeType::String, text.into_owned())
            })
        }
        Node::Null | Node::Object(_) => None,
    }
}

/// A number without a zero fraction: Host Factory counts `2.0` cores as none.
fn number_text(text: &str) -> String {
    text.trim().strip_suffix(".0").unwrap_or(text.trim()).to_owned()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::infrastructure::config::document;

    fn attributes(json: &str) -> Result<String, String> {
        let node = document::parse(json, Path::new("f"), false).unwrap();
        let attributes = read(Some(&node)).and_then(Attributes::new).map_err(|error| error.to_string())?;
        let shown: Vec<String> =
            attributes.iter().map(|(name, Attribute(kind, value))| format!("{name}={kind:?}:{value}")).collect();
        Ok(shown.join(" "))
    }

    #[test]
    fn every_form_becomes_a_pair_of_texts_in_the_order_of_the_file() {
        let expected = "nram=Numeric:1024 type=String:X86_64 ncpus=Numeric:2 ncores=Numeric:1";
        for json in [
            r#"{"nram": ["Numeric", "1024"], "type": ["String", "X86_64"], "ncpus": ["Numeric", "2"], "ncores": ["Numeric", "1"]}"#,
            r#"{"nram": ["numeric", 1024], "type": ["STRING", "X86_64"], "ncpus": ["Numeric", 2.0], "ncores": ["Numeric", 1]}"#,
            r#"{"nram": 1024, "type": "X86_64", "ncpus": "2", "ncores": 1.0}"#,
            r#"{"nram": "1024", "type": "X86_64", "ncpus": 2}"#,
        ] {
            assert_eq!(attributes(json).unwrap(), expected, "{json}");
        }
        let more = attributes(
            r#"{"type": "X86_64", "ncpus": 1, "mem": ["Numeric", "4096"], "gpu": ["Boolean", "1"], "x": true, "_c": {}}"#,
        );
        assert_eq!(
            more.unwrap(),
            "type=String:X86_64 ncpus=Numeric:1 mem=Numeric:4096 gpu=String:1 x=String:true nram=Numeric:4096 ncores=Numeric:1"
        );
    }

    #[test]
    fn what_is_none_of_them_is_refused_by_name() {
        for (json, word) in [
            (r#"{"type": {"a": 1}}"#, "attributes.type"),
            (r#"{"type": "X", "ncpus": ["Numeric"]}"#, "attributes.ncpus"),
            (r#"{"type": "X", "ncpus": ["Float", "1"]}"#, "attributes.ncpus"),
            (r#"{"type": "X", "ncpus": "two", "nram": 1}"#, "attributes.ncpus"),
            (r#"{"type": "X", "type": "Y"}"#, "comes twice"),
            (r#"{"type": "X\u0000"}"#, "control character"),
            (r#"{"ncpus": 1, "nram": 1}"#, "attributes.type"),
            ("[]", "attributes"),
        ] {
            let reason = attributes(json).unwrap_err();
            assert!(reason.contains(word), "{json}: {reason}");
        }
    }
}
