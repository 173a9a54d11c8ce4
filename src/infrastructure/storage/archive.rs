//! Everything as one document: written, and read back into a store.
//!
//! Invariant: an archive that does not fit its digest goes into no store.

use super::examine;
use super::mover::{FileMover, Movable, Source, counted, other_contents, read, verified};
use super::place::beside;
use super::{StoreState, installation};
use crate::application::ports::{Archive, Moved, Present};
use crate::application::{StorageError, progress};
use crate::domain::{InstallationId, Timestamp};
use crate::infrastructure::files;

impl FileMover {
    /// Returns everything that the store in force holds.
    pub(super) fn export_of<F: Movable>(
        &self,
        form: &F,
        installation_id: InstallationId,
        at: Timestamp,
    ) -> Result<Archive, StorageError> {
        let path = self.path::<F>()?;
        progress::tell(|| format!("reading the {} store", F::PLACE.strategy));
        let source = if files::check_private(&path)?.is_some() {
            read(form, &path)?
        } else {
            F::PLACE.check_never_was(&path)?;
            Source { state: StoreState::default(), delivered: 0 }
        };
        let digest = format!("{:016x}", examine::digest_of(&source.state));
        let StoreState { templates, requests, machines, events, next_sequence } = source.state;
        Ok(Archive {
            format: Archive::FORMAT.to_owned(),
            schema: form.schema(),
            exported_at: at,
            installation_id,
            digest,
            delivered: source.delivered,
            next_sequence,
            templates,
            requests,
            machines,
            events,
            notes: crate::domain::notes::Notes::default(),
        })
    }

    /// Makes the store what the archive says. The lock is held.
    pub(super) fn import_into<F: Movable>(
        &self,
        form: &F,
        archive: Archive,
        present: Present,
        at: Timestamp,
    ) -> Result<Moved, StorageError> {
        let (source, id) = checked(archive, form.schema())?;
        progress::tell(|| format!("writing {} into the {} store", counted(&source.state), F::PLACE.strategy));
        let path = self.path::<F>()?;
        let mut moved = self.moved(true, self.in_force, path.clone());
        let is_there = files::check_private(&path)?.is_some();
        if !is_there {
            F::PLACE.check_never_was(&path)?;
        }
        self.be(&id, is_there)?;
        if is_there {
            let (held, former) = form.hold(&path)?;
            if former.state == source.state {
                moved.done = false;
            } else if present == Present::IsRespected {
                return Err(other_contents(&path, "hostfactory storage import"));
            } else {
                let aside = beside(&path, &format!("replaced-{}", at.as_millis()));
                form.make(&aside, &former)?;
                moved.aside.push(aside);
                form.replace(held, &path, &source)?;
            }
        } else {
            form.make(&path, &source)?;
        }
        moved.contents = Some(verified(form, &path, &source)?);
        F::PLACE.note_made(&path);
        Ok(moved)
    }

    /// Takes the archive's installation id on, unless hosts were launched under another one.
    fn be(&self, id: &InstallationId, store_is_there: bool) -> Result<(), StorageError> {
        let kept = installation::kept(&self.work_dir)?;
        let own = self.installation.as_ref().or(kept.as_ref());
        match own {
            Some(own) if own == id => Ok(()),
            Some(own) if store_is_there || self.installation.is_some() => Err(StorageError::Corrupt {
                what: format!("the archive is that of the installation {id}, and this one is {own}"),
                advice:
                    "its hosts bear the other id, so that they would not be ours: import it into an empty work folder, \
                         with installationId unset"
                        .to_owned(),
            }),
            Some(_) | None => installation::keep(&self.work_dir, id),
        }
    }
}

/// Returns what an archive holds, and whose hosts they are.
fn checked(archive: Archive, schema: u64) -> Result<(Source, InstallationId), StorageError> {
    let refused = |what: String, advice: &str| Err(StorageError::Corrupt { what, advice: advice.to_owned() });
    if archive.format != Archive::FORMAT {
        return refused(
            "the document is not one that storage export wrote".to_owned(),
            "hostfactory import reads what other plug-ins wrote",
        );
    }
    if archive.schema > schema {
        let what = format!("the archive has schema {}, and this version knows schemas up to {schema}", archive.schema);
        return refused(what, "run the newer version of hostfactory");
    }
    let Archive { templates, requests, machines, events, next_sequence, delivered, digest, installation_id, .. } =
        archive;
    let state = StoreState { templates, requests, machines, events, next_sequence };
    if format!("{:016x}", examine::digest_of(&state)) != digest {
        let what = "the archive was changed or cut short: its digest does not fit its content".to_owned();
        return refused(what, "export it anew");
    }
    Ok((Source { state, delivered }, installation_id))
}
