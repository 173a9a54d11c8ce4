//! Which instance types fit a need.

use std::num::NonZeroU32;
use std::sync::Arc;

use async_trait::async_trait;
use shaku::Component;

use crate::application::ApplicationError;
use crate::application::message::{Handler, Message, Query};
use crate::application::ports::InstanceTypes;
use crate::domain::template::{Architecture, InstanceShape};

/// Asks for the instance types that fit best, of all that are known. No cloud is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChooseTypes {
    /// The virtual CPUs that a host has at least.
    pub vcpus: NonZeroU32,
    /// The memory that it has at least, in MiB.
    pub memory: NonZeroU32,
    /// What its processor runs.
    pub architecture: Architecture,
    /// The most types.
    pub most: usize,
}

impl Message for ChooseTypes {
    const NAME: &'static str = "ChooseTypes";
    /// The closest first, and of those that are equally close the newest.
    type Output = Vec<InstanceShape>;
}

impl Query for ChooseTypes {}

/// How many times the need a type may have; beyond it a host is paid for that nobody uses.
const MOST_TIMES: u64 = 2;

impl ChooseTypes {
    /// Returns those of these types that fit best, the best first.
    pub fn among(&self, mut types: Vec<InstanceShape>) -> Vec<InstanceShape> {
        types.retain(|shape| self.fits(shape));
        // Among equals the plain families go first: what a suffix adds, such as local disks, is paid for.
        let order = |shape: &InstanceShape| {
            let family = shape.name.split('.').next().unwrap_or_default().len();
            (self.distance(shape), u32::MAX - generation(&shape.name), family)
        };
        types.sort_by(|one, other| order(one).cmp(&order(other)).then_with(|| one.name.cmp(&other.name)));
        types.truncate(self.most);
        types
    }

    fn fits(&self, shape: &InstanceShape) -> bool {
        let within = |has: NonZeroU32, wanted: NonZeroU32| {
            has >= wanted && u64::from(has.get()) <= u64::from(wanted.get()) * MOST_TIMES
        };
        shape.architecture == self.architecture
            && within(shape.vcpus, self.vcpus)
            && within(shape.memory, self.memory)
            && shape.gpus.is_none()
            && is_for_grids(&shape.name)
    }

    /// The lower, the closer: by how many hundredths of the need a type has more.
    fn distance(&self, shape: &InstanceShape) -> u64 {
        let times = |has: NonZeroU32, wanted: NonZeroU32| u64::from(has.get()) * 100 / u64::from(wanted.get());
        times(shape.vcpus, self.vcpus) + times(shape.memory, self.memory)
    }
}

/// Returns whether grids run on the family of this type: none whose CPUs are rationed (`t`), none without a hypervisor, and
/// none that is made for something else (Mac, machine learning, video, FPGA).
fn is_for_grids(name: &str) -> bool {
    let (family, size) = name.split_once('.').unwrap_or((name, ""));
    let letters = family.split(|c: char| c.is_ascii_digit()).next().unwrap_or_default();
    matches!(letters, "m" | "c" | "r" | "x" | "z" | "i" | "im" | "is" | "d" | "h" | "hpc") && !size.starts_with("metal")
}

/// Returns the generation in a name: 7 for `m7g.large`.
fn generation(name: &str) -> u32 {
    let digits: String = name.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

/// Answers [`ChooseTypes`] from what is known.
#[derive(Component)]
#[shaku(interface = Handler<ChooseTypes>)]
pub struct ChooseTypesHandler {
    #[shaku(inject)]
    types: Arc<dyn InstanceTypes>,
}

#[async_trait]
impl Handler<ChooseTypes> for ChooseTypesHandler {
    async fn handle(&self, query: ChooseTypes) -> Result<Vec<InstanceShape>, ApplicationError> {
        Ok(query.among(self.types.all()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infrastructure::instance_types::KnownInstanceTypes;

    async fn chosen(vcpus: u32, gib: u32, architecture: Architecture, most: usize) -> Vec<InstanceShape> {
        let handler = ChooseTypesHandler { types: Arc::new(KnownInstanceTypes::new("")) };
        let need = |number| NonZeroU32::new(number).unwrap();
        handler.handle(ChooseTypes { vcpus: need(vcpus), memory: need(gib * 1024), architecture, most }).await.unwrap()
    }

    #[tokio::test]
    async fn types_that_fit_exactly_come_first_and_the_newest_of_them() {
        let types = chosen(8, 32, Architecture::Arm64, 10).await;
        assert_eq!(types.len(), 10);
        assert!(types.iter().all(|shape| shape.architecture == Architecture::Arm64 && shape.gpus.is_none()));
        assert!(types.iter().all(|shape| shape.vcpus.get() == 8 && shape.memory.get() == 32 << 10), "{types:?}");
        assert!(generation(&types[0].name) >= generation(&types[9].name), "{types:?}");
        let mut names: Vec<&str> = types.iter().map(|shape| shape.name.as_str()).collect();
        names.dedup();
        assert_eq!(names.len(), 10);
    }

    #[tokio::test]
    async fn no_type_has_less_than_is_needed_nor_far_more_nor_rationed_cpus() {
        let types = chosen(6, 20, Architecture::X86_64, usize::MAX).await;
        assert!(!types.is_empty());
        assert!(types.iter().all(|shape| (6..=12).contains(&shape.vcpus.get())), "{types:?}");
        assert!(types.iter().all(|shape| (20 << 10..=40 << 10).contains(&shape.memory.get())), "{types:?}");
        assert!(types.iter().all(|shape| !shape.name.starts_with('t') && !shape.name.contains("metal")), "{types:?}");
        assert!(chosen(10_000, 1, Architecture::X86_64, 5).await.is_empty());
    }
}
