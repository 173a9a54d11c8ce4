use super::*;
use crate::application::ports::Notebook;
use crate::providers::aws::fake::{FakeAws, Reply};
use crate::providers::aws::parameters::SCHEMA;

/// The fake's clock begins at noon of the last day of January 2026.
fn listed_templates(templates: &[(&str, &str)]) -> Reply {
    let items: Vec<String> = templates
        .iter()
        .map(|(name, made)| {
            format!(
                "<item><launchTemplateId>lt-1</launchTemplateId><launchTemplateName>{name}</launchTemplateName>\
                 <createTime>2026-01-{made}:00Z</createTime></item>"
            )
        })
        .collect();
    Reply::ok(format!(
        "<DescribeLaunchTemplatesResponse><launchTemplates>{}</launchTemplates></DescribeLaunchTemplatesResponse>",
        items.concat()
    ))
}

async fn swept(of_requests: Option<ProviderApi>, in_use: &[&str]) -> Vec<String> {
    let fake = FakeAws::new(|seen| match seen.action() {
        "DescribeLaunchTemplates" => listed_templates(&[
            ("hostfactory-grid-1-old", "30T11:59"),
            ("hostfactory-grid-1-young", "30T12:01"),
            ("hostfactory-grid-1-noted", "01T00:00"),
            ("hostfactory-grid-1-gone-r", "01T00:00"),
            ("hostfactory-grid-1-used-r", "01T00:00"),
            ("the-operators-own", "01T00:00"),
        ]),
        _ => Reply::ok("<DeleteLaunchTemplateResponse/>"),
    });
    fake.clock.freeze();
    let now = fake.clock.as_ref();
    let now = crate::application::ports::Clock::now(now);
    fake.notebook
        .edit(&mut |notes| {
            notes.launch_templates.insert("hostfactory-grid-1-noted".to_owned(), now);
        })
        .await;
    let in_use = in_use.iter().map(|name| (*name).to_owned()).collect();
    sweep(fake.clients().as_ref(), &"grid-1".parse().unwrap(), of_requests, &in_use).await.unwrap();
    let seen = fake.seen();
    assert_eq!(seen[0].get("Filter.1.Name"), Some("tag:hostfactory:owner"));
    assert_eq!(seen[0].get("Filter.2.Name").is_some(), of_requests.is_some());
    seen.iter().skip(1).filter_map(|call| call.get("LaunchTemplateName").map(str::to_owned)).collect()
}

#[tokio::test]
async fn templates_that_nothing_has_used_for_a_day_are_removed_and_no_others() {
    assert_eq!(swept(None, &[]).await, ["hostfactory-grid-1-old"]);
    let fleets = Some(ProviderApi::Ec2FleetMaintain);
    assert_eq!(swept(fleets, &["hostfactory-grid-1-used-r"]).await, ["hostfactory-grid-1-gone-r"]);
}

#[tokio::test]
async fn a_template_that_is_used_is_noted_anew_and_made_anew_under_another_token() {
    let fake =
        FakeAws::new(|_| Reply::ok("<CreateLaunchTemplateResponse><launchTemplate/></CreateLaunchTemplateResponse>"));
    fake.clock.freeze();
    let frozen = FrozenParameters { schema: SCHEMA, ..FrozenParameters::default() };
    let template = OwnTemplate::new(&frozen, &[], None, None, Tagging::Call);
    let source = fake.clients();
    let clients = source.clients().await.unwrap();
    let noted = || {
        let noted = fake.notebook.0.lock().unwrap().launch_templates[&template.name];
        crate::application::ports::Clock::now(fake.clock.as_ref()).since(noted)
    };
    template.ensure(clients, Policy::creates(source.settings())).await.unwrap();
    for (leap, since) in [(3_599, 3_599), (1, 0)] {
        fake.clock.leap(leap);
        template.ensure(clients, Policy::creates(source.settings())).await.unwrap();
        assert_eq!(noted(), Duration::from_secs(since));
    }
    assert_eq!(fake.actions(), ["CreateLaunchTemplate"]);
    template.forget(clients).await;
    template.ensure(clients, Policy::creates(source.settings())).await.unwrap();
    let tokens: Vec<_> = fake.seen().iter().map(|seen| seen.get("ClientToken").unwrap().to_owned()).collect();
    assert!(tokens.len() == 2 && tokens[0] != tokens[1], "AWS may remember the template that is gone: {tokens:?}");
}

#[test]
fn the_name_follows_from_the_content_and_from_nothing_else() {
    let frozen = |image: &str, request: &str| {
        let tags = [(tags::OWNER, "grid-1"), (tags::REQUEST, request)];
        FrozenParameters {
            schema: SCHEMA,
            image: Some(image.to_owned()),
            tags: tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            ..FrozenParameters::default()
        }
    };
    let name = |image, request, tagging| OwnTemplate::new(&frozen(image, request), &[], None, None, tagging).name;
    let shared = name("ami-1", "req-1", Tagging::Call);
    assert_eq!(shared, name("ami-1", "req-2", Tagging::Call), "requests share it");
    assert_ne!(shared, name("ami-2", "req-1", Tagging::Call));
    let own = name("ami-1", "req-1", Tagging::Template);
    assert!(own.ends_with("-r") && own != name("ami-1", "req-2", Tagging::Template));
    let of_groups = name("ami-1", "req-1", Tagging::Group);
    assert_eq!(of_groups, name("ami-1", "req-2", Tagging::Group), "requests for groups share it too");
    assert!(of_groups != shared && !of_groups.ends_with("-r"));
    let cpu = Cpu { cores: 2, threads_per_core: 1 };
    let with_cpu = OwnTemplate::new(&frozen("ami-1", "req-1"), &[], Some(&cpu), None, Tagging::Call);
    assert_ne!(shared, with_cpu.name);
    let priced = FrozenParameters { max_spot_price: Some("0.1".to_owned()), ..frozen("ami-1", "req-1") };
    assert_eq!(shared, OwnTemplate::new(&priced, &[], None, None, Tagging::Call).name, "the call bears the price");
    assert!(shared.len() <= 128);
}
