//! What each field of a template takes and what it does, for the schema and the reference page.
//!
//! Invariant: a word, a limit or a form that stands in a reader's table is taken from there.

use super::fields::Field;
use super::{api, fleets, market, volumes};

/// What a field takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    /// Whatever there is: it has no effect, or one that is not for a schema to tell.
    Any,
    /// A text of at most so many characters.
    Text(u32),
    /// A text of this form: a pattern, and what it means.
    Form(&'static str, &'static str),
    /// A list of texts of this form, or a comma list.
    List(&'static str, &'static str),
    /// A whole number within limits.
    Whole(i64, i64),
    /// A number from 0 to 1.
    Ratio,
    /// True or false.
    Flag,
    /// One of these words, in any spelling.
    Word(Vec<&'static str>),
    /// Some of these words.
    Words(Vec<&'static str>),
    /// Instance types, with weights or as a list.
    Types,
    /// Instance types with their places in an order.
    Priorities,
    /// Tags.
    Tags,
    /// The attributes that Host Factory knows.
    Attributes,
    /// Our list `volumes`.
    Volumes,
    /// Our object `metadataOptions`.
    Metadata,
    /// The object `abisInstanceRequirements`.
    Requirements,
    /// A boot script, or where it is.
    Script,
    /// An object with members that are not ours to list.
    Document,
}

const NAME: Shape = Shape::Form("[0-9A-Za-z_-]{1,64}", "1 to 64 of 0-9 A-Z a-z _ -");
const IMAGE: &str = "ami-[0-9A-Za-z-]{1,64}|(resolve:ssm:|/)[0-9A-Za-z/._:-]+";
const GROUP: Shape = Shape::Form("arn:.*:resource-groups:.*:group/.*", "the ARN of a resource group");
const ROLE: &str = "[0-9A-Za-z_+=,.@-]{1,64}|arn:aws[^:]*:iam::[0-9]{12}:role/[0-9A-Za-z_+=,.@/-]+";
const PROFILE: &str = "[0-9A-Za-z_+=,.@-]{1,128}|arn:.*:instance-profile/.*";
const PRICE: Shape = Shape::Form(r"[0-9]+\.?[0-9]*|\.[0-9]+", "a price in dollars such as 0.25");

impl Shape {
    /// Returns what the field takes, for people.
    pub(super) fn takes(&self) -> String {
        match self {
            Self::Any => String::new(),
            Self::Text(_) => "a text".to_owned(),
            Self::Form(_, words) => (*words).to_owned(),
            Self::List(_, words) => format!("a list, or a comma list, of {words}"),
            Self::Whole(least, most) => format!("a whole number from {least} to {most}"),
            Self::Ratio => "a number from 0 to 1".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::Word(words) => words.join(" or "),
            Self::Words(words) => format!("a list, or a comma list, of {}", words.join(", ")),
            Self::Types => "types with weights from 1 to 1000, or a list of types, or a comma list".to_owned(),
            Self::Priorities => "an object of types and whole numbers".to_owned(),
            Self::Tags => "an object of texts, or key=value;key=value".to_owned(),
            Self::Attributes => "an object of pairs such as [\"Numeric\", \"4\"], or of bare values".to_owned(),
            Self::Volumes => "a list of objects".to_owned(),
            Self::Metadata | Self::Requirements | Self::Document => "an object".to_owned(),
            Self::Script => "a path, or the script itself".to_owned(),
        }
    }
}

/// Returns what a field takes and, where it acts, what it does.
#[rustfmt::skip]
#[expect(clippy::match_same_arms, reason = "one line for each field")]
pub(super) fn about(field: Field) -> (Shape, &'static str) {
    let (size, iops, throughput) = volumes::widest();
    let figures = |(least, most): (u32, u32)| Shape::Whole(i64::from(least), i64::from(most));
    match field {
        Field::TemplateId => (NAME, "The name under which hosts are asked for."),
        Field::MaxNumber => (Shape::Whole(-1, 10_000), "The most hosts at a time; -1 is no limit."),
        Field::Attributes => (Shape::Attributes, "What Host Factory knows of the hosts; what is missing comes from the instance type."),
        Field::Priority => (Shape::Whole(i64::from(i32::MIN), i64::from(i32::MAX)), "Handed on to Host Factory."),
        Field::ProviderApi => (Shape::Word(api::names()), "The way to get the hosts."),
        Field::ProviderType => (Shape::Word(vec!["aws"]), "Refuses a template of another cloud."),
        Field::FleetType => (Shape::Word(api::fleet_types()), "Whether a fleet is asked once, goes on launching, or replaces what ends."),
        Field::IsActive => (Shape::Flag, "`false` hides the template."),
        Field::Metadata => (Shape::Any, "ORB's; a few fields count inside it."),
        Field::ProviderConfig => (Shape::Any, "ORB's; a few fields count inside it."),
        Field::CustomVariables => (Shape::Document, "Values for `{{ name }}` in documents of AWS's own."),
        Field::ImageId => (Shape::Form(IMAGE, "ami-…, or an SSM parameter: /aws/service/… or resolve:ssm:…"), "The image."),
        Field::VmType => (Shape::Types, "The instance type, for a plain launch."),
        Field::VmTypes => (Shape::Types, "The instance types; a weight is how many hosts one counts for."),
        Field::VmTypesOnDemand => (Shape::Types, "The types of a fleet's on-demand part."),
        Field::VmTypesPriority => (Shape::Priorities, "The preference among types, the lowest number first."),
        Field::AbisInstanceRequirements => (Shape::Requirements, "Types by what they have, in place of names."),
        Field::SubnetId => (Shape::List("subnet-[0-9A-Za-z-]{1,64}", "subnet-…"), "The subnets, tried in their order or handed to the fleet."),
        Field::SecurityGroupIds => (Shape::List("sg-[0-9A-Za-z-]{1,64}", "sg-…"), "The security groups."),
        Field::PublicIpAssignment => (Shape::Flag, "Whether hosts get a public address; unset: as the subnet says."),
        Field::KeyName => (Shape::Text(255), "The key pair."),
        Field::PlacementGroupName => (Shape::Text(255), "The placement group, by name."),
        Field::PlacementGroupId => (Shape::Form("pg-[0-9A-Za-z-]{1,64}", "pg-…"), "The placement group, by id."),
        Field::PartitionNumber => (Shape::Whole(1, 7), "The partition of the placement group."),
        Field::Tenancy => (Shape::Word(vec!["default", "dedicated", "host"]), "Whether the hardware is shared."),
        Field::HostId => (Shape::Form("h-[0-9A-Za-z-]{1,64}", "h-…"), "The dedicated host."),
        Field::HostResourceGroupArn => (GROUP, "The resource group of dedicated hosts."),
        Field::Affinity => (Shape::Word(vec!["default", "host"]), "Whether a host comes back to its dedicated host."),
        Field::ExcludedZones => (Shape::List("[0-9A-Za-z-]{1,64}", "zones by name or id"), "Zones whose subnets are not used."),
        Field::InterfaceType => (Shape::Word(vec!["efa", "interface"]), "The kind of network interface."),
        Field::EfaCount => (Shape::Whole(1, 32), "How many EFA interfaces."),
        Field::Context => (Shape::Text(1024), "AWS's `Context` of a fleet or group."),
        Field::PriceType => (Shape::Word(vec!["ondemand", "spot", "heterogeneous"]), "Which market hosts come from."),
        Field::SpotPrice => (PRICE, "The price limit of spot hosts; above 0 it makes hosts spot."),
        Field::MaxSpotPrice => (PRICE, "The price limit of spot hosts."),
        Field::MarketOrder => (Shape::Words(market::words()), "The markets in the order in which they are asked."),
        Field::CapacityReservationPreference => (Shape::Word(vec!["open", "none", "capacity-reservations-only"]), "Whether hosts run in capacity reservations."),
        Field::CapacityReservationId => (Shape::Form("cr-[0-9A-Za-z-]{1,64}", "cr-…"), "The capacity reservation."),
        Field::CapacityReservationGroup => (GROUP, "The resource group of capacity reservations."),
        Field::CapacityBlock => (Shape::Flag, "Whether the reservation is a capacity block."),
        Field::FleetRole => (Shape::Form(ROLE, "a role's name or ARN"), "The role of a Spot Fleet."),
        Field::AllocationStrategy => (Shape::Word(fleets::strategies()), "How spot pools are chosen."),
        Field::AllocationStrategyOnDemand => (Shape::Word(vec!["lowestPrice", "prioritized"]), "How on-demand pools are chosen."),
        Field::PercentOnDemand => (Shape::Whole(0, 100), "The share of on-demand hosts."),
        Field::OnDemandTargetCapacityRatio => (Shape::Ratio, "The same as a ratio."),
        Field::PoolsCount => (Shape::Whole(1, 1000), "From how many pools `lowestPrice` takes hosts."),
        Field::SpotFleetRequestExpiry => (Shape::Whole(1, fleets::LONGEST), "For how many minutes a fleet goes on launching."),
        Field::RequestValidity => (Shape::Form("[0-9]{1,3}:[0-5]?[0-9]|[0-9]{1,3}:0[0-5][0-9]", "a time such as 0:30"), "The same in hours and minutes."),
        Field::Ec2FleetConfig => (Shape::Text(4096), "LSF's fleet file."),
        Field::RootDeviceVolumeSize => (figures(size), "The size of the root volume in GiB."),
        Field::VolumeType => (Shape::Word(volumes::kinds(true)), "The type of the root volume."),
        Field::Iops => (figures(iops), "I/O operations a second of the root volume."),
        Field::Throughput => (figures(throughput), "MiB a second of the root volume."),
        Field::StorageEncryption => (Shape::Flag, "Whether the root volume is encrypted."),
        Field::EncryptionKey => (Shape::Text(2048), "The KMS key of the root volume."),
        Field::EbsOptimized => (Shape::Flag, "Whether the way to EBS is reserved."),
        Field::MonitoringEnabled => (Shape::Flag, "Whether CloudWatch looks each minute."),
        Field::UserDataScript => (Shape::Script, "The boot script."),
        Field::UserData => (Shape::Script, "The boot script, where `userDataScript` is unset."),
        Field::InstanceProfile => (Shape::Form(PROFILE, "an instance profile's name or ARN"), "The role of the hosts."),
        Field::InstanceTags => (Shape::Tags, "Tags of the hosts and their volumes."),
        Field::LaunchTemplateId => (Shape::Form("lt-[0-9A-Za-z-]{1,64}", "lt-…"), "A launch template of the operator's."),
        Field::LaunchTemplateVersion => (Shape::Form(r"\$[Ll][Aa][Tt][Ee][Ss][Tt]|\$[Dd][Ee][Ff][Aa][Uu][Ll][Tt]|\+?0*[1-9][0-9]*", "$Latest, $Default or a number"), "Its version."),
        Field::LaunchTemplateSpec => (Shape::Document, "Laid over the launch template of this plug-in."),
        Field::LaunchTemplateSpecFile => (Shape::Text(4096), "The same in a file."),
        Field::ProviderApiSpec => (Shape::Document, "Laid over the call that asks for the hosts."),
        Field::ProviderApiSpecFile => (Shape::Text(4096), "The same in a file."),
        Field::Volumes => (Shape::Volumes, "Further volumes."),
        Field::MetadataOptions => (Shape::Metadata, "How a host asks for what AWS knows of it."),
        Field::ThreadsPerCore => (Shape::Whole(1, 2), "Threads of each core."),
        Field::CoreCount => (Shape::Whole(1, 1024), "Cores of each host."),
        Field::AmdSevSnp => (Shape::Flag, "Whether memory is encrypted by AMD SEV-SNP."),
        Field::NestedVirtualization => (Shape::Flag, "Whether hosts can run virtual machines."),
        // They do not act: their fate says all.
        Field::Name | Field::Description | Field::AvailableNumber | Field::RequestedMachines | Field::PgrpName
        | Field::OnDemandCapacity | Field::Ttl | Field::ProviderName | Field::Version | Field::CreatedAt
        | Field::UpdatedAt | Field::NetworkZones | Field::MarketSpotPrice | Field::DurationInHours | Field::ComputeUnit
        | Field::UserDataObj | Field::Gpuextend | Field::ImageVersion | Field::ExecutionRoleArn | Field::IdlePolicy
        | Field::MaximumDurationInSeconds | Field::IngressNetworkConnectors | Field::EgressNetworkConnectors
        | Field::RunHookPayload | Field::PrimaryInstanceType | Field::PricingStrategy | Field::ComputeAttributes
        | Field::PlacementConfiguration | Field::InstanceConfig => (Shape::Any, ""),
    }
}
