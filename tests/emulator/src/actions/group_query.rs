//! What calls of Auto Scaling have in common: how they name things, refuse, and turn pages.

use super::Context;
use super::pages::Window;
use crate::groups::GroupId;
use crate::query::{Filter, Parameters};
use crate::refusal::Refusal;

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

/// Returns the page that a call asks for; a page holds `usual` items, and at most `largest`.
pub(super) fn page(context: &Context<'_>, usual: u32, largest: u32) -> Result<Window, Refusal> {
    let most = number(context.parameters, "MaxRecords")?.unwrap_or(usual);
    if most < 1 || most > largest {
        return Err(invalid(format!("The value for MaxRecords must be between 1 and {largest}.")));
    }
    Window::at(context, most)
}
