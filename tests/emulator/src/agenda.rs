//! What happens by itself, each thing at its own time: places of ended hosts come free, fleets and groups act.
//!
//! Nothing waits in a thread: [`World::settle`] carries out what has become due, in the order of time, before a call or
//! an edit looks at the world, however far the clock was moved at once. What is due may have been overtaken; whoever is
//! due knows whether there is anything left to do.

use std::collections::BTreeSet;

use crate::clock::Millis;
use crate::groups::GroupId;
use crate::scaling;
use crate::world::World;

/// Somebody who is due. At one and the same time the first of these come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// An instance that is terminated: others get its places.
    Gone(u32),
    /// A fleet, by where it is kept.
    Fleet(usize),
    /// A group that may launch or end hosts.
    Group(GroupId),
    /// A member of a group that may have to be replaced.
    Member(u32),
}

/// Everything that is still to come.
#[derive(Debug, Default)]
pub(crate) struct Agenda(BTreeSet<(Millis, Due)>);

impl Agenda {
    pub(crate) fn add(&mut self, at: Millis, due: Due) {
        self.0.insert((at, due));
    }

    fn take(&mut self, until: Millis) -> Option<(Millis, Due)> {
        self.0.first().filter(|(at, _)| *at <= until)?;
        self.0.pop_first()
    }
}

impl World {
    /// Carries out what has become due since the last look, each at its own time.
    pub(crate) fn settle(&mut self) {
        let now = self.now();
        while let Some((at, due)) = self.agenda.take(now) {
            self.moment = Some(at);
            match due {
                Due::Gone(number) => {
                    self.give_back(number);
                    scaling::look(self, number);
                }
                Due::Fleet(index) => self.act_for_fleet(index),
                Due::Group(id) => scaling::wake(self, id),
                Due::Member(number) => scaling::look(self, number),
            }
        }
        self.moment = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_comes_first_and_of_several_what_makes_room() {
        let mut agenda = Agenda::default();
        for (at, due) in
            [(3, Due::Gone(1)), (2, Due::Group(1)), (2, Due::Gone(2)), (2, Due::Fleet(0)), (9, Due::Member(1))]
        {
            agenda.add(at, due);
        }
        let all: Vec<_> = std::iter::from_fn(|| agenda.take(3)).collect();
        assert_eq!(all, [(2, Due::Gone(2)), (2, Due::Fleet(0)), (2, Due::Group(1)), (3, Due::Gone(1))]);
    }
}
