//! Parameters that an answer gives back: `Overrides.1.InstanceType` becomes `<overrides><item><instanceType>`.

use std::collections::BTreeMap;

use crate::query::Parameters;
use crate::xml::Xml;

/// What lies below a name.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    text: Option<String>,
    below: BTreeMap<String, Tree>,
}

/// How EC2 spells a parameter in an answer, and one of a list of them.
pub(crate) type Spelling = (String, &'static str);

impl Tree {
    /// Returns what lies below `prefix`, which ends in a full stop or is empty.
    pub(crate) fn below(parameters: &Parameters, prefix: &str) -> Self {
        let mut tree = Self::default();
        let found = parameters.0.range(prefix.to_owned()..).take_while(|(name, _)| name.starts_with(prefix));
        for (name, value) in found {
            let mut at = &mut tree;
            // Auto Scaling puts a `member` into the names of lists.
            for part in name[prefix.len()..].split('.').filter(|part| *part != "member") {
                at = at.below.entry(part.to_owned()).or_default();
            }
            at.text = Some(value.clone());
        }
        tree
    }

    /// Leaves these branches only.
    pub(crate) fn only(mut self, names: &[&str]) -> Self {
        self.below.retain(|name, _| names.contains(&name.as_str()));
        self
    }

    /// Takes these branches away.
    pub(crate) fn without(mut self, names: &[&str]) -> Self {
        self.below.retain(|name, _| !names.contains(&name.as_str()));
        self
    }

    /// Writes everything below; `spell` says how.
    pub(crate) fn write(&self, xml: &mut Xml, spell: fn(&str, u32) -> Spelling) {
        self.write_at(xml, spell, 0);
    }

    fn write_at(&self, xml: &mut Xml, spell: fn(&str, u32) -> Spelling, depth: u32) {
        for (name, tree) in &self.below {
            let (called, one) = spell(name, depth);
            if tree.below.is_empty() {
                xml.leaf(&called, tree.text.clone());
                continue;
            }
            xml.element(&called, |xml| match tree.numbered() {
                None => tree.write_at(xml, spell, depth + 1),
                Some(items) => {
                    for item in items {
                        match &item.text {
                            Some(text) => xml.leaf(one, text),
                            None => xml.element(one, |xml| item.write_at(xml, spell, depth + 1)),
                        };
                    }
                }
            });
        }
    }

    /// Returns what is a list, in its order.
    fn numbered(&self) -> Option<Vec<&Self>> {
        let mut items = self
            .below
            .iter()
            .map(|(name, tree)| Some((name.parse::<u32>().ok()?, tree)))
            .collect::<Option<Vec<_>>>()?;
        items.sort_by_key(|(number, _)| *number);
        Some(items.into_iter().map(|(_, tree)| tree).collect())
    }
}

/// Returns a name with a small first letter, as EC2 spells most of them in an answer.
pub(crate) fn small(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

/// Spells what launch templates and EC2 Fleets hold.
pub(crate) fn of_templates(name: &str, depth: u32) -> Spelling {
    let spelt = match name {
        "SecurityGroupId" if depth > 0 => return ("groupSet".to_owned(), "groupId"),
        "LicenseSpecification" => "licenseSet".to_owned(),
        "BlockDeviceMapping"
        | "NetworkInterface"
        | "TagSpecification"
        | "Tag"
        | "SecurityGroupId"
        | "SecurityGroup"
        | "Ipv6Addresses"
        | "PrivateIpAddresses"
        | "AllowedInstanceType"
        | "ExcludedInstanceType"
        | "CpuManufacturer"
        | "InstanceGeneration"
        | "LocalStorageType"
        | "AcceleratorType"
        | "AcceleratorManufacturer"
        | "AcceleratorName"
        | "ElasticGpuSpecification" => format!("{}Set", small(name)),
        _ => small(name),
    };
    (spelt, "item")
}

/// Spells what Spot Fleet requests hold.
pub(crate) fn of_spot_fleets(name: &str, _depth: u32) -> Spelling {
    (small(name), "item")
}

/// Spells what Auto Scaling groups hold.
pub(crate) fn of_groups(name: &str, _depth: u32) -> Spelling {
    (name.to_owned(), "member")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_become_items_in_their_order_and_sets_are_called_so() {
        let of = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut all = BTreeMap::new();
        all.extend((1..=11).map(|n| of(&format!("D.SecurityGroupId.{n}"), &format!("sg-{n}"))));
        all.extend([of("D.NetworkInterface.1.SecurityGroupId.1", "sg-x"), of("D.Monitoring.Enabled", "true")]);
        all.extend([of("D.InstanceType", "c5.large"), of("Other", "thing")]);
        let mut xml = Xml::default();
        Tree::below(&Parameters(all), "D.").write(&mut xml, of_templates);
        let text = xml.into_text();
        assert!(text.starts_with(
            "<instanceType>c5.large</instanceType><monitoring><enabled>true</enabled></monitoring><networkInterfaceSet><item>\
             <groupSet><groupId>sg-x</groupId></groupSet></item></networkInterfaceSet><securityGroupIdSet><item>sg-1</item>\
             <item>sg-2</item>"
        ), "{text}");
        assert!(text.ends_with("<item>sg-10</item><item>sg-11</item></securityGroupIdSet>") && !text.contains("thing"));
    }

    #[test]
    fn lists_of_groups_become_members() {
        let pairs = [("A.B.member.10.C", "ten"), ("A.B.member.2.C", "two"), ("A.D.member.1", "one"), ("A.E", "<")];
        let all = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let mut xml = Xml::default();
        Tree::below(&Parameters(all), "").only(&["A"]).write(&mut xml, of_groups);
        let list = "<B><member><C>two</C></member><member><C>ten</C></member></B>";
        assert_eq!(xml.into_text(), format!("<A>{list}<D><member>one</member></D><E>&lt;</E></A>"));
    }
}
