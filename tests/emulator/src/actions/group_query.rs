//! What calls of Auto Scaling have in common: how they name things, refuse, and turn pages.

use std::collections::BTreeMap;

use super::{Context, listing};
use crate::faults::Verb;
use crate::groups::GroupId;
use crate::query::{Filter, Parameters};
use crate::refusal::Refusal;
use crate::xml::Xml;

/// Refuses what makes no sense.
pub(super) fn invalid(text: impl Into<String>) -> Refusal {
    Refusal::new("ValidationError", text)
}

/// Returns a parameter that must be there.
pub(super) fn required<'p>(parameters: &'p Parameters, name: &str) -> Result<&'p str, Refusal> {
    parameters.get(name).filter(|text| !text.is_empty()).ok_or_else(|| {
        let mut field = name.to_owned();
        if let Some(first) = field.get_mut(..1) {
            first.make_ascii_lowercase();
        }
        let text = format!(
            "1 validation error detected: Value null at '{field}' failed to satisfy constraint: Member must not be null"
        );
        invalid(text)
    })
}

/// Returns a parameter that is a number, and not below 0.
pub(super) fn number(parameters: &Parameters, name: &str) -> Result<Option<u32>, Refusal> {
    let read = |text: &str| text.parse().map_err(|_| invalid(format!("Invalid value '{text}' for {name}.")));
    parameters.get(name).map(read).transpose()
}

/// Returns a parameter that is `true` or `false`.
pub(super) fn flag(parameters: &Parameters, name: &str) -> Result<Option<bool>, Refusal> {
    let read = |text: &str| text.parse().map_err(|_| invalid(format!("Invalid value '{text}' for {name}.")));
    parameters.get(name).map(read).transpose()
}

/// Returns the group that a call names.
pub(super) fn group(context: &Context<'_>) -> Result<GroupId, Refusal> {
    let name = required(context.parameters, "AutoScalingGroupName")?;
    find(context, name)
}

/// Returns a group by name.
pub(super) fn find(context: &Context<'_>, name: &str) -> Result<GroupId, Refusal> {
    let world = &*context.world;
    let found = world.groups.named(&world.account, context.region, name);
    found.ok_or_else(|| invalid(format!("AutoScalingGroup name not found - AutoScalingGroup '{name}' not found")))
}

/// Returns the filters of a describe call; other names than these are refused.
pub(super) fn filters(parameters: &Parameters, known: &[&str]) -> Result<Vec<Filter>, Refusal> {
    let mut filters = Vec::new();
    for prefix in parameters.prefixes("Filters.member") {
        let name = required(parameters, &format!("{prefix}Name"))?.to_owned();
        let is_tag = name.starts_with("tag:") && known.contains(&"tag:");
        if !is_tag && !known.contains(&name.as_str()) {
            return Err(invalid(format!("Filter type {name} is not correct. Allowed Filter types are: {known:?}")));
        }
        let values = parameters.list(&format!("{prefix}Values.member")).into_iter().map(str::to_owned).collect();
        filters.push(Filter { name, values });
    }
    Ok(filters)
}

/// The page that a call asks for.
pub(super) struct Page {
    number: u32,
    /// The key of the item that it begins with.
    pub(super) start: u32,
    most: usize,
}

/// Returns the page that a call asks for; a page holds `usual` items, and at most `largest`.
pub(super) fn page(context: &Context<'_>, usual: u32, largest: u32) -> Result<Page, Refusal> {
    let most = number(context.parameters, "MaxRecords")?.unwrap_or(usual);
    if most < 1 || most > largest {
        return Err(invalid(format!("The value for MaxRecords must be between 1 and {largest}.")));
    }
    let token = context.parameters.get("NextToken").filter(|token| !token.is_empty());
    let (number, start) = match token {
        None => (1, 0),
        Some(token) => listing::parsed(token)
            .ok_or_else(|| Refusal::new("InvalidNextToken", format!("The token '{token}' is invalid.")))?,
    };
    Ok(Page { number, start, most: usize::try_from(most).unwrap_or(usize::MAX) })
}

impl Page {
    /// Returns how many items it may hold.
    pub(super) const fn most(&self) -> usize {
        self.most
    }

    /// Returns the items of this page, and the token of the next one. The keys of the items rise.
    pub(super) fn of<T>(
        &self,
        context: &Context<'_>,
        items: impl Iterator<Item = (u32, T)>,
    ) -> (Vec<T>, Option<String>) {
        if context.verb == Some(&Verb::Empty) {
            return (Vec::new(), None);
        }
        let mut found = Vec::new();
        let mut next = None;
        for (key, item) in items.skip_while(|(key, _)| *key < self.start) {
            if found.len() >= self.most {
                next = Some(format!("p{}-{key}", self.number + 1));
                break;
            }
            found.push(item);
        }
        if context.verb == Some(&Verb::PageLoop) {
            next = Some(context.parameters.get("NextToken").map_or_else(|| "p1-0".to_owned(), str::to_owned));
        }
        (found, next)
    }
}

/// Writes parameters below a name as the elements that they stand for: `A.member.1.B` is `<A><member><B>`.
pub(super) fn tree(xml: &mut Xml, parameters: &BTreeMap<String, String>, name: &str) {
    let prefix = format!("{name}.");
    let below = parameters.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix));
    let entries: Vec<(Vec<&str>, &str)> =
        below.map(|(key, value)| (key.split('.').collect(), value.as_str())).collect();
    let entries: Vec<Entry<'_>> = entries.iter().map(|(path, value)| (path.as_slice(), *value)).collect();
    branch(xml, &entries);
}

/// A path of names, and the value at its end.
type Entry<'a> = (&'a [&'a str], &'a str);

fn branch(xml: &mut Xml, entries: &[Entry<'_>]) {
    let mut parts: BTreeMap<(u32, &str), Vec<Entry<'_>>> = BTreeMap::new();
    for (path, value) in entries {
        let Some((first, rest)) = path.split_first() else { continue };
        parts.entry((first.parse().unwrap_or_default(), *first)).or_default().push((rest, *value));
    }
    for ((number, name), inside) in parts {
        match inside.as_slice() {
            [([], value)] => {
                xml.leaf(if number > 0 { "member" } else { name }, *value);
            }
            // The list itself is the element around it.
            _ if name == "member" => branch(xml, &inside),
            _ => {
                xml.element(if number > 0 { "member" } else { name }, |xml| branch(xml, &inside));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_written_as_the_elements_that_they_stand_for() {
        let pairs = [
            ("A.B.member.10.C", "ten"),
            ("A.B.member.2.C", "two"),
            ("A.D.member.1", "one"),
            ("A.E", "<"),
            ("AA", "no"),
        ];
        let parameters = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let mut xml = Xml::default();
        tree(&mut xml, &parameters, "A");
        let list = "<B><member><C>two</C></member><member><C>ten</C></member></B>";
        let text = format!("<A>{list}<D><member>one</member></D><E>&lt;</E></A>");
        assert_eq!(xml.into_text(), text);
    }
}
