//! Template files, boot scripts and the catalogue over them.

use std::path::Path;
use std::sync::Arc;

use super::field_tests::read_all;
use super::*;
use crate::application::CatalogueError;
use crate::application::ports::{InstanceTypes, Listing, TemplateCatalogue};
use crate::domain::template::{InstanceShape, ProviderKind};
use crate::infrastructure::instance_types::KnownInstanceTypes;

fn put(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::io::Write::write_all(&mut std::fs::File::create(path).unwrap(), bytes).unwrap();
}

fn template(id: &str, more: &str) -> String {
    format!(
        r#"{{"templateId": "{id}", "maxNumber": 1, "imageId": "ami-1", "vmType": "m6i.large", "subnetId": "subnet-1",
            "attributes": {{"type": "X86_64", "ncpus": 1, "nram": 1024}}{more}}}"#
    )
}

fn catalogue_with(folder: &Path, settings: TemplateSettings) -> FileCatalogue {
    FileCatalogue::new(
        folder.to_owned(),
        "inst".to_owned(),
        ProviderKind::Aws,
        settings,
        Arc::new(KnownInstanceTypes::new(folder)),
    )
}

fn catalogue(folder: &Path) -> FileCatalogue {
    catalogue_with(folder, TemplateSettings::default())
}

fn ids(listing: &Listing) -> Vec<&str> {
    listing.templates.iter().map(|template| template.id().as_str()).collect()
}

fn listed(name: &str, text: &str) -> Result<Listing, CatalogueError> {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), name, text.as_bytes());
    catalogue(folder.path()).list()
}

#[test]
fn every_shape_of_file_is_read_in_its_order() {
    let (a, b) = (template("b", ""), template("a", ""));
    for text in [
        format!(
            r#"{{"scheduler_type": "hostfactory", "version": "1", "_checksum": "x", "message": "", "templates": [{a}, {b}]}}"#
        ),
        format!("[{a}, {b}]"),
        format!(r#"{{"x": {a}, "y": {b}, "_z": {{}}}}"#),
        format!(
            r#"{{"templates": {{"b": {}, "a": {}}}}}"#,
            a.replace("\"templateId\": \"b\",", ""),
            b.replace("\"templateId\": \"a\",", "")
        ),
        format!("\u{feff}[{a}, {b}]"),
    ] {
        let listing = listed("instprov_templates.json", &text).unwrap();
        assert_eq!((ids(&listing), listing.refused.len()), (vec!["b", "a"], 0), "{text}");
    }
}

#[test]
fn the_file_is_found_under_any_of_its_names() {
    let text = format!("[{}]", template("t", ""));
    for name in [
        "instprov_templates.json",
        "awsprov_templates.json",
        "otherprov_templates.json",
        "inst_templates.json",
        &format!("{}_templates.json", ProviderKind::Aws),
        "templates.json",
    ] {
        assert!(listed(name, &text).is_ok(), "{name}");
    }
    let error = listed("other.json", &text).unwrap_err().to_string();
    assert!(error.contains("instprov_templates.json"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "templates.json", text.as_bytes());
    put(folder.path(), "awsprov_templates.json", b"[]");
    put(folder.path(), "xprov_templates.json", b"[]");
    put(folder.path(), "instprov_templates.json", format!("[{}]", template("first", "")).as_bytes());
    assert_eq!(ids(&catalogue(folder.path()).list().unwrap()), ["first"]);
    let own = TemplateSettings { file: Some(folder.path().join("templates.json")), ..TemplateSettings::default() };
    assert_eq!(ids(&catalogue_with(folder.path(), own).list().unwrap()), ["t"]);
}

#[test]
fn one_bad_template_hides_no_good_one() {
    let text = format!(
        r#"{{"templates": [{}, 7, {{}}, {}, {}, {}, {}]}}"#,
        template("good", ""),
        template("bad", r#", "priceType": "cheap""#),
        template("good", r#", "priority": 9"#),
        template("off", r#", "isActive": "false""#),
        template("../x", "")
    );
    let listing = listed("instprov_templates.json", &text).unwrap();
    assert_eq!(ids(&listing), ["good"]);
    assert_eq!(listing.templates[0].priority(), None);
    let refused: Vec<_> = listing.refused.iter().map(|refused| refused.id.as_str()).collect();
    assert_eq!(refused, ["templates[1]", "templates[2]", "bad", "templates[6]"]);
}

#[test]
fn a_file_without_a_usable_template_is_an_error_and_never_an_empty_list() {
    for (text, word) in [
        ("", "line 1"),
        ("[", "line 1"),
        ("[]", "no template"),
        ("{\"templates\": []}", "no template"),
        ("{\"templates\": 5}", "a number"),
        ("{}", "no template"),
        ("7", "a number"),
        ("{\"templates\": [{\"templateId\": \"t\"}]}", "not one of 1 templates can be used; t: maxNumber"),
        (&format!("[{}]", template("t", r#", "isActive": false"#)), "switched off"),
        (&format!("[{}", "[".repeat(200_000)), "recursion"),
    ] {
        let error = listed("instprov_templates.json", text).unwrap_err().to_string();
        assert!(error.contains(word), "{}: {error}", &text[..text.len().min(60)]);
    }
}

#[test]
fn one_template_is_found_refused_or_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("[{}, {}]", template("small", ""), template("bad", r#", "providerApi": "MicroVM""#));
    put(folder.path(), "instprov_templates.json", text.as_bytes());
    let catalogue = catalogue(folder.path());
    let find = |id: &str| catalogue.find(&id.parse().unwrap());
    assert_eq!(find("small").unwrap().id().as_str(), "small");
    assert!(matches!(find("bad"), Err(CatalogueError::Refused { reason, .. }) if reason.contains("providerApi")));
    assert!(matches!(find("smal"), Err(CatalogueError::Unknown { advice, .. }) if advice == "did you mean small?"));
    // The file is read once in a process.
    std::fs::remove_file(folder.path().join("instprov_templates.json")).unwrap();
    assert!(find("small").is_ok());
}

#[test]
fn a_boot_script_is_a_file_or_text_and_is_read_when_one_template_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    put(root, "conf/boot.sh", b"#!/bin/sh\necho conf");
    put(root, "home/boot.sh", b"#!/bin/sh\necho home");
    put(root, "conf/large.sh", &vec![b'x'; 16 * 1024 + 1]);
    put(root, "conf/binary.sh", b"\xff\xfe");
    let settings = TemplateSettings {
        home: Some(root.join("home")),
        variables: [("SCRIPTS", root.join("home").to_str().unwrap())].into_iter().collect(),
        ..TemplateSettings::default()
    };
    let script = |key: &str, value: &str| {
        let more = format!(r#", "{key}": {}"#, serde_json::Value::from(value));
        put(root, "conf/instprov_templates.json", format!("[{}]", template("t", &more)).as_bytes());
        let catalogue = catalogue_with(&root.join("conf"), settings.clone());
        if let Ok(listing) = catalogue.list() {
            assert!(listing.templates[0].launch().user_data.is_none(), "a listing reads no script");
        }
        let found = catalogue.find(&"t".parse().unwrap()).map_err(|error| error.to_string())?;
        Ok::<_, String>(found.launch().user_data.as_ref().unwrap().text().unwrap().to_owned())
    };
    let absolute = root.join("conf/boot.sh").display().to_string();
    for (value, text) in [
        ("boot.sh", "#!/bin/sh\necho conf"),
        ("./boot.sh", "#!/bin/sh\necho conf"),
        (&absolute, "#!/bin/sh\necho conf"),
        ("~/boot.sh", "#!/bin/sh\necho home"),
        ("$SCRIPTS/boot.sh", "#!/bin/sh\necho home"),
        ("${SCRIPTS}/boot.sh", "#!/bin/sh\necho home"),
        ("#!/bin/sh\necho \"$(x)\" ]]> {{ }}", "#!/bin/sh\necho \"$(x)\" ]]> {{ }}"),
        ("#!/bin/true", "#!/bin/true"),
        ("<powershell>x</powershell>", "<powershell>x</powershell>"),
    ] {
        for key in ["userDataScript", "user_data", "userData"] {
            assert_eq!(script(key, value).as_deref(), Ok(text), "{key} {value}");
        }
    }
    for (value, word) in [
        ("missing.sh", "there is no file missing.sh"),
        ("/nowhere/x", "there is no file /nowhere/x"),
        ("~other/x.sh", "there is no file"),
        ("$UNSET/x", "there is no file"),
        ("boot.bat", "there is no file"),
        ("large.sh", "16385 bytes"),
        (".", "is not a file"),
        ("binary.sh", "UTF-8"),
        ("echo hello", "neither a file"),
        ("a=1;b=2", "LSF"),
        (&format!("#!/bin/sh\n{}", "canary".repeat(3000)), "18010 bytes"),
    ] {
        let reason = script("userDataScript", value).unwrap_err();
        assert!(reason.contains(word) && reason.contains("userDataScript"), "{value}: {reason}");
        assert!(!reason.contains("canarycanary"), "{reason}");
    }
}

#[test]
fn a_boot_script_shows_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let more = r##", "userDataScript": "#!/bin/sh\nexport PASSWORD=canary""##;
    let text = format!("[{}, {}]", template("t", more), template("bad", &format!("{more}, \"iops\": 1")));
    put(folder.path(), "instprov_templates.json", text.as_bytes());
    let catalogue = catalogue(folder.path());
    let template = catalogue.find(&"t".parse().unwrap()).unwrap();
    let error = catalogue.find(&"bad".parse().unwrap()).unwrap_err();
    let shown =
        format!("{template:?} {error} {error:?} {:?} {}", catalogue.list(), serde_json::to_string(&template).unwrap());
    assert!(!shown.contains("canary"), "{shown}");
    assert!(template.launch().user_data.as_ref().unwrap().text().unwrap().contains("canary"));
}

shaku::module! {
    Parts { components = [#[lazy] FileCatalogue, #[lazy] KnownInstanceTypes], providers = [] }
}

#[test]
fn the_component_is_built_from_the_settings_in_force() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "templates.json", format!("[{}]", template("t", "")).as_bytes());
    let path = folder.path().to_str().unwrap();
    let environment = [("HOSTFACTORY_CONFIG_DIR", path), ("HOSTFACTORY_WORK_DIR", path)].into_iter().collect();
    let settings = crate::infrastructure::config::Settings::load(
        &crate::infrastructure::config::Overrides::default(),
        &environment,
    )
    .unwrap();
    let parts =
        Parts::builder().with_component_parameters::<FileCatalogue>(FileCatalogue::parameters(&settings)).build();
    let catalogue: &dyn TemplateCatalogue = shaku::HasComponent::resolve_ref(&parts);
    assert_eq!(ids(&catalogue.list().unwrap()), ["t"]);
}

#[test]
fn a_file_of_thousands_of_templates_is_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let all: Vec<String> = (0..5000).map(|number| template(&format!("t{number}"), "")).collect();
    put(folder.path(), "templates.json", format!("[{}]", all.join(",")).as_bytes());
    assert_eq!(catalogue(folder.path()).list().unwrap().templates.len(), 5000);
}

/// The attributes of a template whose members these are, or why it is refused.
fn attributes(kind: ProviderKind, work: &Path, members: &str) -> Result<String, String> {
    let text =
        format!(r#"[{{"templateId": "t", "maxNumber": 1, "imageId": "ami-1", "subnetId": "subnet-1", {members}}}]"#);
    put(work, "templates.json", text.as_bytes());
    let types = Arc::new(KnownInstanceTypes::new(work));
    let catalogue = FileCatalogue::new(work.to_owned(), "inst".to_owned(), kind, TemplateSettings::default(), types);
    let template = catalogue.find(&"t".parse().unwrap()).map_err(|error| error.to_string())?;
    Ok(template.attributes().iter().map(|(name, one)| format!("{name}={}", one.1)).collect::<Vec<_>>().join(" "))
}

#[test]
fn attributes_that_are_left_out_come_from_the_instance_types() {
    let work = tempfile::tempdir().unwrap();
    for (members, wanted) in [
        (r#""vmType": "m6i.4xlarge""#, "type=X86_64 ncpus=8 nram=65536 ncores=1"),
        (r#""vmType": "m6i.4xlarge", "threadsPerCore": 1"#, "type=X86_64 ncpus=8 nram=65536 ncores=1"),
        (r#""vmType": "m6i.4xlarge", "coreCount": 6"#, "type=X86_64 ncpus=6 nram=65536 ncores=1"),
        (r#""vmType": "c7a.xlarge", "attributes": {}"#, "type=X86_64 ncpus=4 nram=8192 ncores=1"),
        (
            r#""vmTypes": {"m6i.xlarge": 1, "c6i.2xlarge": 1, "r6i.large": 1}"#,
            "type=X86_64 ncpus=1 nram=16384 ncores=1",
        ),
        (r#""vmType": "t2.micro", "attributes": {"rank": 3}"#, "rank=3 type=X86_64 ncpus=1 nram=1024 ncores=1"),
        (
            r#""vmType": "m6i.4xlarge", "attributes": {"nram": 60000, "type": "NTX64"}"#,
            "nram=60000 type=NTX64 ncpus=8 ncores=1",
        ),
        (
            r#""vmType": "m6i.4xlarge", "attributes": {"mem": 7, "ncores": 4}"#,
            "mem=7 ncores=4 nram=7 type=X86_64 ncpus=2",
        ),
        (r#""vmType": "m6i.large", "launchTemplateId": "lt-1""#, "type=X86_64 ncpus=1 nram=8192 ncores=1"),
        (r#""vmType": "m6g.large", "attributes": {"type": "x"}"#, "type=x ncpus=2 nram=8192 ncores=1"),
        // Of the two fields the one counts that is launched from.
        (
            r#""vmType": "m6i.large", "vmTypes": {"m6i.xlarge": 1}, "priceType": "spot""#,
            "type=X86_64 ncpus=2 nram=16384 ncores=1",
        ),
        // What may stand in for spot hosts counts too.
        (
            r#""vmType": "m6i.2xlarge", "vmTypesOnDemand": {"m6i.large": 1}, "priceType": "heterogeneous", "providerApi": "EC2Fleet""#,
            "type=X86_64 ncpus=1 nram=8192 ncores=1",
        ),
    ] {
        for kind in [ProviderKind::Aws, ProviderKind::Simulated] {
            assert_eq!(attributes(kind, work.path(), members).as_deref(), Ok(wanted), "{members}");
        }
    }
}

#[test]
fn attributes_that_the_operator_wrote_need_no_known_type() {
    let work = tempfile::tempdir().unwrap();
    let written = r#""attributes": {"type": "X86_64", "ncpus": 3, "nram": 5}"#;
    for members in [r#""vmType": "x99.large""#, r#""launchTemplateId": "lt-1""#, r#""vmType": "m6i.4xlarge""#] {
        let wanted = "type=X86_64 ncpus=3 nram=5 ncores=1";
        let read = attributes(ProviderKind::Aws, work.path(), &format!("{members}, {written}"));
        assert_eq!(read.as_deref(), Ok(wanted), "{members}");
    }
}

#[test]
fn attributes_that_nobody_can_know_are_asked_for() {
    let work = tempfile::tempdir().unwrap();
    for (members, words) in [
        (r#""vmType": "x99.large""#, ["attributes.type", "nothing is known about the instance type x99.large"]),
        (
            r#""vmType": "x99.large, m6i.large", "attributes": {"type": "X"}"#,
            ["attributes.ncpus", "write type, ncpus and nram"],
        ),
        (r#""launchTemplateId": "lt-1""#, ["attributes.type", "is in the launch template"]),
        (
            r#""providerApi": "EC2Fleet", "abisInstanceRequirements": {"VCpuCount": {"Min": 2}, "MemoryMiB": {"Min": 1}}"#,
            ["attributes.type", "AWS chooses the instance types"],
        ),
        (r#""launchTemplateId": "lt-1", "attributes": {"type": "X", "ncpus": 1}"#, ["attributes.nram", "vmType"]),
        (r#""vmType": "m6g.large""#, ["attributes.type", "arm64"]),
        (
            r#""vmTypes": ["m6g.large", "m6i.large"]"#,
            ["attributes.type", "m6g.large is arm64 while m6i.large is x86_64"],
        ),
        (r#""vmType": "large""#, ["vmType", "not an instance type"]),
        (r#""attributes": {"type": "X"}"#, ["attributes.ncpus", "is missing"]),
    ] {
        let reason = attributes(ProviderKind::Aws, work.path(), members).unwrap_err();
        assert!(words.iter().all(|word| reason.contains(word)), "{members}: {reason}");
    }
}

#[test]
fn a_type_that_the_cloud_told_about_is_known() {
    let work = tempfile::tempdir().unwrap();
    let members = r#""vmType": "x99.large""#;
    assert!(attributes(ProviderKind::Aws, work.path(), members).is_err());
    let types = KnownInstanceTypes::new(work.path());
    let shape = types.shape("m6i.4xlarge").unwrap();
    types.keep(&[InstanceShape { name: "x99.large".to_owned(), ..shape }]).unwrap();
    let read = attributes(ProviderKind::Aws, work.path(), members);
    assert_eq!(read.as_deref(), Ok("type=X86_64 ncpus=8 nram=65536 ncores=1"));
}

#[test]
fn camel_case_wins_and_the_same_key_twice_does_not() {
    let (template, _) = read_all(&[("max_number", "1"), ("maxInstances", "2"), ("maxNumber", "3")]).unwrap();
    assert_eq!(template.max_number().number(), 3);
    let (template, _) = read_all(&[("maxNumber", ""), ("max_number", "1"), ("maxInstances", "2")]).unwrap();
    assert_eq!(template.max_number().number(), 2);
    let (template, _) = read_all(&[("maxNumber", "\"\""), ("max_number", "4"), ("unknownKey", "1")]).unwrap();
    assert_eq!(template.max_number().number(), 4);
    let reason = read_all(&[("keyName", "\"a\""), ("keyName", "\"b\"")]).unwrap_err();
    assert!(reason.contains("keyName") && reason.contains("twice"), "{reason}");
}
