//! AWS request documents of the operator's own, laid over what we send.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Members of a request in AWS's Query protocol, by their full names there (`BlockDeviceMapping.1.Ebs.VolumeSize`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NativeRequest {
    /// Lists that stand in place of ours as a whole (`BlockDeviceMapping`).
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub lists: BTreeSet<String>,
    /// Members that stand in place of ours one by one.
    pub members: BTreeMap<String, String>,
}

impl NativeRequest {
    /// Returns whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty() && self.lists.is_empty()
    }

    /// Takes in what another document says, which goes before this one.
    pub fn add(&mut self, other: Self) {
        self.members.retain(|name, _| !other.replaces(name));
        self.lists.extend(other.lists);
        self.members.extend(other.members);
    }

    /// Returns `parameters` with what this document says in place of theirs: structures are merged member by member, a
    /// list stands in place of the whole list.
    pub fn over(&self, parameters: Vec<(String, String)>) -> Vec<(String, String)> {
        let mut merged = parameters;
        merged.retain(|(name, _)| !self.replaces(name));
        merged.extend(self.members.iter().map(|(name, value)| (name.clone(), value.clone())));
        merged
    }

    fn replaces(&self, name: &str) -> bool {
        let within = |list: &String| name.strip_prefix(list.as_str()).is_some_and(|rest| rest.starts_with('.'));
        self.members.contains_key(name) || self.lists.iter().any(within)
    }
}

/// The documents of a template.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NativeRequests {
    /// Over the launch template that we make (`launchTemplateSpec`).
    #[serde(skip_serializing_if = "NativeRequest::is_empty")]
    pub launch_template: NativeRequest,
    /// Over the call that asks for the hosts (`providerApiSpec`).
    #[serde(skip_serializing_if = "NativeRequest::is_empty")]
    pub call: NativeRequest,
}

impl NativeRequests {
    /// Returns whether neither says anything.
    pub fn is_empty(&self) -> bool {
        self.launch_template.is_empty() && self.call.is_empty()
    }

    /// Returns whether one of them sets this member, whatever stands in front of its name.
    pub fn set(&self, member: &str) -> bool {
        let ends =
            |name: &String| name == member || name.strip_suffix(member).is_some_and(|rest| rest.ends_with("Data."));
        self.launch_template.members.keys().chain(self.call.members.keys()).any(ends)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(lists: &[&str], members: &[(&str, &str)]) -> NativeRequest {
        NativeRequest {
            lists: lists.iter().map(|list| (*list).to_owned()).collect(),
            members: members.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        }
    }

    fn parameters(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn structures_are_merged_and_lists_replaced() {
        let ours = parameters(&[
            ("Action", "RunInstances"),
            ("MetadataOptions.HttpTokens", "required"),
            ("MetadataOptions.HttpPutResponseHopLimit", "1"),
            ("SecurityGroupId.1", "sg-1"),
            ("SecurityGroupId.2", "sg-2"),
            ("SecurityGroupIdentity", "stays"),
        ]);
        let theirs = document(
            &["SecurityGroupId"],
            &[("SecurityGroupId.1", "sg-9"), ("MetadataOptions.HttpPutResponseHopLimit", "2")],
        );
        let mut merged = theirs.over(ours);
        merged.sort();
        let expected = parameters(&[
            ("Action", "RunInstances"),
            ("MetadataOptions.HttpPutResponseHopLimit", "2"),
            ("MetadataOptions.HttpTokens", "required"),
            ("SecurityGroupId.1", "sg-9"),
            ("SecurityGroupIdentity", "stays"),
        ]);
        assert_eq!(merged, expected);
    }

    #[test]
    fn laying_a_document_over_twice_changes_nothing_more() {
        let theirs = document(&["A"], &[("A.1.B", "x"), ("C", "y")]);
        let once = theirs.over(parameters(&[("A.1.B", "1"), ("A.2.B", "2"), ("C", "3"), ("D", "4")]));
        assert_eq!(theirs.over(once.clone()), once);
    }

    #[test]
    fn of_two_documents_the_later_goes_before() {
        let mut first = document(&["A"], &[("A.1", "1"), ("A.2", "2"), ("C", "3")]);
        first.add(document(&["A"], &[("A.1", "9")]));
        assert_eq!(first, document(&["A"], &[("A.1", "9"), ("C", "3")]));
    }

    #[test]
    fn a_member_is_found_in_either_document() {
        let documents = NativeRequests {
            launch_template: document(&[], &[("LaunchTemplateData.ImageId", "ami-1")]),
            call: document(&[], &[("KeyName", "grid")]),
        };
        assert!(documents.set("ImageId") && documents.set("KeyName") && !documents.set("Id"));
    }
}
