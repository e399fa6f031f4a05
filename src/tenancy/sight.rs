use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::audit::Witness;
use crate::kernel::{HospitalId, Permission, Viewer};

/// What row level security may show a transaction: settings that end with it.
#[derive(Debug)]
pub(super) struct Sight(String);

impl Sight {
    /// No row of any hospital.
    pub(super) fn none() -> Self {
        Self::of(None)
    }

    /// The rows of a hospital but for restricted records.
    pub(super) fn hospital(hospital: HospitalId) -> Self {
        Self::of(Some(hospital))
    }

    /// What a viewer may see at this time. Of restricted records these are those that `witness` marks in the audit trail, so
    /// none is read unmarked.
    pub(super) fn viewer(viewer: &Viewer, witness: &Witness, now: DateTime<Utc>) -> Self {
        let mut sight = Self::hospital(viewer.hospital_id);
        if viewer.may(Permission::ReadRestrictedPatients) {
            sight.set("app.reads_restricted", "on");
        }
        let glasses = witness.glasses();
        if let Some(staff) = viewer.staff_id().filter(|_| !glasses.is_empty()) {
            let ids: Vec<String> = glasses.iter().map(|glass| text(glass.id.0)).collect();
            sight.set("app.glasses", &format!("{{{}}}", ids.join(",")));
            sight.set("app.current_staff_id", &text(staff.0));
            sight.set("app.now", &now.to_rfc3339());
        }
        sight
    }

    fn of(hospital: Option<HospitalId>) -> Self {
        let mut sight = Self(String::new());
        sight.set("app.current_hospital_id", &hospital.map(|hospital| text(hospital.0)).unwrap_or_default());
        sight
    }

    /// Each value is made of UUIDs, a time or a fixed word: nothing in it can be more than that.
    fn set(&mut self, name: &str, value: &str) {
        self.0 += &format!("set_config('{name}', '{value}', true), ");
    }

    /// Calls of `set_config`, with a comma behind each.
    pub(super) fn settings(&self) -> &str {
        &self.0
    }
}

fn text(id: Uuid) -> String {
    id.hyphenated().to_string()
}
