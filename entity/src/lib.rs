//! The tables of Patient Logger as SeaORM entities: one table a file, no logic.
//!
//! Only the `repo.rs` of the domain that owns a table names its entity. Every table but `accounts` and `documents` carries a
//! `hospital_id`, which leads its primary key; row level security compares it with the hospital of the transaction.

pub mod account;
pub mod break_glass_grant;
pub mod document;
pub mod hospital;
pub mod idempotency_key;
pub mod invitation;
pub mod partner_key;
pub mod patient;
pub mod patient_restriction;
pub mod refresh_token;
pub mod session;
pub mod staff;
pub mod task_log;
pub mod task_log_revision;
