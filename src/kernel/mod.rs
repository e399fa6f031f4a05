//! The words everything else is written in: ids, roles, permissions, the viewer, the clock, clean text.
//!
//! Plain types without I/O. Nothing here knows about GraphQL requests, HTTP or the database.

mod client;
mod clock;
mod ids;
mod permission;
pub mod text;
mod viewer;

pub use client::Client;
pub use clock::Clock;
pub use ids::{
    AccountId, AuditEventId, BreakGlassId, GlobalId, HospitalId, IdError, InvitationId, Kind, PartnerKeyId, PatientId,
    SessionId, StaffId, TaskLogId,
};
pub use permission::{Holders, Permission, PermissionSet, Role};
pub use viewer::{Actor, Glass, Viewer};
