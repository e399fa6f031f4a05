//! What PostgreSQL reads for each list, on a million task logs: a page or a span of time, never a hospital's whole history.
//!
//! The documents are made of the schema, so a new filter or order is tried here before it is merged. PostgreSQL explains the
//! very statements that the server sends (`auto_explain`), with what they really read, and says so in notices.

mod hospital;
mod lists;
mod plan;
