//! Owner tags, the operator's tags, and the limits of both.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{ResourceType, Tag, TagSpecification};

use crate::application::ProviderError;
use crate::application::ports::{Leftover, Owner};
use crate::domain::FailureClass;
use crate::domain::template::{PriceType, ProviderApi};

/// The installation that a host belongs to.
pub(super) const OWNER: &str = "hostfactory:owner";
/// The request that a host was launched for.
pub(super) const REQUEST: &str = "hostfactory:request-id";
/// The template that a host was launched from.
pub(super) const TEMPLATE: &str = "hostfactory:template-id";
/// The way that a host was got: the API's own name, so that a host that is found by tag tells how it came about.
pub(super) const PROVIDER: &str = "hostfactory:provider";
/// The attempt that a host was launched by, where a fleet tags it: such hosts do not bear the token of the call.
pub(super) const ATTEMPT: &str = "hostfactory:attempt";
/// The account that a host is charged to (LSF).
pub(super) const ACCOUNT: &str = "RC_ACCOUNT";

/// The most tags of one resource but for that of the attempt, and the longest key and value, in characters (`aws-semantics.md` section 13).
const MOST_TAGS: usize = 49;
const LONGEST_KEY: usize = 128;
const LONGEST_VALUE: usize = 256;
const RESERVED: [&str; 2] = ["aws:", "hostfactory:"];

/// Returns the tags of a launch: configuration below template below ours.
///
/// # Errors
/// Class `Invalid`, naming the tag, when one of the operator's tags is reserved or too long, or when there are too many.
pub(super) fn launch_tags(
    settings: &[(String, String)],
    template: &BTreeMap<String, String>,
    owner: &Owner,
    api: ProviderApi,
) -> Result<BTreeMap<String, String>, ProviderError> {
    let refused = |reason: String| ProviderError::new("tags", FailureClass::Invalid, reason);
    let mut tags: BTreeMap<String, String> = settings.iter().cloned().collect();
    tags.extend(template.iter().map(|(key, value)| (key.clone(), value.clone())));
    for (key, value) in &tags {
        let shown: String = key.chars().take(LONGEST_KEY).flat_map(char::escape_debug).collect();
        if key.is_empty() || key.chars().count() > LONGEST_KEY {
            return Err(refused(format!("the key of tag '{shown}' must have 1 to {LONGEST_KEY} characters")));
        }
        if value.chars().count() > LONGEST_VALUE {
            return Err(refused(format!("the value of tag '{shown}' is longer than {LONGEST_VALUE} characters")));
        }
        if let Some(prefix) = RESERVED.iter().find(|prefix| key.to_lowercase().starts_with(*prefix)) {
            return Err(refused(format!("tag '{shown}' begins with '{prefix}', which is reserved; rename it")));
        }
    }
    tags.insert(OWNER.to_owned(), owner.installation.to_string());
    tags.insert(REQUEST.to_owned(), owner.request.to_string());
    tags.insert(TEMPLATE.to_owned(), owner.template.to_string());
    tags.insert(PROVIDER.to_owned(), api.word().to_owned());
    if let Some(account) = &owner.account {
        tags.insert(ACCOUNT.to_owned(), account.to_string());
    }
    if tags.len() > MOST_TAGS {
        return Err(refused(format!("{} tags with ours; AWS takes at most {MOST_TAGS}; remove some", tags.len())));
    }
    Ok(tags)
}

/// Returns the way that a host of ours was got.
pub(super) fn api_of(tags: &[Tag]) -> Option<ProviderApi> {
    value_of(tags, OWNER)?;
    let name = value_of(tags, PROVIDER)?;
    ProviderApi::ALL.into_iter().find(|api| api.word() == name)
}

/// Returns a fleet of ours by its tags; `None` for one of somebody else.
pub(super) fn leftover(name: &str, tags: &[Tag]) -> Option<Leftover> {
    let (owner, request) = (value_of(tags, OWNER)?, value_of(tags, REQUEST)?);
    Some(Leftover { name: name.to_owned(), owner, request })
}

/// The tags by which AWS says what a host is a member of.
const MEMBERSHIPS: [&str; 3] = ["aws:ec2:fleet-id", "aws:ec2spot:fleet-request-id", "aws:autoscaling:groupName"];

/// Returns the fleet or group that a host is a member of.
pub(super) fn resource_of(tags: &[Tag]) -> Option<String> {
    MEMBERSHIPS.iter().find_map(|key| value_of(tags, key))
}

/// Returns the tags as they go into the create call, for everything that it creates.
pub(super) fn specifications(tags: &BTreeMap<String, String>, price_type: PriceType) -> Vec<TagSpecification> {
    let tags: Vec<Tag> = tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    let mut resources = vec![ResourceType::Instance, ResourceType::Volume, ResourceType::NetworkInterface];
    if price_type == PriceType::Spot {
        resources.push(ResourceType::SpotInstancesRequest);
    }
    resources
        .into_iter()
        .map(|resource| TagSpecification::builder().resource_type(resource).set_tags(Some(tags.clone())).build())
        .collect()
}

/// Returns the value of a tag.
pub(super) fn value_of(tags: &[Tag], key: &str) -> Option<String> {
    tags.iter().find(|tag| tag.key() == Some(key)).and_then(Tag::value).map(str::to_owned)
}

/// Returns the operator's tags as `k=v;k=v`, in the order of their keys, without ours and without AWS's own.
pub(super) fn shown(tags: &[Tag]) -> String {
    let mut pairs: Vec<String> = tags
        .iter()
        .filter_map(|tag| Some((tag.key()?, tag.value().unwrap_or_default())))
        .filter(|(key, _)| *key != ACCOUNT && !RESERVED.iter().any(|prefix| key.starts_with(prefix)))
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    pairs.sort_unstable();
    pairs.join(";")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner() -> Owner {
        Owner {
            installation: "grid-1".parse().unwrap(),
            request: "req-6b1f2c4e-2a51-4c3e-9d52-1f0a7c9be101".parse().unwrap(),
            template: "T1".parse().unwrap(),
            account: Some("physics".parse().unwrap()),
        }
    }

    fn tags_of(
        settings: &[(&str, &str)],
        template: &[(&str, &str)],
    ) -> Result<BTreeMap<String, String>, ProviderError> {
        let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let template = owned(template).into_iter().collect();
        launch_tags(&owned(settings), &template, &owner(), ProviderApi::RunInstances)
    }

    #[test]
    fn the_template_wins_over_the_configuration_and_ours_over_both() {
        let tags = tags_of(&[("team", "a"), ("cost", "1"), ("RC_ACCOUNT", "x")], &[("team", "b")]).unwrap();
        let pairs: Vec<String> = tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(
            pairs,
            [
                "RC_ACCOUNT=physics",
                "cost=1",
                "hostfactory:owner=grid-1",
                "hostfactory:provider=RunInstances",
                "hostfactory:request-id=req-6b1f2c4e-2a51-4c3e-9d52-1f0a7c9be101",
                "hostfactory:template-id=T1",
                "team=b",
            ]
        );
    }

    #[test]
    fn a_tag_that_aws_or_we_reserve_or_that_is_too_long_is_refused_by_name() {
        let long = "k".repeat(129);
        for (key, value) in
            [("aws:x", ""), ("AWS:x", ""), ("hostfactory:owner", "other"), (long.as_str(), ""), ("v", &"v".repeat(257))]
        {
            let error = tags_of(&[], &[(key, value)]).unwrap_err();
            assert_eq!(error.class, FailureClass::Invalid);
            assert!(error.message.contains(&key[..key.len().min(100)]), "{error}");
        }
        assert!(tags_of(&[], &[("", "x")]).is_err());
        let many: Vec<String> = (0..45).map(|n| format!("k{n}")).collect();
        let pairs: Vec<(&str, &str)> = many.iter().map(|key| (key.as_str(), "")).collect();
        assert!(tags_of(&pairs[..44], &[]).is_ok() && tags_of(&pairs, &[]).is_err());
    }

    #[test]
    fn shown_tags_are_the_operators() {
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        let tags = [
            tag("team", "b"),
            tag("aws:ec2:fleet-id", "f"),
            tag(OWNER, "grid-1"),
            tag("Name", "x=y"),
            tag(ACCOUNT, "p"),
        ];
        assert_eq!(shown(&tags), "Name=x=y;team=b");
        assert_eq!(value_of(&tags, OWNER).as_deref(), Some("grid-1"));
    }
}
