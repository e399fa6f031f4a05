use async_graphql::Variables;

use super::input::ExplainAccessAs;
use super::object::RoleDescription;
use crate::domains::{partner_keys, staff};
use crate::error::{AppError, ErrorCode};
use crate::graphql::{Explainer, Explanation, Question};
use crate::kernel::{PartnerKeyId, Permission, PermissionSet, Role, StaffId};
use crate::tenancy::HospitalScope;

/// What the viewer asks to have explained.
pub(super) struct Asked {
    pub(super) document: String,
    pub(super) operation_name: Option<String>,
    /// The text of a JSON object.
    pub(super) variables: Option<String>,
    /// For whom; for the viewer when it is `None`.
    pub(super) subject: Option<ExplainAccessAs>,
}

/// Somebody who might send a document.
struct Subject {
    held: PermissionSet,
    only_reads: bool,
    /// Why nothing that they send would run.
    barred: Option<&'static str>,
}

/// The role and what it may do.
pub(super) fn describe(role: Role) -> RoleDescription {
    let grantable = if role == Role::Partner { partner_keys::granted().collect() } else { Vec::new() };
    RoleDescription::new(role, grantable)
}

/// Explains a document. It is not run.
pub(super) async fn explain(
    scope: &HospitalScope,
    explainer: &Explainer,
    asked: Asked,
) -> Result<Explanation, AppError> {
    let Asked { document, operation_name, variables, subject } = asked;
    let variables = variables.as_deref().map_or_else(|| Ok(Variables::default()), read_variables)?;
    let subject = match subject {
        Some(subject) => self::subject(scope, subject).await?,
        None => Subject { held: scope.viewer.permissions, only_reads: scope.viewer.only_reads(), barred: None },
    };
    let Subject { held, only_reads, barred } = subject;
    let operation_name = operation_name.as_deref();
    let question = Question { document: &document, operation_name, variables, held, only_reads };
    let explanation = explainer.explain(question).await?;
    Ok(match barred {
        Some(barred) => explanation.refused(barred),
        None => explanation,
    })
}

/// Whom the viewer names. Only those who may ask for others get here past the labels; this is the second answer.
async fn subject(scope: &HospitalScope, subject: ExplainAccessAs) -> Result<Subject, AppError> {
    if !scope.viewer.may(Permission::ExplainAccessOfOthers) {
        return Err(AppError::public(ErrorCode::Forbidden, "You may not ask what others are allowed to read."));
    }
    Ok(match subject {
        ExplainAccessAs::Role(role) => {
            Subject { held: role.permissions(), only_reads: role == Role::Partner, barred: None }
        }
        ExplainAccessAs::StaffId(id) => {
            let member = staff::find(scope, StaffId::parse(&id)?).await?;
            let member = member.ok_or_else(|| not_found("member of staff"))?;
            let barred = "This member of staff is deactivated and cannot sign in.";
            let barred = (!member.is_active()).then_some(barred);
            Subject { held: member.permission_set(), only_reads: false, barred }
        }
        ExplainAccessAs::PartnerKeyId(id) => {
            let key = partner_keys::find(scope, PartnerKeyId::parse(&id)?).await?;
            let key = key.ok_or_else(|| not_found("partner key"))?;
            let barred = "This partner key is revoked or has expired.";
            let barred = (!key.is_alive(scope.clock.now())).then_some(barred);
            Subject { held: key.permission_set(), only_reads: true, barred }
        }
    })
}

fn not_found(noun: &str) -> AppError {
    AppError::public(ErrorCode::NotFound, format!("There is no such {noun} in your hospital."))
}

fn read_variables(text: &str) -> Result<Variables, AppError> {
    let map = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text);
    // What serde says quotes the text, which may hold something of a patient.
    let map = map.map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        AppError::bad_input(format!("variables must be the text of a JSON object ({place})."))
    })?;
    Ok(Variables::from_json(map.into()))
}
