//! Restricted records: what others see of them, how they are opened in an emergency, and how that shows.

mod glass;
mod marked;
mod stubs;
mod wall;

use serde_json::{Value, json};

use crate::support::{Actor, Hospital, TestApp};

/// A hospital with a patient whose record is closed between two whose records are open, each with a task log.
struct Ward {
    app: TestApp,
    hospital: Hospital,
    admin: Actor,
    /// Who recorded the task logs.
    clinician: Actor,
    colleague: Actor,
    /// With everything that a partner's key can be granted.
    partner: Actor,
    open: [String; 2],
    closed: String,
    /// The task log of the closed record.
    log: String,
}

impl Ward {
    async fn new() -> Self {
        let app = TestApp::start().await;
        let hospital = app.hospital().await;
        let [admin, clinician, colleague] = [app.admin(&hospital), app.clinician(&hospital), app.colleague(&hospital)];
        let (mut patients, mut logs) = (Vec::new(), Vec::new());
        for mrn in ["MRN-1", "MRN-2", "MRN-3"] {
            let patient = admin.patient(mrn).await;
            let log = clinician.task_log(&patient, &format!("Pulse of {mrn}")).await;
            admin.mutate("updateTaskLog", json!({ "id": log, "notes": mrn, "reason": "Add" }), "taskLog { id }").await;
            patients.push(patient);
            logs.push(log);
        }
        let [first, closed, last] = patients.try_into().unwrap();
        let input = json!({ "id": closed, "reason": "A colleague" });
        admin.mutate("restrictPatient", input, "patient { id }").await;
        let partner = admin.partner_key(json!(["READ_PATIENT_IDENTITY", "READ_TASK_NOTES"])).await;
        let log = logs.swap_remove(1);
        Self { app, hospital, admin, clinician, colleague, partner, open: [first, last], closed, log }
    }
}

/// The ids of a list of objects.
fn ids(nodes: &Value) -> Vec<String> {
    nodes.as_array().unwrap().iter().map(|node| node["id"].as_str().unwrap().to_owned()).collect()
}
