//! The stage: a database and a server for each test, and actors who use them.

mod actor;
mod app;
mod cluster;
mod generator;
mod history;

pub use actor::{Actor, Answer, user_errors, with};
pub use app::{Hospital, PASSWORD, TestApp};
pub use cluster::{TestDatabase, scratch};
pub use generator::{Document, Generator};
pub use history::History;
