//! Instance types by what they have.

use super::field_tests::{fleet, read_all};
use super::fleet_tests::{EC2, Members, NONE, RUN, SMALL, refusal, taken};
use crate::domain::template::{InstanceRequirements, Span};

fn requirements(members: &str) -> Result<(InstanceRequirements, String), String> {
    let value = format!("{{{members}}}");
    let (template, notes) = read_all(&[NONE, ("abisInstanceRequirements", &value)])?;
    Ok((fleet(&template).requirements.clone().unwrap(), notes))
}

#[test]
fn requirements_are_read_as_aws_and_as_orb_write_them() {
    let aws = r#""VCpuCount": {"Min": 2, "Max": "8"}, "MemoryMiB": {"Min": 4096.0}, "MemoryGiBPerVCpu": {"Min": 1.5, "Max": "8"},
        "CpuManufacturers": ["intel", "AMD", "amazon_web_services"], "ExcludedInstanceTypes": ["t*", "m5.8xlarge"],
        "InstanceGenerations": "current", "BareMetal": "Excluded", "BurstablePerformance": "included",
        "RequireHibernateSupport": "false", "NetworkInterfaceCount": {"Min": 1, "Max": 4},
        "NetworkBandwidthGbps": {"Max": 12.5}, "LocalStorage": "required", "LocalStorageTypes": ["ssd"],
        "TotalLocalStorageGB": {"Min": 100}, "BaselineEbsBandwidthMbps": {"Min": 500}, "AcceleratorTypes": ["gpu"],
        "AcceleratorCount": {"Min": 1, "Max": 1}, "AcceleratorManufacturers": ["nvidia"], "AcceleratorNames": ["A100"],
        "AcceleratorTotalMemoryMiB": {"Min": 1}, "SpotMaxPricePercentageOverLowestPrice": 50,
        "OnDemandMaxPricePercentageOverLowestPrice": "20""#;
    let orb = r#""vcpu_count": {"min": 2, "max": 8}, "memory_mib": {"min": 4096, "max": null}, "memory_gib_per_vcpu": {"min": "1.5", "max": 8},
        "cpu_manufacturers": "intel, amd, amazon-web-services", "excluded_instance_types": "t*,m5.8xlarge",
        "instance_generations": ["current"], "bare_metal": "excluded", "burstable_performance": "included",
        "require_hibernate_support": false, "network_interface_count": {"min": 1, "max": 4},
        "network_bandwidth_gbps": {"max": "12.5"}, "local_storage": "required", "local_storage_types": ["SSD"],
        "total_local_storage_gb": {"min": 100}, "baseline_ebs_bandwidth_mbps": {"min": 500}, "accelerator_types": ["gpu"],
        "accelerator_count": {"min": 1, "max": 1}, "accelerator_manufacturers": ["nvidia"], "accelerator_names": ["a100"],
        "accelerator_total_memory_mib": {"min": 1}, "spot_max_price_percentage_over_lowest_price": 50,
        "on_demand_max_price_percentage_over_lowest_price": 20, "_comment": "x", "allowed_instance_types": []"#;
    let (read, _) = requirements(aws).unwrap();
    assert_eq!(requirements(orb).unwrap().0, read);
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let text = |text: &str| Some(text.to_owned());
    let wanted = InstanceRequirements {
        vcpus: Span { min: Some(2), max: Some(8) },
        memory_mib: Span { min: Some(4096), max: None },
        memory_gib_per_vcpu: Some(Span { min: text("1.5"), max: text("8") }),
        cpu_manufacturers: texts(&["intel", "amd", "amazon-web-services"]),
        excluded_types: texts(&["t*", "m5.8xlarge"]),
        allowed_types: Vec::new(),
        generations: texts(&["current"]),
        bare_metal: text("excluded"),
        burstable: text("included"),
        hibernate: Some(false),
        network_interfaces: Some(Span { min: Some(1), max: Some(4) }),
        network_bandwidth_gbps: Some(Span { min: None, max: text("12.5") }),
        local_storage: text("required"),
        local_storage_types: texts(&["ssd"]),
        total_local_storage_gb: Some(Span { min: text("100"), max: None }),
        baseline_ebs_bandwidth_mbps: Some(Span { min: Some(500), max: None }),
        accelerator_types: texts(&["gpu"]),
        accelerator_count: Some(Span { min: Some(1), max: Some(1) }),
        accelerator_manufacturers: texts(&["nvidia"]),
        accelerator_names: texts(&["a100"]),
        accelerator_total_memory_mib: Some(Span { min: Some(1), max: None }),
        spot_max_price_percentage_over_lowest_price: Some(50),
        max_spot_price_as_percentage_of_optimal_on_demand_price: None,
        on_demand_max_price_percentage_over_lowest_price: Some(20),
    };
    assert_eq!(read, wanted);
    let (read, notes) = requirements(&format!(
        "{SMALL}, \"AllowedInstanceTypes\": [\"m6i.*\"], \"BareMetall\": 1, \"MaxSpotPriceAsPercentageOfOptimalOnDemandPrice\": 999999"
    ))
    .unwrap();
    assert_eq!(read.allowed_types, ["m6i.*"]);
    assert_eq!(read.max_spot_price_as_percentage_of_optimal_on_demand_price, Some(999_999));
    assert!(notes.contains("BareMetall is unknown and left out; did you mean BareMetal?"), "{notes}");
    let nested = format!("{{\"abis_instance_requirements\": {{{SMALL}}}}}");
    assert!(fleet(&taken(&[NONE, ("providerConfig", &nested)]).0).requirements.is_some());
}

#[test]
fn requirements_that_aws_would_not_take_are_refused_by_their_member() {
    let many = vec!["\"m5.*\""; 401].join(",");
    for (members, word) in [
        (r#""MemoryMiB": {"Min": 1}"#.to_owned(), "VCpuCount.Min: is missing"),
        (r#""VCpuCount": {"Min": 1}"#.to_owned(), "MemoryMiB.Min: is missing"),
        (r#""VCpuCount": {"Max": 4}, "MemoryMiB": {"Min": 1}"#.to_owned(), "VCpuCount.Min: is missing"),
        (r#""VCpuCount": 4, "MemoryMiB": {"Min": 1}"#.to_owned(), "VCpuCount: '4' is not an object"),
        (r#""VCpuCount": {"Min": 4, "Max": 2}, "MemoryMiB": {"Min": 1}"#.to_owned(), "VCpuCount: Min 4"),
        (r#""VCpuCount": {"Min": 1.5}, "MemoryMiB": {"Min": 1}"#.to_owned(), "VCpuCount.Min"),
        (r#""VCpuCount": {"Min": 1, "Maks": 2}, "MemoryMiB": {"Min": 1}"#.to_owned(), "VCpuCount.Maks"),
        (r#""VCpuCount": {"Min": 1, "min": 2}, "MemoryMiB": {"Min": 1}"#.to_owned(), "VCpuCount.Min: comes twice"),
        (format!(r#"{SMALL}, "vcpu_count": {{"min": 1}}"#), "VCpuCount: comes twice"),
        (format!(r#"{SMALL}, "MemoryGiBPerVCpu": {{"Min": "much"}}"#), "MemoryGiBPerVCpu.Min"),
        (format!(r#"{SMALL}, "MemoryGiBPerVCpu": {{"Min": 8, "Max": 2}}"#), "MemoryGiBPerVCpu: Min 8"),
        (format!(r#"{SMALL}, "CpuManufacturers": ["via"]"#), "CpuManufacturers: 'via'"),
        (format!(r#"{SMALL}, "BareMetal": "maybe""#), "BareMetal: 'maybe'"),
        (format!(r#"{SMALL}, "RequireHibernateSupport": "maybe""#), "RequireHibernateSupport"),
        (format!(r#"{SMALL}, "AcceleratorNames": ["a 100"]"#), "AcceleratorNames: 'a 100'"),
        (format!(r#"{SMALL}, "AcceleratorCount": {{"Min": -1}}"#), "AcceleratorCount.Min"),
        (format!(r#"{SMALL}, "AllowedInstanceTypes": [7]"#), "AllowedInstanceTypes"),
        (format!(r#"{SMALL}, "AllowedInstanceTypes": ["m5 large"]"#), "AllowedInstanceTypes: 'm5 large'"),
        (format!(r#"{SMALL}, "ExcludedInstanceTypes": [{many}]"#), "ExcludedInstanceTypes: has 401"),
        (
            format!(r#"{SMALL}, "AllowedInstanceTypes": ["a"], "ExcludedInstanceTypes": ["b"]"#),
            "ExcludedInstanceTypes: cannot go with AllowedInstanceTypes",
        ),
        (format!(r#"{SMALL}, "SpotMaxPricePercentageOverLowestPrice": -1"#), "SpotMaxPricePercentageOverLowestPrice"),
        (
            format!(
                r#"{SMALL}, "SpotMaxPricePercentageOverLowestPrice": 1, "MaxSpotPriceAsPercentageOfOptimalOnDemandPrice": 1"#
            ),
            "MaxSpotPriceAsPercentageOfOptimalOnDemandPrice: cannot go with",
        ),
    ] {
        let reason = requirements(&members).unwrap_err();
        assert!(reason.contains(&format!("abisInstanceRequirements.{word}")), "{members}: {reason}");
    }
    let abis = format!("{{{SMALL}}}");
    for members in [&[NONE, RUN] as Members<'_>, &[EC2]] {
        let reason = refusal(&[members, &[("abisInstanceRequirements", &abis)]].concat());
        assert!(reason.contains("abisInstanceRequirements"), "{reason}");
    }
}
