//! Values for arguments, as JSON for variables and as literals for documents.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::sdl::{Input, Kind, Schema};
use super::world::{Ids, RECOVERY_CODE, World};
use crate::support::PASSWORD;

/// What a mutation is to come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// It does what it is asked.
    Done,
    /// It answers user errors.
    UserErrors,
    /// `signIn` offers several hospitals.
    Choices,
}

/// What is not required by itself, but without which a field finds nothing, or a change changes nothing.
const ALSO: [(&str, &[&str]); 8] = [
    ("AuditFilter", &["from"]),
    ("Query.auditEvents", &["filter"]),
    ("ExplainAccessAs", &["role"]),
    ("Query.patient", &["id"]),
    ("UpdatePatientInput", &["room"]),
    ("UpdateStaffInput", &["name"]),
    ("UpdateTaskLogInput", &["description", "reason"]),
    ("DeleteTaskLogInput", &["reason"]),
];

fn also(place: &str) -> &'static [&'static str] {
    ALSO.iter().find(|(name, _)| *name == place).map_or(&[], |(_, also)| also)
}

pub struct Values<'a> {
    pub schema: &'a Schema,
    pub ids: &'a Ids,
    clinician: &'a str,
    both: &'a str,
    refresh_token: &'a str,
    invitation_token: &'a str,
    reset_token: String,
    code: String,
    number: AtomicU32,
}

impl<'a> Values<'a> {
    pub fn new(schema: &'a Schema, world: &'a World) -> Self {
        let World { ids, clinician, both, refresh_token, invitation_token, .. } = world;
        let (reset_token, code) = (world.reset_token.reveal(), world.code());
        Self {
            schema,
            ids,
            clinician,
            both,
            refresh_token,
            invitation_token,
            reset_token,
            code,
            number: AtomicU32::new(0),
        }
    }

    /// The arguments that a field cannot do without, in parentheses.
    pub fn arguments(&self, owner: &str, field: &str, on: Option<&str>, aim: Aim) -> String {
        let also = also(&format!("{owner}.{field}"));
        let wanted = |argument: &&Input| argument.is_required || also.contains(&argument.name.as_str());
        let given = self.schema.field(owner, field).arguments.iter().filter(wanted).map(|argument| {
            let value = self.value(&format!("{owner}.{field}({}:)", argument.name), argument, on, aim);
            format!("{}: {}", argument.name, self.literal(&argument.ty, &value))
        });
        parentheses(given)
    }

    /// A value for an argument or input field; `coordinate` is its name in the schema, `on` the type that an id is of.
    pub fn value(&self, coordinate: &str, input: &Input, on: Option<&str>, aim: Aim) -> Value {
        let value = match (coordinate, input.ty.as_str(), self.schema.kind(&input.ty)) {
            (_, "ID", _) => self.id(coordinate, on, aim),
            (_, "Int", _) => json!(1),
            (_, "Boolean", _) => json!(true),
            (_, "Date", _) => json!("1980-01-01"),
            ("CreatePartnerKeyInput.expiresAt", ..) => json!("2026-06-01T00:00:00Z"),
            (_, "DateTime", _) => json!("2026-02-01T00:00:00Z"),
            (_, "String", _) => json!(self.text(coordinate, aim)),
            (_, _, Kind::Enum(values)) => {
                json!(values.iter().find(|value| value.label.is_none()).expect("a value for everyone").name)
            }
            (_, ty, Kind::Input(_)) => self.object(ty, aim),
            (_, ty, _) => panic!("{coordinate} is a {ty}: give it a value in tests/it/access/inputs.rs"),
        };
        if input.is_list { json!([value]) } else { value }
    }

    /// An input with the fields that it needs.
    pub fn object(&self, ty: &str, aim: Aim) -> Value {
        let Kind::Input(fields) = self.schema.kind(ty) else { panic!("{ty} is no input") };
        let also = also(ty);
        let wanted = fields.iter().filter(|field| field.is_required || also.contains(&field.name.as_str()));
        let given =
            wanted.map(|field| (field.name.clone(), self.value(&format!("{ty}.{}", field.name), field, None, aim)));
        Value::Object(given.collect::<Map<_, _>>())
    }

    fn text(&self, coordinate: &str, aim: Aim) -> String {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let bad = aim == Aim::UserErrors;
        match coordinate {
            "Query.explainAccess(document:)" => "{ patients { nodes { id contactPhone } } }".to_owned(),
            "Query.explainAccess(variables:)" => "{}".to_owned(),
            "Query.patient(mrn:)" => "CANARY-MRN-3".to_owned(),
            "SignInInput.email" if aim == Aim::Choices => self.both.to_owned(),
            "SignInInput.email" => self.clinician.to_owned(),
            "SignInInput.password" if bad => "not the password".to_owned(),
            "SignInInput.hospital" => "hospital-0".to_owned(),
            "RefreshSessionInput.refreshToken" if !bad => self.refresh_token.to_owned(),
            "AcceptInvitationInput.token" if !bad => self.invitation_token.to_owned(),
            "ResetPasswordInput.token" if !bad => self.reset_token.clone(),
            "RequestPasswordResetInput.email" => "nobody@nowhere.example".to_owned(),
            "ConfirmSecondFactorInput.code" if !bad => self.code.clone(),
            _ if !bad && coordinate.ends_with(".code") => RECOVERY_CODE.to_owned(),
            _ if !bad && coordinate.to_lowercase().ends_with("password") => PASSWORD.to_owned(),
            "CreateStaffInput.initialPassword" if bad => "short".to_owned(),
            "CreatePartnerKeyInput.allowedNetworks" => "127.0.0.0/8".to_owned(),
            "BreakGlassInput.reason" if !bad => "cardiac arrest".to_owned(),
            "RestrictPatientInput.reason" if !bad => "canary-restricted".to_owned(),
            _ if bad && (coordinate.starts_with("Create") || coordinate.starts_with("Invite")) => String::new(),
            "CreateStaffInput.email" | "InviteStaffInput.email" | "CreatePatientInput.contactEmail" => {
                format!("new{number}@new.example")
            }
            _ => format!("N{number}"),
        }
    }

    fn id(&self, coordinate: &str, on: Option<&str>, aim: Aim) -> Value {
        let ids = self.ids;
        let id = match (coordinate, on.unwrap_or("Patient")) {
            ("Query.node(id:)" | "Query.nodes(ids:)", "Patient") => &ids.patient,
            ("Query.node(id:)" | "Query.nodes(ids:)", "TaskLog") => &ids.log,
            ("Query.node(id:)" | "Query.nodes(ids:)", "Staff") => &ids.clinician,
            ("Query.node(id:)" | "Query.nodes(ids:)", "Hospital") => &ids.hospital,
            ("Query.patient(id:)", _) => &ids.archived,
            ("Query.taskLog(id:)", _) => &ids.log,
            ("TaskLogFilter.patientIds" | "CreateTaskLogInput.patientId", _) => &ids.patient,
            ("TaskLogFilter.clinicianIds" | "ExplainAccessAs.staffId", _) => &ids.clinician,
            ("UpdatePatientInput.id" | "ArchivePatientInput.id", _) => &ids.spare_patient,
            ("RestrictPatientInput.id" | "LiftRestrictionInput.id" | "BreakGlassInput.patientId", _) => &ids.restricted,
            ("UpdateStaffInput.id" | "DeactivateStaffInput.id", _) => &ids.spare_staff,
            ("UpdateTaskLogInput.id" | "DeleteTaskLogInput.id", _) => &ids.spare_log,
            ("StartPasswordResetInput.staffId" | "ResetSecondFactorInput.staffId", _) => &ids.spare_staff,
            ("RevokeInvitationInput.id", _) => &ids.invitation,
            ("RevokePartnerKeyInput.id" | "ExplainAccessAs.partnerKeyId", _) => &ids.key,
            ("SwitchContextInput.staffId", _) => &ids.clinician,
            ("RevokeSessionInput.id", _) => &ids.session,
            ("Query.auditProof(id:)", _) => &ids.event,
            ("AuditFilter.patientId" | "BreakGlassFilter.patientId", _) => &ids.patient,
            ("AuditFilter.actorId" | "BreakGlassFilter.staffId", _) => &ids.clinician,
            _ => panic!("{coordinate} takes an id, of {on:?}: give it one in tests/it/access/inputs.rs"),
        };
        if aim == Aim::UserErrors { json!(unknown(id)) } else { json!(id) }
    }

    /// A value as it is written in a document.
    pub fn literal(&self, ty: &str, value: &Value) -> String {
        let fields = match self.schema.kind(ty) {
            Kind::Input(fields) => &fields[..],
            _ => &[],
        };
        match (value, self.schema.kind(ty)) {
            (Value::Array(items), _) => {
                let items: Vec<_> = items.iter().map(|item| self.literal(ty, item)).collect();
                format!("[{}]", items.join(", "))
            }
            (Value::Object(given), _) => {
                let ty_of = |name: &str| fields.iter().find(|field| field.name == name).map_or("", |field| &field.ty);
                let given: Vec<_> =
                    given.iter().map(|(name, value)| format!("{name}: {}", self.literal(ty_of(name), value))).collect();
                format!("{{{}}}", given.join(", "))
            }
            (Value::String(name), Kind::Enum(_)) => name.clone(),
            (value, _) => value.to_string(),
        }
    }
}

/// An id of the same kind that nothing has.
pub fn unknown(id: &str) -> String {
    let kind = id.split('_').next().unwrap_or_default();
    format!("{kind}_{}", Uuid::now_v7().simple())
}

/// What stands between parentheses; nothing for nothing.
pub fn parentheses(given: impl Iterator<Item = String>) -> String {
    let given: Vec<_> = given.collect();
    if given.is_empty() { String::new() } else { format!("({})", given.join(", ")) }
}
