//! What setting a key promises: a whole file or the former one, and nothing lost on the way.

use super::*;
use crate::infrastructure::config::FolderOptions;
use crate::infrastructure::files;

fn overrides(folder: &Path) -> Overrides {
    let path = |name: &str| Some(folder.join(name));
    let folders = FolderOptions { config: path("conf"), work: path("work"), log: path("log") };
    Overrides { folders, settings: Vec::new() }
}

fn folder(config: Option<&str>) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    for name in ["conf", "work", "log"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    let path = folder.path().join("conf/config.json");
    if let Some(text) = config {
        files::replace_shared(&path, text.as_bytes(), None).unwrap();
    }
    (folder, path)
}

fn change(folder: &Path, key: &str, value: &str) -> Result<Edited, ConfigurationError> {
    set(&overrides(folder), &Environment::default(), key, value)
}

#[test]
fn a_key_is_set_where_it_stands_and_everything_else_stays_in_its_order() {
    let (folder, path) =
        folder(Some(r#"{"zeta": 1, "storage": {"strategy": "json", "lockTimeoutMs": 5}, "_note": "ours"}"#));
    let edited = change(folder.path(), "storage.strategy", "sqlite").unwrap();
    assert_eq!((edited.before, edited.after), (Some("json".into()), Some("sqlite".into())));
    let text = std::fs::read_to_string(&path).unwrap();
    let expected = "{\n  \"zeta\": 1,\n  \"storage\": {\n    \"strategy\": \"sqlite\",\n    \"lockTimeoutMs\": 5\n  },\n  \"_note\": \"ours\"\n}\n";
    assert_eq!(text, expected);
    let former = std::fs::read_to_string(edited.former.unwrap()).unwrap();
    assert!(former.starts_with(r#"{"zeta": 1, "storage""#), "{former}");
}

#[test]
fn sections_are_made_numbers_are_numbers_and_an_empty_value_takes_the_key_away() {
    let (folder, path) = folder(None);
    assert_eq!(change(folder.path(), "provider.aws.createRetries", "3").unwrap().former, None);
    change(folder.path(), "provider.aws.tags", r#"{"a": "b"}"#).unwrap();
    change(folder.path(), "hostFactory.strictOwner", "yes").unwrap();
    let read = || serde_json::from_str::<Value>(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let expected = serde_json::json!({
        "provider": {"aws": {"createRetries": 3, "tags": {"a": "b"}}}, "hostFactory": {"strictOwner": true},
    });
    assert_eq!(read(), expected);
    let edited = change(folder.path(), "provider.aws.createRetries", "").unwrap();
    assert_eq!((edited.before, edited.after), (Some(3.into()), Some(2.into())), "the default is in force again");
    assert_eq!(read()["provider"]["aws"], serde_json::json!({"tags": {"a": "b"}}));
}

#[test]
fn what_cannot_be_used_is_refused_and_the_file_stays_as_it_is() {
    let text = r#"{"storage": "nonsense"}"#;
    for (config, key, value, wanted) in [
        ("{}", "storage.stratgy", "json", "did you mean storage.strategy?"),
        ("{}", "storage.strategy", "paper", "json or sqlite"),
        ("{}", "storage", "json", "is a section; its keys are storage.strategy, "),
        ("{}", "provider.aws.proxy.host", "proxy.example", "a proxy host needs its port"),
        (text, "storage.strategy", "json", "is not an object"),
        ("{", "storage.strategy", "json", "cannot be read"),
    ] {
        let (folder, path) = folder(Some(config));
        let error = change(folder.path(), key, value).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), config);
        assert_eq!(std::fs::read_dir(folder.path().join("conf")).unwrap().count(), 1, "nothing is left beside it");
    }
}

#[test]
fn a_variable_that_goes_before_the_file_is_told() {
    let (folder, _) = folder(Some("{}"));
    let environment = Environment::from_iter([("HOSTFACTORY_STORAGE_STRATEGY", "json")]);
    let edited = set(&overrides(folder.path()), &environment, "storage.strategy", "sqlite").unwrap();
    assert_eq!(
        (edited.after, edited.origin.unwrap().as_str()),
        (Some("json".into()), "variable HOSTFACTORY_STORAGE_STRATEGY")
    );
}

#[cfg(unix)]
#[test]
fn rights_stay_and_a_link_stays_a_link() {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let (folder, path) = folder(Some("{}"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let link = folder.path().join("work/config.json");
    symlink(&path, &link).unwrap();
    let other = Overrides {
        folders: FolderOptions { config: Some(folder.path().join("work")), ..overrides(folder.path()).folders },
        settings: Vec::new(),
    };
    set(&other, &Environment::default(), "storage.strategy", "sqlite").unwrap();
    assert!(link.is_symlink());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    assert!(std::fs::read_to_string(&path).unwrap().contains("sqlite"));
}
