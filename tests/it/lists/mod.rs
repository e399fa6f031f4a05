//! Lists, filters, counts and ids: each row once, in any order, and never a row of somebody else.

mod filters;
mod ids;
pub mod introspection;
mod pages;
mod stats;
pub mod world;
