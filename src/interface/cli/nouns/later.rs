//! What clap has to learn of a noun only once it is named.

use clap::builder::Resettable;
use clap::{ArgMatches, Args, Command, Error, FromArgMatches, Subcommand};

/// A noun's verbs or arguments. Without this, every command would describe those of all nouns to clap first.
#[derive(Debug)]
pub(crate) struct Later<T>(pub(crate) T);

/// Adds to a noun, which goes on saying of itself what it says.
fn adding(add: fn(Command) -> Command, noun: Command) -> Command {
    let (about, long_about) = (noun.get_about().cloned(), noun.get_long_about().cloned());
    add(noun).about(Resettable::from(about)).long_about(Resettable::from(long_about))
}

impl<T: FromArgMatches> FromArgMatches for Later<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        T::from_arg_matches(matches).map(Self)
    }

    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, Error> {
        T::from_arg_matches_mut(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        self.0.update_from_arg_matches(matches)
    }
}

impl<T: Subcommand> Subcommand for Later<T> {
    fn augment_subcommands(noun: Command) -> Command {
        noun.defer(|noun| adding(T::augment_subcommands, noun))
    }

    fn augment_subcommands_for_update(noun: Command) -> Command {
        noun.defer(|noun| adding(T::augment_subcommands_for_update, noun))
    }

    fn has_subcommand(name: &str) -> bool {
        T::has_subcommand(name)
    }
}

impl<T: Args> Args for Later<T> {
    fn augment_args(noun: Command) -> Command {
        noun.defer(|noun| adding(T::augment_args, noun))
    }

    fn augment_args_for_update(noun: Command) -> Command {
        noun.defer(|noun| adding(T::augment_args_for_update, noun))
    }
}
