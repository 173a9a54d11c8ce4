//! The parameters of a call, as the Query protocol spells them: `Filter.1.Value.2`.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use crate::refusal::Refusal;

/// The most values of all filters of one call (`aws-semantics.md` section 9).
const MOST_FILTER_VALUES: usize = 200;

/// The parameters of one call by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Parameters(pub(crate) BTreeMap<String, String>);

impl Parameters {
    /// Returns the parameters of a form.
    pub(crate) fn of_form(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    /// Returns one parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Returns `Name.1`, `Name.2`, and so on.
    pub fn list(&self, name: &str) -> Vec<&str> {
        (1..).map_while(|number: u32| self.get(&format!("{name}.{number}"))).collect()
    }

    /// Returns `Name.1`, `Name.2` as prefixes, while anything lies below them.
    pub(crate) fn prefixes(&self, name: &str) -> Vec<String> {
        (1..=u32::MAX).map(|number| format!("{name}.{number}.")).take_while(|prefix| self.has_below(prefix)).collect()
    }

    pub(crate) fn has_below(&self, prefix: &str) -> bool {
        self.0.range(prefix.to_owned()..).next().is_some_and(|(key, _)| key.starts_with(prefix))
    }

    /// Returns what the overrides and specifications of a fleet say, where their names end so.
    pub(crate) fn of_fleets(&self, end: &str) -> impl Iterator<Item = &str> {
        let lists = ["LaunchTemplateConfigs.", "SpotFleetRequestConfig.Launch"];
        let found = lists
            .into_iter()
            .flat_map(|list| self.0.range(list.to_owned()..).take_while(move |(name, _)| name.starts_with(list)));
        found.filter(move |(name, _)| name.ends_with(end)).map(|(_, value)| value.as_str())
    }

    /// Returns a parameter that is a number.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u32>, Refusal> {
        self.get(name)
            .map(|text| {
                text.parse().map_err(|_| {
                    Refusal::invalid(format!("Value ({text}) for parameter {name} is invalid. It is not a number."))
                })
            })
            .transpose()
    }

    pub(crate) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).filter(|text| !text.is_empty()).ok_or_else(|| {
            let text = format!("The request must contain the parameter {name}");
            Refusal::new("MissingParameter", text)
        })
    }

    /// Returns the filters of a describe call.
    pub(crate) fn filters(&self) -> Result<Vec<Filter>, Refusal> {
        let mut filters = Vec::new();
        for prefix in self.prefixes("Filter") {
            let name = self.required(&format!("{prefix}Name"))?.to_owned();
            let values = self.list(&format!("{prefix}Value")).into_iter().map(str::to_owned).collect();
            filters.push(Filter { name, values });
        }
        if filters.iter().map(|filter| filter.values.len()).sum::<usize>() > MOST_FILTER_VALUES {
            let text = "The maximum number of filter values specified on a single call is 200";
            return Err(Refusal::new("FilterLimitExceeded", text));
        }
        Ok(filters)
    }
}

/// One filter: any of the values will do.
#[derive(Debug)]
pub(crate) struct Filter {
    pub(crate) name: String,
    pub(crate) values: HashSet<String>,
}

impl Filter {
    pub(crate) fn takes(&self, value: &str) -> bool {
        self.values.contains(value)
    }
}
