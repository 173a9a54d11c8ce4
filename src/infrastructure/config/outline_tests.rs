//! What changing a text promises: the change, and every other byte as it was.

use std::path::Path;

use proptest::prelude::*;
use serde_json::Value;

use super::super::document;
use super::*;

fn at<'o>(whole: &'o Outline, path: &[&str]) -> &'o Outline {
    path.iter().fold(whole, |outline, step| match &outline.inside {
        Inside::Members(members) => &members.iter().find(|member| member.name == *step).unwrap().value,
        Inside::Items(items) => &items[step.parse::<usize>().unwrap()],
        Inside::Plain => panic!("{step} in a plain value"),
    })
}

fn node(text: &str) -> Node<'_> {
    document::parse(text, Path::new("f"), true).unwrap()
}

#[test]
fn an_object_in_lines_gets_another_line_and_one_in_a_line_stays_in_it() {
    let text = "{\n    \"a\" : {\"b\":1,\"c\":[1, 2]},\n    \"_note\" : \"{\\\"a\\\": 1}\"\n}\n";
    let whole = outline(text).unwrap();
    let more = whole.appended(text, Some("d"), &node(r#"{"x": [1, "y"], "z": {}}"#));
    assert_eq!(
        more,
        "{\n    \"a\" : {\"b\":1,\"c\":[1, 2]},\n    \"_note\" : \"{\\\"a\\\": 1}\",\n    \"d\" : {\n        \"x\": [1, \"y\"],\n        \"z\": {}\n    }\n}\n"
    );
    assert_eq!(
        at(&whole, &["a"]).appended(text, Some("d"), &node("[true]")),
        text.replace("[1, 2]}", "[1, 2],\"d\":[true]}")
    );
    assert_eq!(at(&whole, &["a", "c"]).appended(text, None, &node("3")), text.replace("[1, 2]", "[1, 2, 3]"));
    assert_eq!(at(&whole, &["a", "c", "0"]).replaced(text, &node("\"x\"")), text.replace("[1, 2]", "[\"x\", 2]"));
}

#[test]
fn what_is_empty_is_opened_as_the_file_is_laid_out() {
    let text = "{\r\n\t\"a\": {},\r\n\t\"b\": [ ]\r\n}";
    let whole = outline(text).unwrap();
    assert_eq!(
        at(&whole, &["a"]).appended(text, Some("x"), &node("1")),
        "{\r\n\t\"a\": {\r\n\t\t\"x\": 1\r\n\t},\r\n\t\"b\": [ ]\r\n}"
    );
    assert_eq!(outline("{}").unwrap().appended("{}", Some("x"), &node("[1]")), r#"{"x": [1]}"#);
}

#[test]
fn entries_go_with_one_comma_wherever_they_stand() {
    let text = "[\n  1,\n  2,\n  3\n]";
    let whole = outline(text).unwrap();
    assert_eq!(whole.without(text, 0), "[\n  2,\n  3\n]");
    assert_eq!(whole.without(text, 1), "[\n  1,\n  3\n]");
    assert_eq!(whole.without(text, 2), "[\n  1,\n  2\n]");
    assert_eq!(whole.without(text, 3), text);
    assert_eq!(outline("[ 1 ]").unwrap().without("[ 1 ]", 0), "[]");
}

#[test]
fn what_is_no_json_has_no_outline() {
    for text in ["", "{", "[1", "{\"a\" 1}", "{\"a\": }", "\"open", "{1: 2}", "[1 2]"] {
        assert_eq!(outline(text), None, "{text}");
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z\"\\\\{}\\[\\],: é\n]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z\"\\\\]{1,3}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_appended_replaced_and_taken_away_is_what_it_says(
        members in prop::collection::btree_map("[a-z\"\\\\]{1,3}", any_value(), 0..5),
        new in any_value(),
        pretty in any::<bool>(),
    ) {
        let whole = Value::Object(members.into_iter().collect());
        let text = if pretty { format!("{whole:#}") } else { whole.to_string() };
        let new_text = new.to_string();
        let found = outline(&text).unwrap();
        let mut expected = whole.clone();
        expected["new member"] = new.clone();
        let appended = found.appended(&text, Some("new member"), &node(&new_text));
        prop_assert_eq!(&serde_json::from_str::<Value>(&appended).unwrap(), &expected);
        for (at, member) in found.members().iter().enumerate() {
            let mut expected = whole.clone();
            expected[&member.name] = new.clone();
            let replaced = member.value.replaced(&text, &node(&new_text));
            prop_assert_eq!(&serde_json::from_str::<Value>(&replaced).unwrap(), &expected);
            expected.as_object_mut().unwrap().remove(&member.name);
            let taken = found.without(&text, at);
            prop_assert_eq!(&serde_json::from_str::<Value>(&taken).unwrap(), &expected);
        }
    }
}
