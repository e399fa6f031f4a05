//! A hospital in which every type has a row and every hidden value can be recognised, and everybody who may look.

use std::collections::BTreeSet;

use patient_logger::auth::ResetToken;
use patient_logger::kernel::{Holders, Permission, Role};
use sea_orm::sqlx::{self, AssertSqlSafe, Connection, PgConnection, Row};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Actor, History, Hospital, PASSWORD, TestApp};

/// Texts that stand in one place each, and the permission without which nobody may meet them. The last are those of the
/// other hospital.
pub const CANARIES: [(&str, &str); 20] = [
    ("canary-phone", "READ_PATIENT_CONTACT"),
    ("canary-mail", "READ_PATIENT_CONTACT"),
    ("CANARY-MRN", "READ_PATIENT_IDENTITY"),
    ("canary-first", "READ_PATIENT_IDENTITY"),
    ("canary-last", "READ_PATIENT_IDENTITY"),
    ("1931-07-09", "READ_PATIENT_IDENTITY"),
    ("canary-notes", "READ_TASK_NOTES"),
    ("canary-deleted", "READ_TASK_LOG_REVISIONS"),
    ("canary-before", "READ_TASK_LOG_REVISIONS"),
    ("canary-old-notes", "READ_TASK_LOG_REVISIONS"),
    ("canary-reason", "READ_TASK_LOG_REVISIONS"),
    ("canary-staff", "READ_STAFF"),
    ("admin@canary", "READ_STAFF_ACCOUNTS"),
    ("colleague@canary", "READ_STAFF_ACCOUNTS"),
    ("former@canary", "READ_STAFF_ACCOUNTS"),
    ("canary-key", "MANAGE_PARTNER_KEYS"),
    ("canary-invited", "MANAGE_STAFF"),
    ("canary-restricted", "RESTRICT_PATIENTS"),
    ("canary-emergency", "READ_AUDIT"),
    ("canary-foreign", "(nobody)"),
];

/// Somebody who asks, and what the roles give them.
#[derive(Clone)]
pub struct Viewer {
    pub name: String,
    pub actor: Actor,
    pub held: BTreeSet<&'static str>,
    /// A partner's key, which cannot send a mutation.
    pub only_reads: bool,
}

impl Viewer {
    pub fn holds(&self, permission: &str) -> bool {
        self.held.contains(permission)
    }

    /// The canaries hidden from this viewer.
    pub fn hidden(&self) -> impl Iterator<Item = &'static str> {
        CANARIES.iter().filter(|(_, needs)| !self.holds(needs)).map(|(text, _)| *text)
    }

    /// The same viewer at another server.
    pub fn at(&self, app: &TestApp) -> Self {
        Self { actor: Actor { url: app.url.clone(), ..self.actor.clone() }, ..self.clone() }
    }
}

/// The ids of things, each for its purpose.
#[derive(Clone, Default)]
pub struct Ids {
    /// In use, with a task log.
    pub patient: String,
    /// Archived.
    pub archived: String,
    /// To be changed and archived.
    pub spare_patient: String,
    /// Restricted, and opened by the clinician's colleague.
    pub restricted: String,
    /// By the clinician, with notes and an earlier version.
    pub log: String,
    /// By the clinician's colleague.
    pub colleagues_log: String,
    /// Deleted.
    pub deleted_log: String,
    /// By the clinician, to be changed and deleted.
    pub spare_log: String,
    pub clinician: String,
    /// To be changed and deactivated.
    pub spare_staff: String,
    pub former_staff: String,
    pub hospital: String,
    /// To be revoked.
    pub key: String,
    /// To be revoked.
    pub invitation: String,
    /// The session of the clinician.
    pub session: String,
    /// Sealed.
    pub event: String,
    pub foreign: Foreign,
}

/// The ids of the other hospital.
#[derive(Clone, Default)]
pub struct Foreign {
    pub patient: String,
    pub log: String,
    pub staff: String,
    pub hospital: String,
    pub key: String,
    pub event: String,
}

pub struct World {
    pub app: TestApp,
    pub viewers: Vec<Viewer>,
    pub ids: Ids,
    /// The address of somebody who works in both hospitals.
    pub both: String,
    pub clinician: String,
    /// With which a session of the clinician can be prolonged; again and again, because here no time passes.
    pub refresh_token: String,
    /// With which somebody can join.
    pub invitation_token: String,
    /// With which a new password can be chosen.
    pub reset_token: ResetToken,
}

/// The secret of everybody's second factor.
const FACTOR: &[u8; 20] = b"12345678901234567890";
/// Everybody's recovery code.
pub const RECOVERY_CODE: &str = "AAAABBBBCCCCDDDDEEEEFFFF";

impl World {
    pub async fn new() -> Self {
        let app = TestApp::start().await;
        let (one, two) = (app.hospital().await, app.hospital().await);
        let both = "both@canary.example".to_owned();
        for hospital in [&one, &two] {
            app.employ(hospital, &both, Role::Clinician).await;
        }
        let foreign = foreign(&app, &two).await;
        let mut ids = Ids { foreign, ..own(&app, &one).await };
        let viewers = viewers(&app, &one).await;
        let admin = app.admin(&one);
        ids.key = new_key(&admin, "canary-key spare").await;
        // Everybody has done something that has a name, a little later than all that is asked in a test: so it stays the
        // newest. The last is a key.
        app.wait(chrono::Duration::seconds(1));
        for viewer in viewers.iter().filter(|viewer| viewer.name != "anonymous") {
            viewer.actor.ask(&format!("query Look {{ patient(id: \"{}\") {{ room }} }}", ids.patient)).await.data();
        }
        ids.event = event(&admin).await;
        app.wait(chrono::Duration::seconds(-1));
        let gone = new_key(&admin, "canary-key gone").await;
        admin.mutate("revokePartnerKey", json!({ "id": gone }), "partnerKey { id }").await;
        ids.invitation = invite(&admin, "canary-invited@x.example").await;
        let revoked = invite(&admin, "canary-invited-not@x.example").await;
        admin.mutate("revokeInvitation", json!({ "id": revoked }), "invitation { id }").await;
        accept(&app, &admin, "joined@spare.example").await;
        invite(&admin, "joins@spare.example").await;
        let invitation_token = app.mail.token("joins@spare.example", 1).await;
        let clinician = mark_people(&app, &one, &two).await;
        let refresh_token = sign_in(&app.anonymous(), &clinician).await;
        let reset_token = ResetToken::random();
        let world = Self { app, viewers, ids, both, clinician, refresh_token, invitation_token, reset_token };
        world.arm().await;
        History::of(&world.app.database).seal_and_post().await;
        world
    }

    /// Gives some people a second factor, and the clinician one to confirm; and somebody the token for a new password.
    async fn arm(&self) {
        let mut superuser = self.app.database.superuser().await;
        let sql = "SELECT id, email FROM accounts WHERE email IN ('admin@canary.example', 'spare@spare.example', $1)";
        let accounts: Vec<(Uuid, String)> =
            sqlx::query_as(sql).bind(&self.clinician).fetch_all(&mut superuser).await.unwrap();
        assert_eq!(accounts.len(), 3);
        let sealer = self.app.app.keys.sealer("second factor");
        for (id, email) in accounts {
            let sql = "UPDATE accounts SET factor_secret = $2, factor_since = CASE WHEN $3 THEN created_at END, factor_step = NULL,
                       recovery_hashes = ARRAY[$4]::bytea[] WHERE id = $1";
            let update = sqlx::query(sql).bind(id).bind(sealer.seal(id.as_bytes(), FACTOR));
            let hash = <sha2::Sha256 as sha2::Digest>::digest(RECOVERY_CODE).to_vec();
            update.bind(email != self.clinician).bind(hash).execute(&mut superuser).await.unwrap();
        }
        let sql =
            "UPDATE accounts SET reset_hash = $1, reset_expires_at = '2030-01-01' WHERE email = 'spare@spare.example'";
        sqlx::query(sql).bind(self.reset_token.secret_hash().to_vec()).execute(&mut superuser).await.unwrap();
    }

    /// What the clinician's telephone shows.
    pub fn code(&self) -> String {
        let time = u64::try_from(self.app.now().timestamp()).unwrap();
        totp_rs::Builder::new().with_secret(FACTOR.to_vec()).build().unwrap().generate(time).to_string()
    }

    pub fn viewer(&self, name: &str) -> &Viewer {
        self.viewers.iter().find(|viewer| viewer.name == name).unwrap_or_else(|| panic!("no viewer {name}"))
    }

    /// Undoes what a mutation did to the things that are there to be changed, so that the next one can do it again.
    pub async fn revive(&self) {
        let mut superuser = self.app.database.superuser().await;
        for sql in [
            "SET session_replication_role = replica",
            "UPDATE patients SET archived_at = NULL WHERE mrn <> 'CANARY-MRN-1'",
            "UPDATE staff SET status = 'ACTIVE' WHERE account_id IN (SELECT id FROM accounts WHERE email LIKE 'spare@%')",
            "UPDATE task_logs SET deleted_at = NULL WHERE description <> 'canary-deleted'",
            "UPDATE partner_keys SET revoked_at = NULL WHERE name = 'canary-key spare'",
            "UPDATE sessions SET revoked_at = NULL",
            "DELETE FROM staff WHERE account_id IN (SELECT id FROM accounts WHERE email = 'joins@spare.example')",
            "UPDATE invitations SET accepted_at = NULL, staff_id = NULL WHERE email = 'joins@spare.example'",
            "UPDATE invitations SET revoked_at = NULL WHERE email = 'canary-invited@x.example'",
            "UPDATE hospitals SET second_factor_required = false",
            "UPDATE patient_restrictions SET lifted_at = NULL",
            "DELETE FROM break_glass_grants WHERE reason <> 'canary-emergency'",
        ] {
            sqlx::query(sql).execute(&mut superuser).await.unwrap();
        }
        self.arm().await;
    }

    /// All rows of all tables, as one text each. When a key was last used is noted beside the request, and left out, as is the
    /// audit trail, which tells of refusals too.
    pub async fn rows(&self) -> Vec<String> {
        let mut superuser = self.app.database.superuser().await;
        let tables = "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
                      AND relname NOT LIKE 'audit_%' ORDER BY 1";
        let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut superuser).await.unwrap();
        let mut rows = Vec::new();
        for table in tables {
            let sql =
                format!("SELECT '{table} ' || (to_jsonb(t) - 'last_used_at')::text AS row FROM {table} t ORDER BY 1");
            let found = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut superuser).await.unwrap();
            rows.extend(found.iter().map(|row| row.get::<String, _>("row")));
        }
        rows
    }
}

/// The columns of the matrix: every role, and a partner with each permission that can be granted.
async fn viewers(app: &TestApp, hospital: &Hospital) -> Vec<Viewer> {
    let held = |role: Option<Role>, granted: Option<Permission>| {
        let holds = |permission: &Permission| match permission.holders() {
            Holders::Everyone => true,
            Holders::Roles(roles) => role.is_some_and(|role| roles.contains(&role)),
            Holders::RolesAndGrants(roles) => {
                role.is_some_and(|role| roles.contains(&role)) || granted == Some(*permission)
            }
        };
        Permission::ALL.into_iter().filter(holds).map(Permission::name).collect()
    };
    let viewer = |name: &str, actor, role, granted| {
        let only_reads = role == Some(Role::Partner);
        Viewer { name: name.to_owned(), actor, held: held(role, granted), only_reads }
    };
    let admin = app.admin(hospital);
    let mut viewers = vec![
        viewer("anonymous", app.anonymous(), None, None),
        viewer("ADMIN", admin.clone(), Some(Role::Admin), None),
        viewer("CLINICIAN", app.clinician(hospital), Some(Role::Clinician), None),
        viewer("PARTNER", key(&admin, "Plain", json!([])).await, Some(Role::Partner), None),
    ];
    let grants = Permission::ALL.into_iter().filter(|one| matches!(one.holders(), Holders::RolesAndGrants(_)));
    for granted in grants {
        let name = granted.name();
        let actor = key(&admin, name, json!([name])).await;
        viewers.push(viewer(&format!("PARTNER+{name}"), actor, Some(Role::Partner), Some(granted)));
    }
    viewers
}

async fn key(admin: &Actor, name: &str, permissions: Value) -> Actor {
    let input = json!({ "name": name, "permissions": permissions, "expiresAt": "2026-12-31T00:00:00Z" });
    let payload = admin.mutate("createPartnerKey", input, "key").await;
    Actor { token: payload["key"].as_str().map(str::to_owned), ..admin.clone() }
}

async fn new_key(admin: &Actor, name: &str) -> String {
    let input = json!({ "name": name, "expiresAt": "2026-12-31T00:00:00Z" });
    id(&admin.mutate("createPartnerKey", input, "partnerKey { id }").await["partnerKey"])
}

async fn invite(admin: &Actor, email: &str) -> String {
    let input = json!({ "email": email, "name": "canary-staff Invited", "role": "CLINICIAN" });
    id(&admin.mutate("inviteStaff", input, "invitation { id }").await["invitation"])
}

async fn accept(app: &TestApp, admin: &Actor, email: &str) {
    invite(admin, email).await;
    let input = json!({ "token": app.mail.token(email, 1).await, "password": PASSWORD });
    let payload = app.anonymous().mutate("acceptInvitation", input, "accessToken").await;
    assert!(payload["accessToken"].is_string(), "{payload}");
}

fn id(object: &Value) -> String {
    object["id"].as_str().unwrap_or_else(|| panic!("no id in {object}")).to_owned()
}

/// The newest event.
async fn event(admin: &Actor) -> String {
    id(&admin.ask("{ auditEvents(first: 1) { nodes { id } } }").await.data()["auditEvents"]["nodes"][0])
}

async fn own(app: &TestApp, hospital: &Hospital) -> Ids {
    let (admin, clinician, colleague) = (app.admin(hospital), app.clinician(hospital), app.colleague(hospital));
    let patient = async |number: u32| {
        let input = json!({ "mrn": format!("CANARY-MRN-{number}"), "firstName": format!("canary-first {number}"),
            "lastName": format!("canary-last {number}"), "dateOfBirth": "1931-07-09", "room": "1A",
            "contactPhone": format!("canary-phone {number}"), "contactEmail": format!("canary-mail{number}@example.org") });
        id(&admin.mutate("createPatient", input, "patient { id }").await["patient"])
    };
    let restricted = patient(0).await;
    let (archived, spare_patient, main) = (patient(1).await, patient(2).await, patient(3).await);
    let log = async |actor: &Actor, patient: &str, description: &str, notes: &str, key: &str| {
        let input = json!({ "patientId": patient, "taskType": "VITALS", "description": description, "notes": notes,
            "idempotencyKey": key });
        id(&actor.mutate("createTaskLog", input, "taskLog { id }").await["taskLog"])
    };
    log(&clinician, &restricted, "Observed", "canary-notes 0", "0").await;
    let input = json!({ "id": restricted, "reason": "canary-restricted" });
    admin.mutate("restrictPatient", input, "patient { id }").await;
    let input = json!({ "patientId": restricted, "reason": "canary-emergency" });
    colleague.mutate("breakGlass", input, "__typename").await;
    log(&clinician, &archived, "Dressing", "canary-notes 1", "1").await;
    let changed = log(&clinician, &main, "canary-before", "canary-old-notes", "2").await;
    let input =
        json!({ "id": changed, "description": "Pulse 72", "notes": "canary-notes 2", "reason": "canary-reason" });
    admin.mutate("updateTaskLog", input.clone(), "taskLog { id }").await;
    let colleagues_log = log(&colleague, &main, "Walked", "canary-notes 3", "3").await;
    let deleted_log = log(&clinician, &main, "canary-deleted", "canary-deleted notes", "4").await;
    admin.mutate("deleteTaskLog", json!({ "id": deleted_log, "reason": "canary-reason" }), "deletedTaskLogId").await;
    let spare_log = log(&clinician, &spare_patient, "To change", "canary-notes 4", "5").await;
    let spare = app.employ(hospital, "spare@spare.example", Role::Clinician).await;
    log(&app.actor(&spare), &spare_patient, "By somebody who leaves", "canary-notes 5", "6").await;
    admin.mutate("archivePatient", json!({ "id": archived }), "patient { id }").await;
    let former = app.employ(hospital, "former@canary.example", Role::Clinician).await;
    let former_staff = former.staff.to_string();
    admin.mutate("deactivateStaff", json!({ "id": former_staff }), "staff { id }").await;
    Ids {
        patient: main,
        archived,
        spare_patient,
        restricted,
        log: changed,
        colleagues_log,
        deleted_log,
        spare_log,
        clinician: hospital.clinician.staff.to_string(),
        spare_staff: spare.staff.to_string(),
        former_staff,
        hospital: hospital.id.to_string(),
        session: hospital.clinician.session.to_string(),
        ..Ids::default()
    }
}

async fn foreign(app: &TestApp, hospital: &Hospital) -> Foreign {
    let (admin, clinician) = (app.admin(hospital), app.clinician(hospital));
    let input = json!({ "mrn": "canary-foreign", "firstName": "canary-foreign", "lastName": "canary-foreign",
        "dateOfBirth": "1950-01-01", "room": "1A" });
    let patient = id(&admin.mutate("createPatient", input, "patient { id }").await["patient"]);
    let log = clinician.task_log(&patient, "canary-foreign").await;
    let key = new_key(&admin, "canary-foreign").await;
    let event = event(&admin).await;
    Foreign { patient, log, key, event, staff: hospital.clinician.staff.to_string(), hospital: hospital.id.to_string() }
}

/// Signs in and gives the refresh token.
async fn sign_in(actor: &Actor, email: &str) -> String {
    let payload = actor.mutate("signIn", json!({ "email": email, "password": PASSWORD }), "refreshToken").await;
    payload["refreshToken"].as_str().unwrap_or_else(|| panic!("{payload}")).to_owned()
}

/// Names and addresses are the same in every test's hospital; here they become canaries. Gives the clinician's address.
async fn mark_people(app: &TestApp, one: &Hospital, two: &Hospital) -> String {
    let mut connection = app.database.superuser().await;
    let run = async |connection: &mut PgConnection, sql: &str, hospital: Uuid| {
        sqlx::query(AssertSqlSafe(sql.to_owned())).bind(hospital).execute(connection).await.unwrap();
    };
    let accounts = "UPDATE accounts SET email = split_part(email, '@', 1) || '@canary.example'
        WHERE email NOT LIKE '%@spare.example' AND id IN (SELECT account_id FROM staff WHERE hospital_id = $1)";
    run(&mut connection, accounts, one.id.0).await;
    run(&mut connection, "UPDATE partner_keys SET last_used_at = now() WHERE hospital_id = $1", one.id.0).await;
    run(
        &mut connection,
        "UPDATE staff SET name = 'canary-staff ' || name WHERE hospital_id = $1 AND name NOT LIKE 'canary%'",
        one.id.0,
    )
    .await;
    run(&mut connection, "UPDATE staff SET name = 'canary-foreign ' || name WHERE hospital_id = $1", two.id.0).await;
    run(&mut connection, "UPDATE hospitals SET name = 'canary-foreign' WHERE id = $1", two.id.0).await;
    connection.close().await.unwrap();
    "clinician@canary.example".to_owned()
}
