//! Pages of listings that are not of instances (`aws-semantics.md` section 9).

use std::ops::RangeInclusive;

use super::Context;
use super::listing::parsed;
use crate::faults::Verb;
use crate::refusal::Refusal;

/// Where a page starts, how many it holds at most, and its number; 1 is the first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) start: u32,
    pub(super) most: usize,
    number: u32,
}

impl Window {
    /// Returns the page that a call asks for; `sizes` are those that it may ask for, the largest when it does not.
    pub(super) fn of(context: &Context<'_>, sizes: RangeInclusive<u32>) -> Result<Self, Refusal> {
        let most = context.parameters.number("MaxResults")?.unwrap_or(*sizes.end());
        if !sizes.contains(&most) {
            let text = format!(
                "Value ( {most} ) for parameter maxResults is invalid. Expecting a value from {} to {}.",
                sizes.start(),
                sizes.end()
            );
            return Err(Refusal::invalid(text));
        }
        Self::at(context, most)
    }

    /// Returns the same page with no more than so many: AWS may give fewer than it was asked for.
    pub(super) fn at_most(self, most: usize) -> Self {
        Self { most: self.most.min(most), ..self }
    }

    /// Returns the page that the token of a call stands for, with at most so many.
    pub(super) fn at(context: &Context<'_>, most: u32) -> Result<Self, Refusal> {
        let (number, start) = match context.parameters.get("NextToken").filter(|token| !token.is_empty()) {
            None => (1, 0),
            Some(token) => parsed(token)
                .ok_or_else(|| Refusal::new("InvalidNextToken", format!("'{token}' is no token of this listing")))?,
        };
        Ok(Self { start, most: usize::try_from(most).unwrap_or(usize::MAX), number })
    }

    /// Cuts the page out of what has rising numbers, and returns the next token.
    pub(super) fn cut<T>(
        self,
        context: &Context<'_>,
        all: impl IntoIterator<Item = (u32, T)>,
    ) -> (Vec<T>, Option<String>) {
        if context.verb == Some(&Verb::Empty) {
            return (Vec::new(), None);
        }
        let mut rest = all.into_iter().skip_while(|(number, _)| *number < self.start);
        let page: Vec<T> = rest.by_ref().take(self.most).map(|(_, one)| one).collect();
        let next = rest.next().map(|(number, _)| format!("p{}-{number}", self.number + 1));
        if context.verb == Some(&Verb::PageLoop) {
            let same = context.parameters.get("NextToken").unwrap_or("p1-0").to_owned();
            return (page, Some(same));
        }
        (page, next)
    }

    /// Cuts the page out of a whole list.
    pub(super) fn cut_list<T>(
        self,
        context: &Context<'_>,
        all: impl IntoIterator<Item = T>,
    ) -> (Vec<T>, Option<String>) {
        self.cut(context, (0_u32..).zip(all))
    }
}
