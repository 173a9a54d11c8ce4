//! The error taxonomy as data (`aws-semantics.md` section 10, R-44).

use crate::domain::FailureClass;

/// Every code we know, by class.
const CODES: &[(FailureClass, &[&str])] = &[
    (
        FailureClass::Throttle,
        &[
            "RequestLimitExceeded",
            "Throttling",
            "ThrottlingException",
            "ThrottledException",
            "RequestThrottled",
            "RequestThrottledException",
            "TooManyRequestsException",
            "BandwidthLimitExceeded",
            "SlowDown",
            "EC2ThrottledException",
            "PriorRequestNotComplete",
        ],
    ),
    (
        FailureClass::Server,
        &[
            "InternalError",
            "InternalFailure",
            "InternalServerError",
            "ServerInternal",
            "ServiceUnavailable",
            "Unavailable",
        ],
    ),
    (
        FailureClass::Capacity,
        &[
            "InsufficientInstanceCapacity",
            "InsufficientCapacity",
            "InsufficientHostCapacity",
            "InsufficientReservedInstanceCapacity",
            "InsufficientCapacityOnHost",
            "InsufficientVolumeCapacity",
            "InsufficientAddressCapacity",
            "UnfulfillableCapacity",
            "ReservationCapacityExceeded",
            // A reservation that has ended is as good as a full one: another market may have hosts.
            "InvalidCapacityReservationId.NotFound",
            "SpotMaxPriceTooLow",
            "Unsupported",
            "UnavailableHostRequirements",
            "IncompatibleHostRequirements",
            "VolumeTypeNotAvailableInZone",
        ],
    ),
    (FailureClass::SubnetCapacity, &["InsufficientFreeAddressesInSubnet", "PrivateIpAddressLimitExceeded"]),
    (
        FailureClass::Quota,
        &[
            "VcpuLimitExceeded",
            "InstanceLimitExceeded",
            "MaxSpotInstanceCountExceeded",
            "MaxSpotFleetRequestCountExceeded",
            "MaxFleetCountExceeded",
            "VolumeLimitExceeded",
            "MaxIOPSLimitExceeded",
            "NetworkInterfaceLimitExceeded",
            "HostLimitExceeded",
            "ResourceLimitExceeded",
            "PlacementGroupLimitExceeded",
            "TagLimitExceeded",
            "TargetCapacityLimitExceededException",
            "LimitExceeded",
            "MaxTemplateLimitExceeded",
            "MaxTemplateVersionLimitExceeded",
        ],
    ),
    (FailureClass::Size, &["ResourceCountExceeded", "RequestResourceCountExceeded", "FilterLimitExceeded"]),
    (
        FailureClass::AuthExpired,
        &[
            "ExpiredToken",
            "ExpiredTokenException",
            "RequestExpired",
            "InvalidClientTokenId",
            "AuthFailure",
            "SignatureDoesNotMatch",
            // What Systems Manager says for InvalidClientTokenId and SignatureDoesNotMatch.
            "UnrecognizedClientException",
            "InvalidSignatureException",
        ],
    ),
    (
        FailureClass::AuthDenied,
        &[
            "UnauthorizedOperation",
            "AccessDenied",
            "AccessDeniedException",
            "Blocked",
            "OptInRequired",
            "PendingVerification",
            "IncompleteSignature",
            "MissingAuthenticationToken",
            "AuthFailure.ServiceLinkedRoleCreationNotPermitted",
            "TagPolicyViolation",
        ],
    ),
    (
        FailureClass::Invalid,
        &[
            "InvalidParameter",
            "InvalidParameterValue",
            "InvalidParameterCombination",
            "MissingParameter",
            "UnknownParameter",
            "ValidationError",
            "InvalidAMIID.Malformed",
            "InvalidAMIID.NotFound",
            "InvalidAMIID.Unavailable",
            "InvalidBlockDeviceMapping",
            "InvalidUserData.Malformed",
            "InvalidFleetConfig",
            "InvalidZone.NotFound",
            "InvalidSubnetID.NotFound",
            "InvalidGroup.NotFound",
            "InvalidKeyPair.NotFound",
            "InvalidSnapshot.NotFound",
            "UnsupportedOperation",
            "UnsupportedHibernationConfiguration",
            "InvalidLaunchTemplateId.Malformed",
            // Systems Manager, when an image alias is resolved.
            "ParameterNotFound",
            "ParameterVersionNotFound",
            "ValidationException",
        ],
    ),
    (FailureClass::Idempotency, &["IdempotentParameterMismatch", "IdempotentInstanceTerminated", "InvalidClientToken"]),
    (
        FailureClass::Gone,
        &[
            "InvalidInstanceID.NotFound",
            // Such an id cannot exist; our own type accepts more than AWS does.
            "InvalidInstanceID.Malformed",
            "InvalidFleetId.NotFound",
            "fleetIdDoesNotExist",
            "InvalidSpotFleetRequestId.NotFound",
            "fleetRequestIdDoesNotExist",
            "InvalidLaunchTemplateId.NotFound",
            "InvalidLaunchTemplateName.NotFoundException",
        ],
    ),
    (
        FailureClass::Busy,
        &[
            "IncorrectInstanceState",
            "IncorrectState",
            "FleetNotInModifiableState",
            "fleetNotInDeletableState",
            "ScalingActivityInProgress",
            "ResourceContention",
            "ResourceInUse",
            "ConcurrentTagAccess",
            "DependencyViolation",
        ],
    ),
    (FailureClass::Protected, &["OperationNotPermitted"]),
    (FailureClass::Paging, &["InvalidPaginationToken", "InvalidNextToken"]),
    (FailureClass::DryRun, &["DryRunOperation"]),
];

/// Returns the class of a code, or `None` when nobody has classified it.
pub(super) fn class_of(code: &str) -> Option<FailureClass> {
    CODES.iter().find(|(_, codes)| codes.contains(&code)).map(|(class, _)| *class)
}

/// Returns the first code we know that a text of AWS names, with its class: histories and activities have no field for it.
pub(super) fn class_in(text: &str) -> Option<(&'static str, FailureClass)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '.';
    text.split(|c| !is_part(c)).map(|word| word.trim_matches('.')).find_map(|word| {
        let of_class = |(class, codes): &(FailureClass, &'static [&'static str])| {
            codes.iter().find(|code| **code == word).map(|code| (*code, *class))
        };
        CODES.iter().find_map(of_class)
    })
}

/// Returns the class of an answer that bears no code we know, by its HTTP status.
pub(super) fn class_of_status(status: u16) -> FailureClass {
    match status {
        // An answer that says it is fine and cannot be read was cut on its way.
        200..=299 | 408 => FailureClass::Network,
        429 => FailureClass::Throttle,
        500..=599 => FailureClass::Server,
        _ => FailureClass::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Section 10 of the semantics, copied by hand and apart from [`CODES`]; but a reservation that is gone is a shortage here.
    const SPECIFICATION: &str = "
        Throttle RequestLimitExceeded Throttling ThrottlingException ThrottledException RequestThrottled
        Throttle RequestThrottledException TooManyRequestsException BandwidthLimitExceeded SlowDown
        Throttle EC2ThrottledException PriorRequestNotComplete
        Server InternalError InternalFailure ServerInternal ServiceUnavailable Unavailable
        Capacity InsufficientInstanceCapacity InsufficientCapacity InsufficientHostCapacity
        Capacity InsufficientReservedInstanceCapacity InsufficientCapacityOnHost InsufficientVolumeCapacity
        Capacity InsufficientAddressCapacity UnfulfillableCapacity ReservationCapacityExceeded SpotMaxPriceTooLow
        Capacity InvalidCapacityReservationId.NotFound
        Capacity Unsupported UnavailableHostRequirements IncompatibleHostRequirements VolumeTypeNotAvailableInZone
        SubnetCapacity InsufficientFreeAddressesInSubnet PrivateIpAddressLimitExceeded
        Quota VcpuLimitExceeded InstanceLimitExceeded MaxSpotInstanceCountExceeded MaxSpotFleetRequestCountExceeded
        Quota MaxFleetCountExceeded VolumeLimitExceeded MaxIOPSLimitExceeded NetworkInterfaceLimitExceeded
        Quota HostLimitExceeded ResourceLimitExceeded PlacementGroupLimitExceeded TagLimitExceeded
        Quota TargetCapacityLimitExceededException LimitExceeded MaxTemplateLimitExceeded
        Quota MaxTemplateVersionLimitExceeded
        Size ResourceCountExceeded RequestResourceCountExceeded FilterLimitExceeded
        AuthExpired ExpiredToken ExpiredTokenException RequestExpired InvalidClientTokenId AuthFailure
        AuthExpired SignatureDoesNotMatch
        AuthDenied UnauthorizedOperation AccessDenied AccessDeniedException Blocked OptInRequired PendingVerification
        AuthDenied IncompleteSignature MissingAuthenticationToken
        AuthDenied AuthFailure.ServiceLinkedRoleCreationNotPermitted TagPolicyViolation
        Invalid InvalidParameter InvalidParameterValue InvalidParameterCombination MissingParameter UnknownParameter
        Invalid ValidationError InvalidAMIID.Malformed InvalidAMIID.NotFound InvalidAMIID.Unavailable
        Invalid InvalidBlockDeviceMapping InvalidUserData.Malformed InvalidFleetConfig InvalidZone.NotFound
        Invalid InvalidSubnetID.NotFound InvalidGroup.NotFound InvalidKeyPair.NotFound InvalidSnapshot.NotFound
        Invalid UnsupportedOperation UnsupportedHibernationConfiguration InvalidLaunchTemplateId.Malformed
        Idempotency IdempotentParameterMismatch IdempotentInstanceTerminated InvalidClientToken
        Gone InvalidInstanceID.NotFound InvalidFleetId.NotFound fleetIdDoesNotExist
        Gone InvalidSpotFleetRequestId.NotFound fleetRequestIdDoesNotExist InvalidLaunchTemplateId.NotFound
        Gone InvalidLaunchTemplateName.NotFoundException
        Gone InvalidInstanceID.Malformed
        Busy IncorrectInstanceState IncorrectState FleetNotInModifiableState fleetNotInDeletableState
        Busy ScalingActivityInProgress ResourceContention ResourceInUse ConcurrentTagAccess DependencyViolation
        Protected OperationNotPermitted
        Paging InvalidPaginationToken InvalidNextToken
        DryRun DryRunOperation";

    #[test]
    fn every_code_of_the_specification_has_its_class() {
        let mut checked = 0;
        for line in SPECIFICATION.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let mut words = line.split_whitespace();
            let wanted = words.next().unwrap();
            for code in words {
                assert_eq!(class_of(code).map(|class| format!("{class:?}")).as_deref(), Some(wanted), "{code}");
                checked += 1;
            }
        }
        assert_eq!(checked, 112, "codes in the specification");
    }

    #[test]
    fn no_code_has_two_classes() {
        let mut all: Vec<&str> = CODES.iter().flat_map(|(_, codes)| codes.iter().copied()).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn an_unknown_code_goes_by_its_status() {
        assert_eq!(class_of("InvalidNovelty"), None);
        for (status, class) in [
            (400, FailureClass::Unknown),
            (403, FailureClass::Unknown),
            (404, FailureClass::Unknown),
            (429, FailureClass::Throttle),
            (500, FailureClass::Server),
            (502, FailureClass::Server),
            (503, FailureClass::Server),
            (504, FailureClass::Server),
            (200, FailureClass::Network),
        ] {
            assert_eq!(class_of_status(status), class, "{status}");
        }
    }
}
