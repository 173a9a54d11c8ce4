use super::*;
use crate::providers::aws::fake::{FakeAws, Reply, caller};

fn denied() -> Reply {
    Reply::error(403, "UnauthorizedOperation", "You are not authorized to perform this operation.")
}

#[tokio::test]
async fn what_is_there_is_told_with_what_people_call_it_and_a_list_that_is_refused_leaves_the_others() {
    let fake = FakeAws::new(|seen| match seen.action() {
        "GetCallerIdentity" => caller("123456789012"),
        "DescribeVpcs" => Reply::ok(
            "<DescribeVpcsResponse><vpcSet><item><vpcId>vpc-1</vpcId><cidrBlock>10.0.0.0/16</cidrBlock><isDefault>true\
             </isDefault><tagSet><item><key>Name</key><value>grid</value></item></tagSet></item></vpcSet>\
             </DescribeVpcsResponse>",
        ),
        "DescribeSubnets" => Reply::ok(
            "<DescribeSubnetsResponse><subnetSet><item><subnetId>subnet-1</subnetId><vpcId>vpc-1</vpcId>\
             <availabilityZone>eu-west-1a</availabilityZone><availableIpAddressCount>200</availableIpAddressCount></item>\
             </subnetSet></DescribeSubnetsResponse>",
        ),
        "DescribeSecurityGroups" => Reply::ok(
            "<DescribeSecurityGroupsResponse><securityGroupInfo><item><groupId>sg-1</groupId><groupName>default</groupName>\
             <vpcId>vpc-1</vpcId></item></securityGroupInfo></DescribeSecurityGroupsResponse>",
        ),
        "DescribeImages" => {
            assert_eq!(seen.get("Owner.1"), Some("self"));
            let image = |id: &str, made: &str| {
                format!(
                    "<item><imageId>{id}</imageId><name>{id} name</name><architecture>arm64</architecture>\
                     <creationDate>{made}</creationDate></item>"
                )
            };
            let (old, new) = (image("ami-1", "2025-01-01T00:00:00.000Z"), image("ami-2", "2026-01-01T00:00:00.000Z"));
            Reply::ok(format!("<DescribeImagesResponse><imagesSet>{old}{new}</imagesSet></DescribeImagesResponse>"))
        }
        "DescribeIamInstanceProfileAssociations" => {
            let one =
                "<item><iamInstanceProfile><arn>arn:aws:iam::1:instance-profile/grid</arn></iamInstanceProfile></item>";
            let set = "iamInstanceProfileAssociationSet";
            let action = seen.action();
            Reply::ok(format!("<{action}Response><{set}>{one}{one}</{set}></{action}Response>"))
        }
        "DescribeKeyPairs" => denied(),
        "DescribeInstanceTypeOfferings" => Reply::ok(
            "<DescribeInstanceTypeOfferingsResponse><instanceTypeOfferingSet><item><instanceType>m6i.large</instanceType>\
             <location>eu-west-1a</location></item></instanceTypeOfferingSet></DescribeInstanceTypeOfferingsResponse>",
        ),
        "AmazonSSM.GetParameter" => Reply::ok(r#"{"Parameter": {"Value": "ami-9"}}"#),
        other => panic!("{other}"),
    });
    let found = Box::pin(of(fake.clients().as_ref())).await.unwrap();
    let vpcs = found.vpcs.unwrap();
    assert_eq!((vpcs[0].is_default, vpcs[0].name.as_deref()), (true, Some("grid")));
    assert_eq!(found.subnets.unwrap()[0].free, 200);
    assert_eq!(found.security_groups.unwrap()[0].name, "default");
    let images: Vec<String> = found.images.unwrap().into_iter().map(|image| image.id).collect();
    assert_eq!(images, ["ami-2", "ami-1"], "the newest first");
    assert_eq!(found.instance_profiles.unwrap(), ["arn:aws:iam::1:instance-profile/grid"]);
    assert_eq!(found.key_pairs.unwrap_err().class, FailureClass::AuthDenied);
    let aliases = found.aliases.unwrap();
    assert_eq!(aliases.len(), 2);
    assert!(aliases[0].id.ends_with("x86_64") && aliases[0].name.contains("ami-9"), "{aliases:?}");
    assert!(found.offers.unwrap()["m6i.large"].contains("eu-west-1a"));
    assert_eq!(found.caller.unwrap().account, "123456789012");
}

#[tokio::test]
async fn nobody_is_asked_twice_when_nobody_answers() {
    let fake = FakeAws::new(|_| Reply::Lost);
    let error = Box::pin(of(fake.clients().as_ref())).await.unwrap_err();
    assert_eq!((error.operation.as_str(), error.class), ("DescribeVpcs", FailureClass::Network));
    assert_eq!(fake.actions(), ["DescribeVpcs"]);
}
