//! What changing the template file promises: a whole file or the former one, and every other byte as it was.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{FileEditor, TemplateSettings};
use crate::application::ApplicationError;
use crate::application::ports::{EditedTemplates, TemplateChange, TemplateEdit, TemplateEditor};
use crate::domain::template::ProviderKind;
use crate::infrastructure::files;
use crate::infrastructure::instance_types::KnownInstanceTypes;

const IBM: &str = r#"{
    "_comment": "ours",
    "templates": [
        {
            "templateId": "A", "maxNumber" : 10,
            "attributes": {
                "type": ["String", "X86_64"],
                "ncpus": ["Numeric", "1"],
                "nram": ["Numeric", "4096"]
            },
            "_note": "{ do not touch: \"templateId\": \"B\" }",
            "vm_type": "m6i.large",
            "imageId": "ami-0123456789abcdef0", "subnetId": "subnet-0123456789abcdef0",
            "LsfOnly" : {"x":[1,  2]}
        },
        {"templateId": "Bad", "maxNumber": "many"}
    ]
}
"#;

struct Place {
    folder: tempfile::TempDir,
    path: PathBuf,
}

impl Place {
    fn new(text: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["conf", "work"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let path = folder.path().join("conf/gridprov_templates.json");
        if let Some(text) = text {
            files::replace_shared(&path, text.as_bytes(), None).unwrap();
        }
        Self { folder, path }
    }

    fn editor(&self) -> FileEditor {
        FileEditor::over(
            self.folder.path(),
            "grid",
            ProviderKind::Aws,
            TemplateSettings::default(),
            Arc::new(KnownInstanceTypes::new("")),
            Duration::from_secs(10),
        )
    }

    async fn edit(&self, edit: TemplateEdit) -> Result<EditedTemplates, ApplicationError> {
        self.editor().edit(&edit, true).await
    }

    async fn refusal(&self, edit: TemplateEdit) -> String {
        let before = std::fs::read(&self.path).ok();
        let error = self.edit(edit).await.unwrap_err().to_string();
        assert_eq!(std::fs::read(&self.path).ok(), before, "nothing is written: {error}");
        error
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.path).unwrap()
    }
}

fn change(set: &[(&str, &str)], unset: &[&str], merge: Option<&str>) -> TemplateChange {
    TemplateChange {
        merge: merge.map(|text| text.to_owned().into()),
        set: set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned().into())).collect(),
        unset: unset.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn of(id: &str, change: TemplateChange) -> TemplateEdit {
    TemplateEdit::Change(id.parse().unwrap(), change)
}

fn add(text: &str) -> TemplateEdit {
    TemplateEdit::Add(text.to_owned().into())
}

#[tokio::test]
async fn a_field_is_changed_where_it_stands_under_the_operators_own_name() {
    for (changes, before, after) in [
        (change(&[("maxNumber", "20")], &[], None), "\"maxNumber\" : 10", "\"maxNumber\" : 20"),
        (change(&[("vmType", "m6i.xlarge")], &[], None), "\"m6i.large\"", "\"m6i.xlarge\""),
        (change(&[("attributes.nram", "8192")], &[], None), "[\"Numeric\", \"4096\"]", "[\"Numeric\", \"8192\"]"),
        (change(&[("attributes.ncpus", "[\"Numeric\",\"2\"]")], &[], None), "\"1\"]", "\"2\"]"),
        (change(&[("LsfOnly.x.0", "7")], &[], None), "{\"x\":[1,  2]}", "{\"x\":[7,  2]}"),
        (
            change(&[("attributes.rank", "5")], &[], None),
            "\"4096\"]\n",
            "\"4096\"],\n                \"rank\": [\"Numeric\", \"5\"]\n",
        ),
        (
            change(
                &[],
                &["vmType", "imageId"],
                Some(r#"{"vmTypes": {"m6i.large": 1}, "imageId": "ami-0fedcba9876543210"}"#),
            ),
            "            \"vm_type\": \"m6i.large\",\n            \"imageId\": \"ami-0123456789abcdef0\", \"subnetId\"",
            "",
        ),
    ] {
        let place = Place::new(Some(IBM));
        let result = place.edit(of("A", changes)).await;
        if after.is_empty() {
            // Without an image AWS launches nothing: the reader says so, and nothing is written.
            assert!(result.unwrap_err().to_string().contains("template A is not written: imageId"));
            assert_eq!(place.text(), IBM);
            continue;
        }
        let edited = result.unwrap();
        assert_eq!(place.text(), IBM.replacen(before, after, 1));
        assert_eq!(std::fs::read_to_string(edited.former.unwrap()).unwrap(), IBM);
        assert!(edited.edited[0].before != edited.edited[0].after || before.contains("LsfOnly") || after.contains('7'));
    }
}

#[tokio::test]
async fn a_merge_document_replaces_merges_and_takes_away() {
    let place = Place::new(Some(IBM));
    let merge = r#"{"vm_type": null, "vmTypes": {"m6i.large": 1, "m7i.large": null}, "attributes": {"nram": null, "rank": ["Numeric", "1"]},
        "_note": "new", "LsfOnly": null}"#;
    place.edit(of("A", change(&[], &[], Some(merge)))).await.unwrap();
    let expected = IBM
        .replace("            \"vm_type\": \"m6i.large\",\n", "")
        .replace(
            "\"1\"],\n                \"nram\": [\"Numeric\", \"4096\"]",
            "\"1\"],\n                \"rank\": [\"Numeric\", \"1\"]",
        )
        .replace("\"{ do not touch: \\\"templateId\\\": \\\"B\\\" }\"", "\"new\"")
        .replace(
            ",\n            \"LsfOnly\" : {\"x\":[1,  2]}",
            ",\n            \"vmTypes\" : {\n                \"m6i.large\": 1\n            }",
        );
    assert_eq!(place.text(), expected);
    place.edit(of("A", change(&[("vmTypes.m7i.large", "2")], &["vmTypes.m6i.large"], None))).await.unwrap();
    assert!(
        place.text().contains("\"vmTypes\" : {\n                \"m7i.large\": 2\n            }"),
        "{}",
        place.text()
    );
}

#[tokio::test]
async fn templates_are_added_behind_the_others_and_taken_out_again() {
    let new = r#"{"templateId": "C", "maxNumber": 1, "vmType": "m6i.large", "imageId": "ami-0123456789abcdef0",
        "subnetId": ["subnet-0123456789abcdef0"], "vmTyp": 1}"#;
    for (text, end) in [
        (IBM, "\"many\"},\n        {\n            \"templateId\": \"C\",\n            \"maxNumber\": 1,"),
        ("{\"templates\": []}", "{\"templates\": [{\"templateId\": \"C\", \"maxNumber\": 1,"),
        ("{\"_c\": 1}", "{\"_c\": 1, \"templates\": [{\"templateId\": \"C\","),
        ("{}", "{\"templates\": [{\"templateId\": \"C\","),
        ("[]", "[{\"templateId\": \"C\","),
        (r#"{"D": {"maxNumber": 1}}"#, r#"{"D": {"maxNumber": 1}, "C": {"templateId": "C","#),
    ] {
        let place = Place::new(Some(text));
        let edited = place.edit(add(new)).await.unwrap();
        assert!(place.text().contains(end), "{}", place.text());
        assert!(edited.edited[0].before.is_none() && edited.edited[0].after.is_some());
        assert_eq!(edited.edited[0].notes, ["vmTyp is not a field of templates; did you mean vmType?"]);
        if text == IBM {
            let removed = place.edit(TemplateEdit::Remove("C".parse().unwrap())).await.unwrap();
            assert_eq!((place.text().as_str(), removed.edited[0].after.is_none()), (IBM, true));
        }
    }
    let place = Place::new(None);
    place.edit(add(&format!("[{new}, {}]", new.replace("\"C\"", "\"D\"")))).await.unwrap();
    assert!(place.text().starts_with("{\n  \"templates\": [\n    {\n      \"templateId\": \"C\","), "{}", place.text());
}

#[tokio::test]
async fn what_cannot_be_is_refused_in_words_and_nothing_is_written() {
    let place = Place::new(Some(IBM));
    for (edit, wanted) in [
        (add("{"), "what was given"),
        (add("{}"), "holds no template"),
        (add("[1]"), "takes an object"),
        (add(r#"{"templateId": "A", "maxNumber": 1}"#), "hostfactory templates update A changes it"),
        (add(r#"{"templateId": "Bad", "maxNumber": 1}"#), "there is one with this id"),
        (add(r#"[{"templateId": "E", "maxNumber": 1}, {"templateId": "E", "maxNumber": 1}]"#), "twice"),
        (add(r#"{"templateId": "E"}"#), "template E is not written: maxNumber: is missing"),
        (add(r#"{"templateId": "../E", "maxNumber": 1}"#), "templateId"),
        (add(r#"[{"maxNumber": 1}]"#), "templateId: is missing"),
        (of("a", change(&[("maxNumber", "1")], &[], None)), "did you mean A?"),
        (of("A", change(&[("maxNumbr", "1")], &[], None)), "did you mean maxNumber?"),
        (of("A", change(&[], &["imageIdd"], None)), "did you mean imageId?"),
        (of("A", change(&[], &[], Some(r#"{"subnetIdd": 1}"#))), "did you mean subnet"),
        (of("A", change(&[], &[], Some("[]"))), "takes an object"),
        (of("A", change(&[], &[], Some("{"))), "line 1"),
        (of("A", change(&[("maxNumber", "many")], &[], None)), "template A is not written: maxNumber"),
        (of("A", change(&[("maxNumber", " ")], &[], None)), "--unset maxNumber"),
        (of("A", change(&[("maxNumber.x", "1")], &[], None)), "is no object"),
        (of("A", change(&[("attributes..x", "1")], &[], None)), "empty part"),
        (of("A", change(&[("subnetId", "[\"a\"")], &[], None)), "line 1"),
        (of("A", change(&[("LsfOnly.x.9", "1")], &[], None)), "counted from 0"),
        (of("A", change(&[("templateId", "B")], &[], None)), "keeps its id"),
        (of("A", change(&[], &["template_id"], None)), "keeps its id"),
        (of("A", change(&[], &[], Some(r#"{"templateId": null}"#))), "keeps its id"),
        (TemplateEdit::Remove("B".parse().unwrap()), "does not exist: B"),
    ] {
        let refusal = place.refusal(edit).await;
        assert!(refusal.contains(wanted), "{refusal}");
    }
    let left = std::fs::read_dir(place.folder.path().join("conf")).unwrap().count();
    assert_eq!(left, 1, "nothing is left beside the file");
    let one = Place::new(Some(r#"{"templates": [{"templateId": "A", "maxNumber": 1}]}"#));
    assert!(one.refusal(TemplateEdit::Remove("A".parse().unwrap())).await.contains("isActive=false"));
    let broken = Place::new(Some("{\"templates\": ["));
    assert!(broken.refusal(of("A", change(&[("maxNumber", "1")], &[], None))).await.contains("line 1"));
    assert!(Place::new(None).refusal(TemplateEdit::Remove("A".parse().unwrap())).await.contains("no template file"));
}

#[tokio::test]
async fn a_template_that_was_refused_can_be_mended_and_a_second_of_its_id_goes_with_it() {
    let place = Place::new(Some(IBM));
    let mend = r#"{"maxNumber": 3, "vmType": "m6i.large", "imageId": "ami-0123456789abcdef0", "subnetId": "subnet-0123456789abcdef0"}"#;
    place.edit(of("Bad", change(&[], &[], Some(mend)))).await.unwrap();
    assert!(place.text().contains("{\"templateId\": \"Bad\", \"maxNumber\": 3, \"vmType\": \"m6i.large\""));
    let twice = Place::new(Some(&IBM.replace("\"Bad\"", "\"A\"")));
    let error = twice.edit(TemplateEdit::Remove("A".parse().unwrap())).await.unwrap_err().to_string();
    assert!(error.contains("the last one"), "{error}");
}

#[tokio::test]
async fn what_would_be_is_told_without_boot_scripts_and_without_a_change() {
    let text = IBM.replace("\"_note\"", "\"userData\": \"#!/bin/sh secret\",\n            \"_note\"");
    let place = Place::new(Some(&text));
    let told =
        place.editor().edit(&of("A", change(&[("userData", "#!/bin/sh other")], &[], None)), false).await.unwrap();
    assert_eq!((place.text(), told.former), (text, None));
    let lines = told.difference.join("\n");
    assert!(lines.contains("-            \"userData\": (a boot script") && lines.contains('+'), "{lines}");
    assert!(!lines.contains("secret") && !lines.contains("other"), "{lines}");
    assert!(!format!("{:?}", add("secret")).contains("secret"));
    let same = place.edit(of("A", change(&[("maxNumber", "10")], &[], None))).await.unwrap();
    assert!(same.difference.is_empty() && same.former.is_none() && same.edited[0].before == same.edited[0].after);
}

#[tokio::test]
async fn a_file_that_cannot_be_replaced_stays_and_the_reason_is_told_to_its_root() {
    let place = Place::new(Some(IBM));
    std::fs::create_dir_all(place.path.with_file_name("gridprov_templates.json.former").join("in the way")).unwrap();
    let refusal = place.refusal(of("A", change(&[("maxNumber", "20")], &[], None))).await;
    assert!(refusal.contains("cannot be written: making ") && refusal.contains("directory"), "{refusal}");
}

#[tokio::test]
async fn editors_at_the_same_time_lose_nothing() {
    let place = Place::new(Some(IBM));
    let template = |number: u32| {
        format!(
            r#"{{"templateId": "T{number}", "maxNumber": 1, "vmType": "m6i.large", "imageId": "ami-0123456789abcdef0",
            "subnetId": "subnet-0123456789abcdef0"}}"#
        )
    };
    let tasks: Vec<_> = (0..12)
        .map(|number| {
            let (editor, edit) = (place.editor(), add(&template(number)));
            tokio::spawn(async move { editor.edit(&edit, true).await.map(|_| ()) })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    for number in 0..12 {
        assert_eq!(place.text().matches(&format!("\"T{number}\"")).count(), 1, "{number}");
    }
}
