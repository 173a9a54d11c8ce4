//! What `scripts/package.sh` makes of the built program, and how it lives where it is installed.
//!
//! The program without AWS is packed, and only when AWS is left out: the same files, a third of the size.

mod contents;
mod installing;
mod made;
mod managers;
mod root;
