//! Whose hosts a work folder holds.

use serde::{Deserialize, Serialize};

use crate::domain::Digest;

/// The cloud account and region that the hosts of this work folder live in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The account's number.
    pub id: String,
    /// The region.
    pub region: String,
    /// Digests of the access key ids that were seen to belong to the account, latest last.
    pub keys: Vec<Digest>,
}

impl Account {
    /// How many keys are remembered: temporary ones come and go, and parallel processes may each have their own.
    const MOST_KEYS: usize = 32;

    /// Notes that an access key belongs to the account.
    pub fn add_key(&mut self, key: Digest) {
        self.keys.retain(|known| *known != key);
        self.keys.push(key);
        let surplus = self.keys.len().saturating_sub(Self::MOST_KEYS);
        self.keys.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_thirty_two_keys_are_remembered_each_once_the_latest_last() {
        let key = |number: usize| Digest::of(&[&number.to_string()]);
        let mut account = Account { id: "123456789012".to_owned(), region: "us-east-1".to_owned(), keys: Vec::new() };
        for number in 0..40 {
            account.add_key(key(number));
        }
        account.add_key(key(20));
        assert_eq!((account.keys.len(), account.keys.last()), (32, Some(&key(20))));
        assert!(account.keys.contains(&key(8)) && !account.keys.contains(&key(7)));
    }
}
