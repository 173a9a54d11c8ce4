//! Changes to one template, each where its field stands already, under the operator's own spelling.

use std::borrow::Cow;
use std::path::Path;

use super::fields::{FIELDS, Field};
use super::record::{Record, rank};
use super::sheet::Sheet;
use crate::application::{ApplicationError, CatalogueError};
use crate::domain::{DomainError, TemplateId};
use crate::infrastructure::config::document::{self, Node};
use crate::infrastructure::config::outline::{Inside, Outline};
use crate::infrastructure::config::text::{nearest, short};

/// Fields whose members are named by the operator, dots included: `vmTypes.m6i.large`.
const FREE: [Field; 5] =
    [Field::VmTypes, Field::VmTypesOnDemand, Field::VmTypesPriority, Field::InstanceTags, Field::Attributes];

/// A template that is being changed.
pub(super) struct Patch<'s, 'p> {
    sheet: &'s mut Sheet<'p>,
    id: &'s TemplateId,
}

/// Returns what to say about a name that is no field, if it is none.
pub(super) fn unknown(name: &str) -> Option<String> {
    if name.starts_with('_') || Field::of(name).is_some() {
        return None;
    }
    let known = FIELDS.iter().flat_map(|info| std::iter::once(&info.name).chain(info.aliases)).copied();
    let advice = match nearest(name, known) {
        Some(near) => format!("did you mean {near}?"),
        None => "docs/templates.md lists them".to_owned(),
    };
    Some(format!("is not a field of templates; {advice}"))
}

fn refused(name: &str, reason: impl Into<String>) -> ApplicationError {
    DomainError::validation(short(name), reason).into()
}

impl<'s, 'p> Patch<'s, 'p> {
    /// Returns a patch of the template with this id.
    pub(super) fn new(sheet: &'s mut Sheet<'p>, id: &'s TemplateId) -> Self {
        Self { sheet, id }
    }

    fn template(&self) -> Result<Outline, ApplicationError> {
        let found = self.sheet.find(self.id)?;
        let gone = || CatalogueError::Unknown { id: self.id.to_string(), advice: "it has just gone".to_owned() };
        Ok(found.ok_or_else(gone)?)
    }

    /// Takes a merge document in (RFC 7396): members replace members, `null` takes them away, objects are merged.
    ///
    /// # Errors
    /// [`ApplicationError::Domain`] for what is no such document, and for fields that there are not.
    pub(super) fn merge(&mut self, text: &str) -> Result<(), ApplicationError> {
        let node = document::parse(text, Path::new("the merge document"), true)
            .map_err(|error| refused("the merge document", super::file::told(&error)))?;
        let Node::Object(members) = &node else {
            return Err(refused("the merge document", format!("is {}, and takes an object", node.kind())));
        };
        self.merge_members(&[], members)
    }

    fn merge_members(
        &mut self,
        above: &[String],
        members: &[(Cow<'_, str>, Node<'_>)],
    ) -> Result<(), ApplicationError> {
        for (name, node) in members {
            let step = if above.is_empty() {
                self.check_id(name, node)?;
                self.spelling(name)?.unwrap_or_else(|| name.to_string())
            } else {
                name.to_string()
            };
            let path = [above, &[step]].concat();
            let there = found(&self.template()?, &path).cloned();
            let merges = there.is_some_and(|there| matches!(there.inside, Inside::Members(_)));
            match node {
                Node::Null if above.is_empty() => self.take_field(name)?,
                Node::Null => self.take(&path)?,
                Node::Object(inner) if merges => self.merge_members(&path, inner)?,
                _ => self.put(&path, without_nulls(node))?,
            }
        }
        Ok(())
    }

    /// Sets a field, or a member of one (`attributes.nram`). The value is JSON where it can be read as such, else a text.
    ///
    /// # Errors
    /// [`ApplicationError::Domain`] for a field that there is not, and a value that cannot be put there.
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<(), ApplicationError> {
        if value.trim().is_empty() {
            return Err(refused(name, format!("has no value; --unset {name} takes it away")));
        }
        let path = self.path(name)?;
        let template = self.template()?;
        let former = found(&template, &path).and_then(|there| self.sheet.text().get(there.span.clone()));
        let node = value_of(&path, value, former).map_err(|reason| refused(name, reason))?;
        self.check_id(name, &node)?;
        self.put(&path, node)
    }

    /// Takes a field away under every spelling, or a member of one. What is not there is no mistake.
    ///
    /// # Errors
    /// [`ApplicationError::Domain`] for a field that there is not.
    pub(super) fn unset(&mut self, name: &str) -> Result<(), ApplicationError> {
        if Field::of(name) == Some(Field::TemplateId) {
            return Err(refused(name, "a template keeps its id"));
        }
        let path = self.path(name)?;
        if path.len() == 1 { self.take_field(name) } else { self.take(&path) }
    }

    fn check_id(&self, name: &str, value: &Node<'_>) -> Result<(), ApplicationError> {
        let is_other = value.as_plain().is_none_or(|id| id != self.id.as_str());
        if Field::of(name) == Some(Field::TemplateId) && is_other {
            let reason =
                "a template keeps its id, by which its hosts are counted; create another one and delete this one";
            return Err(refused(name, reason));
        }
        Ok(())
    }

    /// Returns the spelling under which a field stands in the template; of several the one that counts.
    fn spelling(&self, name: &str) -> Result<Option<String>, ApplicationError> {
        let template = self.template()?;
        let members = template.members();
        if let Some(member) = members.iter().find(|member| member.name == name && Field::of(name).is_none()) {
            return Ok(Some(member.name.clone()));
        }
        if let Some(reason) = unknown(name) {
            return Err(refused(name, reason));
        }
        let Some(field) = Field::of(name) else { return Ok(None) };
        let text = self.sheet.text().get(template.span.clone()).unwrap_or_default();
        let unset: Vec<String> = match document::parse(text, Path::new("the template"), false) {
            Ok(Node::Object(members)) => {
                members.iter().filter(|(_, node)| node.is_unset()).map(|(name, _)| name.to_string()).collect()
            }
            _ => Vec::new(),
        };
        let same = members.iter().filter(|member| Field::of(&member.name) == Some(field));
        let best = same.min_by_key(|member| (unset.contains(&member.name), rank(&member.name, field)));
        Ok(best.map(|member| member.name.clone()))
    }

    /// Returns the steps that lead to a name with dots in it.
    fn path(&self, name: &str) -> Result<Vec<String>, ApplicationError> {
        let template = self.template()?;
        if let Some(member) = template.members().iter().find(|member| member.name == name) {
            return Ok(vec![match Field::of(name) {
                Some(_) => self.spelling(name)?.unwrap_or_else(|| member.name.clone()),
                None => member.name.clone(),
            }]);
        }
        if name.split('.').any(str::is_empty) {
            return Err(refused(name, "has an empty part between its dots"));
        }
        let (head, mut rest) = name.split_once('.').map_or((name, None), |(head, rest)| (head, Some(rest)));
        let step = self.spelling(head)?.unwrap_or_else(|| head.to_owned());
        let is_free = Field::of(head).is_some_and(|field| FREE.contains(&field));
        let mut path = vec![step];
        while let Some(left) = rest {
            let next = match found(&template, &path).map(|there| (&there.inside, there.span.clone())) {
                Some((Inside::Members(members), _)) => {
                    let leads = |member: &&str| {
                        left.strip_prefix(*member).is_some_and(|more| more.is_empty() || more.starts_with('.'))
                    };
                    members.iter().map(|member| member.name.as_str()).filter(leads).max_by_key(|member| member.len())
                }
                Some((Inside::Items(_), _)) => left.split('.').next().filter(|step| step.parse::<usize>().is_ok()),
                Some((Inside::Plain, span)) => {
                    let text = self.sheet.text().get(span).unwrap_or_default();
                    if !matches!(text, "null" | "\"\"") {
                        return Err(refused(
                            name,
                            format!("{} is no object, so that nothing can be put into it", path.join(".")),
                        ));
                    }
                    None
                }
                None => None,
            };
            let Some(step) = next else {
                let steps: Vec<String> =
                    if is_free { vec![left.to_owned()] } else { left.split('.').map(str::to_owned).collect() };
                path.extend(steps);
                break;
            };
            path.push(step.to_owned());
            rest = left.get(step.len() + 1..).filter(|rest| !rest.is_empty());
        }
        Ok(path)
    }

    fn put(&mut self, path: &[String], node: Node<'_>) -> Result<(), ApplicationError> {
        let mut here = self.template()?;
        let text = self.sheet.text();
        let mut left = path;
        let text = loop {
            let Some((step, behind)) = left.split_first() else { break here.replaced(text, &node) };
            match child(&here, step).cloned() {
                Some(there) if behind.is_empty() || !matches!(there.inside, Inside::Plain) => here = there,
                Some(there) => break there.replaced(text, &nested(behind, node)),
                None => match &here.inside {
                    Inside::Items(items) if step.parse() == Ok(items.len()) => {
                        break here.appended(text, None, &nested(behind, node));
                    }
                    Inside::Items(items) => {
                        let reason = format!("there are {} items in it, counted from 0", items.len());
                        return Err(refused(&path.join("."), reason));
                    }
                    Inside::Members(_) | Inside::Plain => break here.appended(text, Some(step), &nested(behind, node)),
                },
            }
            left = behind;
        };
        self.sheet.put(text);
        Ok(())
    }

    fn take_field(&mut self, name: &str) -> Result<(), ApplicationError> {
        let mut there = self.spelling(name)?;
        while let Some(spelling) = there {
            self.take(&[spelling])?;
            // Once it has gone, a name that is no field is an unknown one.
            there = self.spelling(name).ok().flatten();
        }
        Ok(())
    }

    fn take(&mut self, path: &[String]) -> Result<(), ApplicationError> {
        let Some((last, above)) = path.split_last() else { return Ok(()) };
        let template = self.template()?;
        let Some(holder) = found(&template, above) else { return Ok(()) };
        let at = match &holder.inside {
            Inside::Members(members) => members.iter().position(|member| member.name == *last),
            Inside::Items(items) => last.parse().ok().filter(|at| *at < items.len()),
            Inside::Plain => None,
        };
        if let Some(at) = at {
            let text = holder.without(self.sheet.text(), at);
            self.sheet.put(text);
        }
        Ok(())
    }
}

fn child<'o>(outline: &'o Outline, step: &str) -> Option<&'o Outline> {
    match &outline.inside {
        Inside::Members(members) => members.iter().find(|member| member.name == step).map(|member| &member.value),
        Inside::Items(items) => items.get(step.parse::<usize>().ok()?),
        Inside::Plain => None,
    }
}

fn found<'o>(outline: &'o Outline, path: &[String]) -> Option<&'o Outline> {
    path.iter().try_fold(outline, |outline, step| child(outline, step))
}

/// Returns the value inside as many objects as there are steps.
fn nested<'a>(path: &[String], value: Node<'a>) -> Node<'a> {
    path.iter().rev().fold(value, |value, step| Node::Object(vec![(Cow::Owned(step.clone()), value)]))
}

fn without_nulls<'a>(node: &Node<'a>) -> Node<'a> {
    match node {
        Node::Object(members) => {
            let kept = members.iter().filter(|(_, node)| *node != Node::Null);
            Node::Object(kept.map(|(name, node)| (name.clone(), without_nulls(node))).collect())
        }
        other => other.clone(),
    }
}

/// Returns the value that the command line means: of the kind that stands there, and a whole pair for an attribute.
fn value_of<'a>(path: &[String], value: &'a str, former: Option<&str>) -> Result<Node<'a>, String> {
    let text = Node::Text(Cow::Borrowed(value));
    let node = match document::parse(value, Path::new("the value"), true) {
        Ok(node) => node,
        Err(error) if value.trim_start().starts_with(['{', '[']) => return Err(super::file::told(&error)),
        Err(_) => text.clone(),
    };
    let is_plain = !matches!(node, Node::List(_) | Node::Object(_));
    let is_number = matches!(node, Node::Whole(_) | Node::Fraction(_));
    let is_attribute = path.len() == 2 && path.first().is_some_and(|name| Field::of(name) == Some(Field::Attributes));
    if is_attribute && is_plain {
        let kind = match former.and_then(|pair| document::parse(pair, Path::new("the pair"), true).ok()) {
            Some(Node::List(pair)) => match pair.first() {
                Some(Node::Text(kind)) => kind.to_string(),
                _ => String::new(),
            },
            _ => String::new(),
        };
        let kind = match kind.as_str() {
            "" if is_number => "Numeric".to_owned(),
            "" => "String".to_owned(),
            _ => kind,
        };
        let value = node.as_plain().unwrap_or(Cow::Borrowed(value)).into_owned();
        return Ok(Node::List(vec![Node::Text(kind.into()), Node::Text(value.into())]));
    }
    // What was written as a text stays one.
    let was_text = former.is_some_and(|former| former.starts_with('"'));
    Ok(if was_text && matches!(node, Node::Whole(_) | Node::Fraction(_) | Node::Flag(_)) { text } else { node })
}

/// Returns what there is to say about members of a template that are no fields, which are read over.
pub(super) fn unknown_fields(names: &[String]) -> Vec<String> {
    names.iter().filter_map(|name| Some(format!("{} {}", short(name), unknown(name)?))).collect()
}

/// Returns the id in a template that is to be added.
///
/// # Errors
/// [`DomainError`] when it has none that can be used.
pub(super) fn id_of(node: &Node<'_>, named: Option<&str>) -> Result<TemplateId, DomainError> {
    let Node::Object(members) = node else {
        return Err(DomainError::validation("a template", format!("is {}, and takes an object", node.kind())));
    };
    super::file::id_of(&Record::of(members), named)
}
