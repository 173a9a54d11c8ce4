//! The brake on templates whose hosts die while they boot, and on those that the cloud refuses altogether.
//!
//! Without it a broken image is launched, paid for and lost over and over, as fast as Symphony asks.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::{Digest, Timestamp};

/// When the brake bites, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrakePolicy {
    /// How many hosts of a template must die at boot; 0 switches the brake off.
    pub deaths: u32,
    /// Within what time.
    pub within: Duration,
    /// How long the template is out of use then.
    pub pause: Duration,
}

impl Default for BrakePolicy {
    fn default() -> Self {
        Self { deaths: 10, within: Duration::from_mins(10), pause: Duration::from_mins(15) }
    }
}

/// That a template is out of use for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspension {
    /// Until when.
    pub until: Timestamp,
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub reason: String,
    /// The template's content; another content is not suspended.
    pub template: Digest,
}

/// What is remembered about a template.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Brake {
    deaths: Vec<Timestamp>,
    /// The end of what one of the dead hosts wrote to its console.
    pub console: Option<String>,
    suspension: Option<Suspension>,
}

impl Brake {
    /// How long a template is out of use that the cloud refuses: long enough not to hammer, short enough for whoever
    /// mends a permission.
    const REFUSED: Duration = Duration::from_mins(3);

    /// Takes in that hosts died while they booted. Returns whether that suspends the template now.
    pub fn died(&mut self, hosts: u32, reason: &str, template: &Digest, policy: &BrakePolicy, now: Timestamp) -> bool {
        self.deaths.retain(|at| *at <= now && now.since(*at) < policy.within);
        let room = (policy.deaths as usize).saturating_sub(self.deaths.len());
        self.deaths.extend(std::iter::repeat_n(now, room.min(hosts as usize)));
        let bites = policy.deaths > 0 && self.deaths.len() >= policy.deaths as usize;
        if bites && self.obstacle(template, now).is_none() {
            let minutes = policy.within.as_secs() / 60;
            let reason = format!("{} of its hosts died at boot within {minutes} minutes: {reason}", self.deaths.len());
            self.suspend(reason, template, policy.pause, now);
            self.deaths.clear();
            return true;
        }
        false
    }

    /// Returns why the template is out of use now, whatever its content.
    pub fn suspended(&self, now: Timestamp) -> Option<&Suspension> {
        self.suspension.as_ref().filter(|suspension| suspension.since <= now && now < suspension.until)
    }

    /// Takes in that a host of the template became usable: its image boots.
    pub fn lived(&mut self) {
        self.deaths.clear();
    }

    /// Takes in that the cloud refuses the template, as it stands, for good.
    pub fn refused(&mut self, reason: &str, template: &Digest, now: Timestamp) {
        self.suspend(reason.to_owned(), template, Self::REFUSED, now);
    }

    fn suspend(&mut self, reason: String, template: &Digest, pause: Duration, now: Timestamp) {
        self.suspension = Some(Suspension { until: now.after(pause), since: now, reason, template: template.clone() });
    }

    /// Returns why a template with this content is out of use, if it is.
    pub fn obstacle(&self, template: &Digest, now: Timestamp) -> Option<&Suspension> {
        let holds = |s: &&Suspension| s.template == *template && s.since <= now && now < s.until;
        self.suspension.as_ref().filter(holds)
    }

    /// Returns whether nothing of this has a meaning any more.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        let long_ago = |at: &Timestamp| now.since(*at) > Duration::from_hours(24);
        // What lies in the future comes from a clock that was ahead; the end of a suspension may well do so.
        self.deaths.iter().all(|at| *at > now || long_ago(at))
            && self.suspension.as_ref().is_none_or(|s| s.since > now || long_ago(&s.until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_seconds(1_760_000_000 + second)
    }

    fn content(text: &str) -> Digest {
        Digest::of(&[text])
    }

    #[test]
    fn ten_deaths_in_ten_minutes_suspend_this_content_for_a_quarter_of_an_hour() {
        let policy = BrakePolicy::default();
        let mut brake = Brake::default();
        assert!(!brake.died(9, "Client.InternalError", &content("a"), &policy, at(0)));
        assert!(brake.obstacle(&content("a"), at(0)).is_none());
        assert!(brake.died(1, "Client.InternalError", &content("a"), &policy, at(599)));
        let suspension = brake.obstacle(&content("a"), at(1498)).unwrap();
        assert_eq!(suspension.reason, "10 of its hosts died at boot within 10 minutes: Client.InternalError");
        assert!(brake.obstacle(&content("a"), at(1499)).is_none(), "the pause is over");
        assert!(brake.obstacle(&content("b"), at(600)).is_none(), "another content may work");
    }

    #[test]
    fn deaths_far_apart_and_hosts_that_live_let_go() {
        let policy = BrakePolicy::default();
        let mut brake = Brake::default();
        for minute in 0..60 {
            assert!(!brake.died(1, "x", &content("a"), &policy, at(minute * 70)), "{minute}");
        }
        let mut brake = Brake::default();
        assert!(!brake.died(9, "x", &content("a"), &policy, at(0)));
        assert!(!brake.died(1, "x", &content("a"), &policy, at(600)), "ten minutes later the nine count no more");
        let mut brake = Brake::default();
        for _ in 0..20 {
            assert!(!brake.died(9, "x", &content("a"), &policy, at(0)));
            brake.lived();
        }
        let off = BrakePolicy { deaths: 0, ..policy };
        assert!(!brake.died(1000, "x", &content("a"), &off, at(0)));
    }

    #[test]
    fn a_brake_is_kept_while_it_holds_and_forgotten_a_day_later() {
        let mut brake = Brake::default();
        assert!(brake.is_over(at(0)));
        brake.refused("UnauthorizedOperation", &content("a"), at(0));
        assert!(!brake.is_over(at(0)) && !brake.is_over(at(86_400)));
        assert!(brake.is_over(at(86_400 + 181)) && brake.is_over(at(-60)));
        let mut brake = Brake::default();
        brake.died(1, "x", &content("a"), &BrakePolicy::default(), at(0));
        assert!(!brake.is_over(at(86_400)) && brake.is_over(at(86_401)) && brake.is_over(at(-60)));
    }

    #[test]
    fn what_the_cloud_refuses_is_not_sent_again_at_once() {
        let mut brake = Brake::default();
        brake.refused("UnauthorizedOperation", &content("a"), at(0));
        assert!(brake.obstacle(&content("a"), at(179)).is_some());
        assert!(brake.obstacle(&content("a"), at(180)).is_none());
        assert!(brake.obstacle(&content("a"), at(-60)).is_none(), "the clock was set back");
    }
}
