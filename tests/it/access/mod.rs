//! Access, proved on the running server: who gets which field, on every way to it, and that nobody gets more.
//!
//! | file | proves |
//! |---|---|
//! | `matrix` | every field, argument and input by every viewer, along five paths, is what the labels say; kept in `snapshots/access-matrix.txt` |
//! | `rules` | the rights that depend on a row, by name |
//! | `bypass` | no generated document shows a viewer a value that is hidden from them |
//! | `oracle` | a hidden value changes no byte of any answer to them |
//! | `recorded` | every field of a root leaves one event in the audit trail, of the right kind |
//! | `ids` | a partner cannot tell a foreign id from one that does not exist, nor anybody by the time it takes |
//!
//! `sdl` reads the labels from the schema's text, without `src/access`; `world` is the hospital that is asked; `routes`
//! finds the ways through the type graph; `snapshot` is the file; `inputs` makes values for arguments, `arguments` asks
//! for their cells; `documents` makes documents by chance, `questions` every question to a list.

mod arguments;
mod bypass;
mod documents;
mod ids;
mod inputs;
mod matrix;
mod oracle;
mod questions;
mod recorded;
mod routes;
mod rules;
mod sdl;
mod snapshot;
mod world;
