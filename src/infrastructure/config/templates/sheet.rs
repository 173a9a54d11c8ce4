//! The text of the template file, template by template, so that one can be added, changed or taken out and the others stay as
//! the operator wrote them.

use std::path::Path;

use super::file::{self, LARGEST};
use super::record::Record;
use crate::application::CatalogueError;
use crate::domain::TemplateId;
use crate::infrastructure::config::document::{self, Node};
use crate::infrastructure::config::outline::{Inside, Outline, outline};

/// What a template file begins with.
const NEW: &str = "{\n  \"templates\": []\n}\n";

/// The text of a template file.
pub(super) struct Sheet<'p> {
    text: String,
    path: &'p Path,
}

/// Where the templates of a file stand.
struct Shelf {
    /// The list or object that holds them; `None` when there is none yet.
    container: Option<Outline>,
    /// Whether it is an object keyed by id.
    is_keyed: bool,
    /// The place of each template in it, and its id where it has one that can be used.
    slots: Vec<(usize, Option<TemplateId>)>,
}

impl<'p> Sheet<'p> {
    /// Returns the sheet of this text, which was read from `path`; of a new file when there is none.
    ///
    /// # Errors
    /// [`CatalogueError::Unreadable`] when it is not JSON.
    pub(super) fn new(text: Option<&str>, path: &'p Path) -> Result<Self, CatalogueError> {
        let text = text.unwrap_or(NEW);
        document::parse(text, path, false).map_err(|error| file::unreadable(&error))?;
        Ok(Self { text: text.to_owned(), path })
    }

    /// Returns the whole text.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Puts the whole text in place of the former one.
    pub(super) fn put(&mut self, text: String) {
        self.text = text;
    }

    fn shelf(&self) -> Result<Shelf, CatalogueError> {
        let unreadable = |what: String, advice: &str| CatalogueError::Unreadable { what, advice: advice.to_owned() };
        let shown = self.path.display();
        let whole = outline(&self.text).ok_or_else(|| unreadable(format!("{shown} is not JSON"), "correct it"))?;
        let named = |container: &Outline| {
            let is_template =
                |name: &str, value: &Outline| !name.starts_with('_') && matches!(value.inside, Inside::Members(_));
            let members = container.members().iter().enumerate();
            let templates = members.filter(|(_, member)| is_template(&member.name, &member.value));
            templates.map(|(at, member)| (at, self.id_of(&member.value, Some(&member.name)))).collect::<Vec<_>>()
        };
        let container = match &whole.inside {
            Inside::Items(_) => Some(whole),
            Inside::Members(members) => match members.iter().find(|member| member.name == "templates") {
                Some(member) => Some(member.value.clone()),
                None if named(&whole).is_empty() => None,
                None => Some(whole),
            },
            Inside::Plain => None,
        };
        let Some(container) = container else {
            return Ok(Shelf { container: None, is_keyed: false, slots: Vec::new() });
        };
        let (is_keyed, slots) = match &container.inside {
            Inside::Items(items) => {
                (false, items.iter().enumerate().map(|(at, item)| (at, self.id_of(item, None))).collect())
            }
            Inside::Members(_) => (true, named(&container)),
            Inside::Plain => return Err(unreadable(format!("templates in {shown} is no list"), "correct it by hand")),
        };
        Ok(Shelf { container: Some(container), is_keyed, slots })
    }

    fn id_of(&self, template: &Outline, named: Option<&str>) -> Option<TemplateId> {
        let node = document::parse(self.text.get(template.span.clone())?, self.path, false).ok()?;
        let Node::Object(members) = &node else { return None };
        file::id_of(&Record::of(members), named).ok()
    }

    /// Returns the ids of all templates, good or not, in their order.
    ///
    /// # Errors
    /// [`CatalogueError::Unreadable`] when it is not a template file.
    pub(super) fn ids(&self) -> Result<Vec<TemplateId>, CatalogueError> {
        Ok(self.shelf()?.slots.into_iter().filter_map(|(_, id)| id).collect())
    }

    /// Returns where a template stands: the first of this id, which counts.
    ///
    /// # Errors
    /// As [`Self::ids`].
    pub(super) fn find(&self, id: &TemplateId) -> Result<Option<Outline>, CatalogueError> {
        let Shelf { container, slots, .. } = self.shelf()?;
        let at = slots.iter().find(|(_, found)| found.as_ref() == Some(id)).map(|(at, _)| *at);
        let (Some(at), Some(container)) = (at, container) else { return Ok(None) };
        Ok(match &container.inside {
            Inside::Items(items) => items.get(at).cloned(),
            Inside::Members(members) => members.get(at).map(|member| member.value.clone()),
            Inside::Plain => None,
        })
    }

    /// Returns a template as it is written.
    pub(super) fn template(&self, id: &TemplateId) -> Option<&str> {
        let found = self.find(id).ok().flatten()?;
        self.text.get(found.span)
    }

    /// Adds a template behind the others.
    ///
    /// # Errors
    /// As [`Self::ids`].
    pub(super) fn add(&mut self, id: &TemplateId, template: &Node<'_>) -> Result<(), CatalogueError> {
        let Shelf { container, is_keyed, .. } = self.shelf()?;
        self.text = match (container, outline(&self.text)) {
            (Some(container), _) => container.appended(&self.text, is_keyed.then_some(id.as_str()), template),
            (None, Some(whole)) if matches!(whole.inside, Inside::Members(_)) => {
                whole.appended(&self.text, Some("templates"), &Node::List(vec![template.clone()]))
            }
            (None, _) => {
                return Err(CatalogueError::Unreadable {
                    what: format!("{} holds no list of templates", self.path.display()),
                    advice: "it takes an object with the key templates".to_owned(),
                });
            }
        };
        Ok(())
    }

    /// Takes every template of this id out; returns whether there was one.
    ///
    /// # Errors
    /// As [`Self::ids`].
    pub(super) fn remove(&mut self, id: &TemplateId) -> Result<bool, CatalogueError> {
        let Shelf { container, slots, .. } = self.shelf()?;
        let Some(container) = container else { return Ok(false) };
        let places: Vec<usize> =
            slots.iter().filter(|(_, found)| found.as_ref() == Some(id)).map(|(at, _)| *at).collect();
        let mut container = container;
        for at in places.iter().rev() {
            self.text = container.without(&self.text, *at);
            match self.shelf()?.container {
                Some(next) => container = next,
                None => break,
            }
        }
        Ok(!places.is_empty())
    }
}

/// Returns the templates in a document that adds some: one template, a list of them, or a template file.
///
/// # Errors
/// [`CatalogueError::Unreadable`] when it is none of these; no content of it shows.
pub(super) fn templates_in(text: &str) -> Result<Vec<(Option<String>, Node<'_>)>, CatalogueError> {
    let place = Path::new("what was given");
    if text.len() as u64 > LARGEST {
        return Err(CatalogueError::Unreadable {
            what: format!("what was given is longer than {LARGEST} bytes"),
            advice: "check that it is the right file".to_owned(),
        });
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let node = document::parse(text, place, true).map_err(|error| {
        let CatalogueError::Unreadable { what, .. } = file::unreadable(&error) else { return file::unreadable(&error) };
        CatalogueError::Unreadable {
            what,
            advice: "it takes a template, a list of templates, or a template file".into(),
        }
    })?;
    if let Node::Object(members) = &node
        && Record::of(members).has(super::fields::Field::TemplateId)
    {
        return Ok(vec![(None, node)]);
    }
    let found = file::templates_of(&node, place)?;
    Ok(found.into_iter().map(|(named, template)| (named.map(str::to_owned), template.clone())).collect())
}
