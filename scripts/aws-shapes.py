#!/usr/bin/env python3
"""Writes the table of AWS request members that native documents are read with
(src/infrastructure/config/templates/native/members.tsv).

Usage: aws-shapes.py BOTOCORE_DATA > members.tsv

BOTOCORE_DATA is the folder `data` of the Python package botocore (Apache License 2.0), which has the service models.

A line is one member of a structure, its fields divided by tabs: structure, member, its name in the Query protocol, its
type: text, whole, decimal, flag or time, the name of a structure behind `@`, and `[` in front of either for a list.
`-` is a member that the plug-in fills in itself or does not take; src/infrastructure/config/templates/native says why.
"""

import gzip
import json
import sys
from pathlib import Path

ROOTS = {
    "ec2/2016-11-15": ["RunInstancesRequest", "RequestLaunchTemplateData", "CreateFleetRequest", "SpotFleetRequestConfigData"],
    "autoscaling/2011-01-01": ["CreateAutoScalingGroupType"],
}
OWN = {
    "RunInstancesRequest": "ClientToken DryRun MaxCount MinCount UserData SubnetId InstanceType LaunchTemplate TagSpecifications "
    "InstanceInitiatedShutdownBehavior InstanceMarketOptions HibernationOptions DisableApiTermination",
    "RequestLaunchTemplateData": "UserData InstanceType InstanceRequirements TagSpecifications InstanceInitiatedShutdownBehavior "
    "InstanceMarketOptions HibernationOptions DisableApiTermination",
    "CreateFleetRequest": "ClientToken DryRun Type LaunchTemplateConfigs TargetCapacitySpecification TagSpecifications ValidUntil "
    "TerminateInstancesWithExpiration ExcessCapacityTerminationPolicy ReplaceUnhealthyInstances ValidFrom",
    "SpotFleetRequestConfigData": "ClientToken Type LaunchSpecifications LaunchTemplateConfigs TargetCapacity "
    "OnDemandTargetCapacity TagSpecifications ValidUntil TerminateInstancesWithExpiration ExcessCapacityTerminationPolicy "
    "ReplaceUnhealthyInstances InstanceInterruptionBehavior FulfilledCapacity OnDemandFulfilledCapacity ValidFrom "
    "TargetCapacityUnitType",
    "CreateAutoScalingGroupType": "AutoScalingGroupName InstanceId LaunchConfigurationName LaunchTemplate MinSize MaxSize "
    "DesiredCapacity VPCZoneIdentifier AvailabilityZones AvailabilityZoneIds NewInstancesProtectedFromScaleIn Tags "
    "DesiredCapacityType DeletionProtection MaxInstanceLifetime InstanceMaintenancePolicy InstanceLifecyclePolicy",
    "MixedInstancesPolicy": "LaunchTemplate",
    "InstancesDistribution": "OnDemandBaseCapacity OnDemandPercentageAboveBaseCapacity",
    "SpotOptionsRequest": "InstanceInterruptionBehavior MinTargetCapacity",
    "OnDemandOptionsRequest": "MinTargetCapacity",
}
SCALARS = {
    "string": "text", "blob": "text", "character": "text", "integer": "whole", "long": "whole", "boolean": "flag",
    "float": "decimal", "double": "decimal", "timestamp": "time",
}


def main(data):
    rows = {}
    for service, roots in ROOTS.items():
        with gzip.open(data / service / "service-2.json.gz") as file:
            model = json.load(file)
        shapes, is_ec2 = model["shapes"], model["metadata"]["protocol"] == "ec2"

        def kind(name):
            shape = shapes[name]
            if shape["type"] == "structure":
                walk(name)
                return "@" + name
            if shape["type"] == "list":
                return "[" + kind(shape["member"]["shape"])
            return SCALARS[shape["type"]]

        def query(name, member):
            if is_ec2:
                located = member.get("locationName")
                return member.get("queryName") or (located[0].upper() + located[1:] if located else name)
            shape = shapes[member["shape"]]
            text = member.get("locationName", name)
            if shape["type"] == "list" and not shape.get("flattened"):
                text += "." + shape["member"].get("locationName", "member")
            return text

        def walk(structure):
            if any(row[0] == structure for row in rows):
                return
            own = OWN.get(structure, "").split()
            for name, member in shapes[structure]["members"].items():
                rows[structure, name] = ""
                rows[structure, name] = f"{query(name, member)}\t{'-' if name in own else kind(member['shape'])}"

        for root in roots:
            walk(root)
    release = next((data.parent.parent).glob("botocore-*.dist-info"), Path("botocore")).name.removesuffix(".dist-info")
    print(f"# From the service models of {release}; scripts/aws-shapes.py makes it.")
    for (structure, name), rest in sorted(rows.items()):
        print(f"{structure}\t{name}\t{rest}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
