//! The stage: a database and a server for each test, and actors who use them.

mod actor;
mod app;
mod cluster;
mod dice;
mod events;
mod generator;
mod history;
mod mail;
mod redis;

pub use actor::{Actor, Answer, user_errors, with};
pub use app::{Hospital, PASSWORD, Person, TestApp};
pub use cluster::{TestDatabase, scratch};
pub use dice::Dice;
pub use events::Event;
pub use generator::{Document, Generator};
pub use history::History;
pub use mail::MailServer;
pub use redis::{RedisServer, until};
