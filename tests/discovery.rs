//! A new installation that is made from what AWS tells, and a doctor that looks into AWS: the built program on the emulator.

use std::io::{Read, Write};
use std::process::{Command, Output, Stdio};

use hostfactory_emulator::{Emulator, Fault, IMAGES, KEY_PAIR, Market, SECURITY_GROUP, SUBNETS, VPC};
use serde_json::{Value, json};

use crate::support::{Answered, Sandbox};

/// An account, and a place for an installation in it.
struct Site {
    sandbox: Sandbox,
    emulator: Emulator,
}

impl Site {
    fn new() -> Self {
        Self { sandbox: Sandbox::new(), emulator: Emulator::start().unwrap() }
    }

    /// Returns the program with credentials, an endpoint and nothing else.
    fn command(&self, program: &str) -> Command {
        let mut command = self.sandbox.command(program);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("AWS_ENDPOINT_URL", self.emulator.endpoint());
        command.env("AWS_ACCESS_KEY_ID", "AKIDCANARY").env("AWS_SECRET_ACCESS_KEY", "a-canary-secret-key");
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    fn ran(&self, line: &str) -> Output {
        self.command(env!("CARGO_BIN_EXE_hostfactory")).args(line.split_whitespace()).output().unwrap()
    }

    fn told(&self, line: &str) -> Answered {
        Answered::of(&self.ran(line))
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.sandbox.path(name)).unwrap()).unwrap()
    }

    /// Has the doctor look, and returns the exit code and the findings.
    fn examined(&self) -> (i32, Vec<Value>) {
        let answer = self.told("doctor --config-dir new/conf --work-dir new/work");
        (answer.code, answer.document["checks"].as_array().unwrap().clone())
    }
}

fn of<'f>(findings: &'f [Value], name: &str) -> &'f Value {
    findings.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("{name} in {findings:#?}"))
}

const INIT: &str = "init new --region us-east-1 --discover --id Small --count 5";

#[test]
fn an_installation_is_made_of_what_aws_tells_and_its_scripts_answer() {
    let site = Site::new();
    let made = site.told(INIT);
    assert_eq!(made.code, 0, "{made:?}");
    assert!(made.stderr.contains("Account 123456789012") && made.stderr.contains(VPC), "{made:?}");
    let found = &made.document["discovered"];
    assert_eq!((&found["vpcs"][0]["id"], &found["keyPairs"]), (&json!(VPC), &json!([KEY_PAIR])), "{found}");
    assert_eq!(found["unread"], json!([]), "{found}");
    let template = &site.json("new/conf/newprov_templates.json")["templates"][0];
    assert_eq!((&template["subnetId"], &template["securityGroupIds"]), (&json!(SUBNETS), &json!([SECURITY_GROUP])));
    // Newer ones are known, and the emulator does not offer them.
    assert_eq!(template["vmType"], "m7i.large", "{template}");
    assert!(template["imageId"].as_str().unwrap().ends_with("al2023-ami-kernel-default-x86_64"), "{template}");
    let plugins = site.json("new/registration/hostProviderPlugins.json");
    let scripts = plugins["providerplugins"][0]["scriptPath"].as_str().unwrap();
    assert_eq!(site.json("new/registration/hostProviders.json")["providers"][0]["name"], "new");
    let offered = site
        .command(&format!("{scripts}getAvailableTemplates.sh"))
        .env("HOSTFACTORY_BIN", env!("CARGO_BIN_EXE_hostfactory"))
        .env("HF_PROVIDER_CONFDIR", site.sandbox.path("new/conf"))
        .env("HF_PROVIDER_WORKDIR", site.sandbox.path("new/work"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(Answered::of(&offered).document["templates"][0]["templateId"], "Small", "{offered:?}");
    assert!(site.emulator.truth().is_empty());
    let again = site.told(INIT);
    assert!(again.code == 1 && again.message().contains("is not replaced"), "{again:?}");
}

#[test]
fn what_may_not_be_listed_is_said_and_the_rest_is_taken() {
    let site = Site::new();
    site.emulator.unauthorized("DescribeVpcs", true);
    site.emulator.unauthorized("DescribeKeyPairs", true);
    let made = site.told(INIT);
    assert_eq!((made.code, made.document["discovered"]["unread"].as_array().unwrap().len()), (0, 2), "{made:?}");
    assert!(made.stderr.contains("DescribeKeyPairs failed"), "{made:?}");
    let template = &site.json("new/conf/newprov_templates.json")["templates"][0];
    assert_eq!(template["subnetId"], json!(SUBNETS), "the subnets tell of their network");
}

#[test]
fn where_aws_does_not_answer_nothing_is_made_unless_everything_is_told() {
    let site = Site::new();
    site.emulator.fault(Fault::drop_before().always());
    let failed = site.told(INIT);
    assert!(failed.code == 1 && failed.message().contains("AWS did not tell what there is"), "{failed:?}");
    assert!(failed.message().contains("--subnet") && !site.sandbox.path("new").exists(), "{failed:?}");
    let made = site.told(&format!("{INIT} --subnet {}", SUBNETS[0]));
    assert_eq!((made.code, &made.document["discovered"]), (0, &Value::Null), "{made:?}");
    assert_eq!(made.stderr.matches("AWS did not tell").count(), 1, "{made:?}");
}

#[test]
fn on_a_terminal_numbered_lists_are_shown_and_asked_about() {
    let site = Site::new();
    let line = format!("stty cols 80; '{}' init new --id Small", env!("CARGO_BIN_EXE_hostfactory"));
    // `script` gives the program a real terminal, where there is one.
    let Ok(mut child) =
        site.command("script").args(["-qec", &line, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()
    else {
        return;
    };
    // aws; the region; no profile; two subnets after an answer that makes no sense; the default group; the second image.
    let answers = "\nus-east-1\n\n7\n1,3\n\n2\n\n";
    let mut keyboard = child.stdin.take().unwrap();
    keyboard.write_all(answers.as_bytes()).unwrap();
    let mut shown = String::new();
    child.stdout.take().unwrap().read_to_string(&mut shown).unwrap();
    drop(keyboard);
    assert!(child.wait().unwrap().success(), "{shown}");
    let bare = shown.replace("\u{1b}[2m", "").replace("\u{1b}[0m", "").replace('\r', "");
    assert!(bare.contains("Who rents out the hosts, aws or simulated [aws]:"), "{bare}");
    assert!(bare.contains("7 is neither a number from 1 to 3"), "{bare}");
    let listed = |line: &str| SUBNETS.iter().chain(&IMAGES).any(|id| line.contains(id)) && !line.contains("prov");
    assert!(bare.lines().filter(|line| listed(line)).count() >= 5, "{bare}");
    assert!(bare.lines().filter(|line| listed(line)).all(|line| line.chars().count() <= 80), "{bare}");
    let template = &site.json("new/conf/newprov_templates.json")["templates"][0];
    assert_eq!(template["subnetId"], json!([SUBNETS[0], SUBNETS[2]]), "{bare}");
    assert_eq!((&template["imageId"], &template["keyName"]), (&json!(IMAGES[0]), &Value::Null), "{bare}");
}

#[test]
fn a_doctor_tries_what_templates_need_and_launches_and_ends_nothing() {
    let site = Site::new();
    assert_eq!(site.told(INIT).code, 0);
    let (code, findings) = site.examined();
    assert_eq!(code, 0, "{findings:#?}");
    for (name, wanted) in [
        ("credentials", "ok"),
        ("template Small: image", "ok"),
        ("template Small: subnets", "ok"),
        ("template Small: security groups", "ok"),
        ("template Small: instance types", "ok"),
        ("template Small: rights to launch", "ok"),
        ("ec2:DescribeInstances", "ok"),
        ("ssm:GetParameter", "ok"),
        // There is no host of ours that it could be tried on.
        ("ec2:TerminateInstances", "skipped"),
        ("quota: Standard on demand", "ok"),
        ("left-over resources", "ok"),
    ] {
        assert_eq!(of(&findings, name)["outcome"], wanted, "{name} in {findings:#?}");
    }
    let ordered = site.told("machines request Small --wait --interval 1s --config-dir new/conf --work-dir new/work");
    assert_eq!(ordered.code, 0, "{ordered:?}");
    let (code, findings) = site.examined();
    assert_eq!((code, &of(&findings, "ec2:TerminateInstances")["outcome"]), (0, &json!("ok")), "{findings:#?}");
    assert!(of(&findings, "quota: Standard on demand")["found"].as_str().unwrap().contains("2 of them ours"));
    assert_eq!((site.emulator.truth().live().len(), site.emulator.truth().ended_by_calls().len()), (1, 0));
}

#[test]
fn a_doctor_names_what_is_not_allowed_or_not_enough_and_how_to_mend_it() {
    let site = Site::new();
    assert_eq!(site.told(&format!("{INIT} --instance-profile grid-hosts")).code, 0);
    let words =
        "Value (grid-hosts) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name";
    let gone = Fault::code("InvalidParameterValue").status(400).message(words).on("RunInstances");
    site.emulator.fault(gone.parameter("IamInstanceProfile.Name", "grid-hosts").always());
    site.emulator.unauthorized("DescribeInstanceStatus", true);
    site.emulator.unauthorized("GetConsoleOutput", true);
    site.emulator.quota(Market::OnDemand, "standard", 4);
    let (code, findings) = site.examined();
    assert_eq!(code, 1, "{findings:#?}");
    for (name, wanted, mend) in [
        ("template Small: instance profile", "failed", "instanceProfile"),
        ("ec2:DescribeInstanceStatus", "failed", "IAM policy"),
        ("ec2:GetConsoleOutput", "warning", "ec2:GetConsoleOutput"),
        ("quota: Standard on demand", "warning", "maxNumber"),
    ] {
        let finding = of(&findings, name);
        assert_eq!(finding["outcome"], wanted, "{finding}");
        assert!(finding["mend"].as_str().unwrap().contains(mend), "{finding}");
    }
    site.emulator.unauthorized("GetServiceQuota", true);
    let (_, findings) = site.examined();
    assert_eq!(of(&findings, "quotas")["outcome"], "skipped", "{findings:#?}");
    let bad = |one: &&Value| one["outcome"] == "failed" || one["outcome"] == "warning";
    assert!(findings.iter().filter(bad).all(|one| one["mend"].is_string()), "{findings:#?}");
}
