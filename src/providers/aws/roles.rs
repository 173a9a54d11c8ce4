//! The role of a Spot Fleet, which AWS takes by ARN alone (`awsprov-templates.md` 3.3, `fleetRole`).

/// The service-linked role of Spot Fleets, and the one of EC2 Fleets, which is taken for it.
const SPOT_FLEETS: &str = "AWSServiceRoleForEC2SpotFleet";
const EC2_FLEETS: &str = "AWSServiceRoleForEC2Fleet";

/// Returns the ARN of a role that the operator named by name or ARN.
pub(super) fn arn(role: &str, account: &str, region: &str) -> String {
    let partition = match region.split('-').next() {
        Some("cn") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    let name = role.rsplit('/').next().unwrap_or(role);
    if name == SPOT_FLEETS || name == EC2_FLEETS {
        return format!("arn:{partition}:iam::{account}:role/aws-service-role/spotfleet.amazonaws.com/{SPOT_FLEETS}");
    }
    if role.starts_with("arn:") {
        return role.to_owned();
    }
    format!("arn:{partition}:iam::{account}:role/{}", role.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::arn;

    #[test]
    fn a_name_becomes_the_arn_of_its_account_and_partition() {
        let at = |role: &str, region: &str| arn(role, "123456789012", region);
        assert_eq!(at("grid", "eu-west-1"), "arn:aws:iam::123456789012:role/grid");
        assert_eq!(at("team/grid", "cn-north-1"), "arn:aws-cn:iam::123456789012:role/team/grid");
        assert_eq!(at("arn:aws-us-gov:iam::1:role/x", "us-gov-west-1"), "arn:aws-us-gov:iam::1:role/x");
        let linked = "role/aws-service-role/spotfleet.amazonaws.com/AWSServiceRoleForEC2SpotFleet";
        assert_eq!(
            at("AWSServiceRoleForEC2SpotFleet", "us-gov-west-1"),
            format!("arn:aws-us-gov:iam::123456789012:{linked}")
        );
        let other = "arn:aws:iam::123456789012:role/aws-service-role/ec2fleet.amazonaws.com/AWSServiceRoleForEC2Fleet";
        assert_eq!(at(other, "eu-west-1"), format!("arn:aws:iam::123456789012:{linked}"));
    }
}
