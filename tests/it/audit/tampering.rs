//! Tampering with the audit trail, as somebody above every wall, and what the verification finds of it.

use chrono::{DateTime, Duration, Utc};
use patient_logger::audit::{Fault, Head, Place};
use sea_orm::sqlx::{self, Row};
use uuid::Uuid;

use crate::support::{History, TestApp, TestDatabase};

/// An event of the history that is tampered with, and where it lies.
struct Sealed {
    id: Uuid,
    at: DateTime<Utc>,
    seal: i64,
    place: usize,
}

/// Two hospitals with some seals each, on both sides of the end of a month, and four events in each seal of the first.
struct Stage {
    database: TestDatabase,
    history: History,
    hospital: Uuid,
    events: Vec<Sealed>,
}

impl Stage {
    async fn set() -> Self {
        Self::of(5).await
    }

    async fn of(seals: i32) -> Self {
        let app = TestApp::start().await;
        let [one, two] = [app.hospital().await, app.hospital().await];
        let history = History::of(&app.database);
        let start: DateTime<Utc> = "2026-02-28T23:00:00Z".parse().unwrap();
        let patients: Vec<Uuid> = (0..3).map(|_| Uuid::now_v7()).collect();
        let mut events = Vec::new();
        for round in 0..seals {
            let times = (0..4).map(|step| start + Duration::minutes(i64::from(round * 15 + step)));
            let own: Vec<_> = times.map(|at| (one.id, at, one.admin.staff.0, &patients[..])).collect();
            let ids = history.add(&[&own[..], &[(two.id, start, two.admin.staff.0, &[])]].concat()).await;
            history.seal().await;
            events.extend(own.iter().zip(ids).enumerate().map(|(index, ((_, at, ..), id))| Sealed {
                id,
                at: *at,
                seal: i64::from(round) + 1,
                place: index + 1,
            }));
        }
        history.tamper("CREATE SCHEMA kept; CREATE TABLE kept.events AS TABLE audit_events; CREATE TABLE kept.seals AS TABLE audit_seals").await;
        Self { database: app.database.clone(), history, hospital: one.id.0, events }
    }

    /// Everything is as it was again.
    async fn restore(&self) {
        let sql = "DELETE FROM audit_events; INSERT INTO audit_events TABLE kept.events;
                   DELETE FROM audit_seals; INSERT INTO audit_seals TABLE kept.seals";
        self.history.tamper(sql).await;
    }

    /// What is found after one piece of tampering.
    async fn after(&self, sql: &str) -> Vec<Fault> {
        self.history.tamper(sql).await;
        let faults = self.history.faults().await;
        self.restore().await;
        faults
    }

    async fn heads(&self) -> Vec<Head> {
        let mut trail = self.history.trail().await;
        let hospitals = trail.hospitals(None).await.unwrap();
        trail.heads(&hospitals).await.unwrap().heads
    }
}

#[tokio::test]
async fn an_untouched_trail_is_whole_and_the_server_itself_can_only_add_to_it() {
    let stage = Stage::set().await;
    let (findings, verified) = stage.history.verify(&stage.heads().await).await;
    assert_eq!((findings, verified.events, verified.seals), (vec![], 25, 10));

    let mut app = stage.database.app().await;
    let enter = "SELECT set_config('app.current_hospital_id', $1, false)";
    sqlx::query(enter).bind(stage.hospital.to_string()).execute(&mut app).await.unwrap();
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM audit_events").fetch_one(&mut app).await.unwrap();
    assert_eq!(count, 20, "a hospital sees its own events");
    for sql in [
        "UPDATE audit_events SET row_count = 0",
        "DELETE FROM audit_events",
        "TRUNCATE audit_events",
        "DROP TABLE audit_events",
        "INSERT INTO audit_events TABLE audit_events",
        "INSERT INTO audit_events (xid) VALUES (1)",
        "SELECT FROM audit_events_2026_02",
        "DELETE FROM audit_events_2026_02",
        "UPDATE audit_seals SET events = events",
        "DELETE FROM audit_seals",
        "INSERT INTO audit_seals TABLE audit_seals",
        "UPDATE audit_state SET sealed_xid = 0",
        "INSERT INTO audit_mentions TABLE audit_mentions",
        "DELETE FROM audit_mentions",
        "INSERT INTO audit_retired VALUES ('2026-02-01', now())",
        "UPDATE audit_shapes SET fields = '{}'",
        "SELECT audit_hospitals()",
    ] {
        let error = sqlx::query(sql).execute(&mut app).await.unwrap_err();
        let code = error.as_database_error().unwrap_or_else(|| panic!("{sql}: {error}")).code().unwrap().into_owned();
        assert_eq!(code, "42501", "{sql}: {error}");
    }
}

#[tokio::test]
async fn a_bit_flipped_in_any_column_of_an_event_names_it() {
    let stage = Stage::set().await;
    let text = |column: &str| format!("chr(ascii({column}) # 1) || substr({column}, 2)");
    let uuid = |column: &str| {
        format!("encode(set_bit(uuid_send({column}), 127, 1 - get_bit(uuid_send({column}), 127)), 'hex')::uuid")
    };
    let mut columns = vec![
        ("row_count", "row_count # 1".to_owned()),
        ("patients", "patients[1:2]".to_owned()),
        ("patients", "patients[2:2] || patients[1:1] || patients[3:3]".to_owned()),
        ("actor_kind", "'PARTNER_KEY'".to_owned()),
        ("reason", "NULL".to_owned()),
        ("subject_id", "NULL".to_owned()),
        ("at", "at + interval '1 microsecond'".to_owned()),
        ("xid", "xid # 1".to_owned()),
    ];
    columns.extend(["role", "address", "action", "outcome", "operation", "reason"].map(|name| (name, text(name))));
    columns.extend(
        ["id", "request_id", "actor_id", "session_id", "shape_id", "subject_id"].map(|name| (name, uuid(name))),
    );
    for (number, (column, value)) in columns.iter().enumerate() {
        // Each column in three of the events, each of the events with three columns.
        for at in [0, 7, 13] {
            let Sealed { id, at, seal, place } = &stage.events[(number + at) % stage.events.len()];
            let faults = stage.after(&format!("UPDATE audit_events SET {column} = {value} WHERE id = '{id}'")).await;
            match (*column, &faults[..]) {
                // With another transaction it lies in another window, or in none.
                ("xid", faults) => {
                    let gone = |fault: &Fault| matches!(fault, Fault::EventMissing { seal: s, place: p, .. } | Fault::EventChanged { seal: s, place: p, .. } if (s, p) == (seal, place));
                    assert!(faults.iter().any(gone), "{faults:?}");
                }
                (_, [Fault::EventChanged { seal: s, place: p, event }]) => {
                    assert_eq!((s, p), (seal, place), "{column}");
                    assert!(*column == "id" || event.id == *id, "{column}");
                    assert!(*column == "at" || event.at == *at, "{column}");
                }
                _ => panic!("{column} of {id}: {faults:?}"),
            }
        }
    }
    // Moved to another hospital, it is missing in the one and too much in the other.
    let Sealed { id, seal, place, .. } = &stage.events[9];
    let other = format!("(SELECT DISTINCT hospital_id FROM audit_seals WHERE hospital_id <> '{}')", stage.hospital);
    let faults = stage.after(&format!("UPDATE audit_events SET hospital_id = {other} WHERE id = '{id}'")).await;
    assert!(
        matches!(&faults[0], Fault::EventMissing { seal: s, place: p, .. } if (s, p) == (seal, place)),
        "{faults:?}"
    );
    assert!(matches!(&faults[1], Fault::EventAdded { event, .. } if event.id == *id), "{faults:?}");
}

#[tokio::test]
async fn deleted_added_and_exchanged_events_are_named() {
    let stage = Stage::set().await;
    for (number, Sealed { id, at, seal, place }) in stage.events.iter().enumerate() {
        let deleted = stage.after(&format!("DELETE FROM audit_events WHERE id = '{id}'")).await;
        let after = (*place > 1).then(|| {
            let before = &stage.events[number - 1];
            Place { id: before.id, at: before.at }
        });
        assert_eq!(deleted, [Fault::EventMissing { seal: *seal, place: *place, after }]);

        let copy = format!(
            "INSERT INTO audit_events SELECT hospital_id, at, gen_random_uuid(), xid, request_id, actor_kind, actor_id,
                 session_id, role, address, action, outcome, operation, shape_id, subject_id, row_count, patients, reason
             FROM audit_events WHERE id = '{id}'"
        );
        let added = stage.after(&copy).await;
        assert!(
            matches!(&added[..], [Fault::EventAdded { seal: s, event }] if s == seal && event.at == *at && event.id != *id),
            "{added:?}"
        );

        // Two events exchange who did them.
        let other = &stage.events[(number + 7) % stage.events.len()];
        let swapped = stage
            .after(&format!(
                "UPDATE audit_events e SET actor_id = o.request_id, request_id = o.actor_id FROM audit_events o
                 WHERE (e.id, o.id) IN (('{id}', '{0}'), ('{0}', '{id}'))",
                other.id
            ))
            .await;
        let mut expected = [(*seal, *place), (other.seal, other.place)];
        expected.sort_unstable();
        let found = swapped.iter().map(|fault| match fault {
            Fault::EventChanged { seal, place, .. } => (*seal, *place),
            other => panic!("{other:?}"),
        });
        assert_eq!(found.collect::<Vec<_>>(), expected);
    }
    // One that was written with an old transaction's number after its time.
    let faults = stage.after(&format!("UPDATE audit_events SET xid = 3 WHERE id = '{}'", stage.events[0].id)).await;
    assert!(
        faults.contains(&Fault::EventMissing { seal: 1, place: 1, after: None })
            || matches!(faults[..], [Fault::EventChanged { seal: 1, .. }]),
        "{faults:?}"
    );
}

#[tokio::test]
async fn a_seal_that_was_changed_or_removed_is_named() {
    let stage = Stage::of(20).await;
    let bytes = |column: &str| format!("set_bit({column}, 77, 1 - get_bit({column}, 77))");
    let head = "its head does not fit its columns";
    let leaves = "its root does not fit its leaves";
    let changes = [
        ("month", "month + 1".to_owned(), head),
        ("from_xid", "from_xid - 1".to_owned(), head),
        ("to_xid", "to_xid + 1".to_owned(), head),
        ("sealed_at", "sealed_at + interval '1 microsecond'".to_owned(), head),
        ("root", bytes("root"), head),
        ("previous_head", bytes("previous_head"), head),
        ("head", bytes("head"), head),
        ("leaves", bytes("leaves"), leaves),
        ("leaves", "substr(leaves, 33, 32) || substr(leaves, 1, 32) || substr(leaves, 65)".to_owned(), leaves),
    ];
    for (number, (column, value, why)) in (0..).zip(changes) {
        // Each of the seals with one change or two.
        for seal in [1, 8, 15].map(|first| (first + number) % 20 + 1) {
            let sql = format!(
                "UPDATE audit_seals SET {column} = {value} WHERE hospital_id = '{}' AND no = {seal}",
                stage.hospital
            );
            let faults = stage.after(&sql).await;
            let named = Fault::SealChanged { seal, why };
            // A link that does not fit is told before the seal that is changed as well.
            let first = if column == "previous_head" { &faults[1] } else { &faults[0] };
            assert_eq!(*first, named, "{column} of {seal}: {faults:?}");
        }
    }
    let of =
        |seals: &str| format!("DELETE FROM audit_seals WHERE hospital_id = '{}' AND no IN ({seals})", stage.hospital);
    let events = |index: usize, count| {
        let Sealed { id, at, .. } = stage.events[index];
        Fault::EventsUncovered { first: Place { id, at }, count }
    };
    assert_eq!(stage.after(&of("1")).await, [Fault::SealsMissing { first: 1, last: 1 }, events(0, 4)]);
    assert_eq!(stage.after(&of("2, 3")).await, [Fault::SealsMissing { first: 2, last: 3 }, events(4, 8)]);
    assert_eq!(stage.after(&of("20")).await, [events(76, 4)], "sealing has passed these events, so a seal was there");
    let renumbered =
        format!("{}; UPDATE audit_seals SET no = 3 WHERE hospital_id = '{}' AND no = 4", of("3"), stage.hospital);
    assert_eq!(stage.after(&renumbered).await[0], Fault::LinkBroken { seal: 3 });
}

#[tokio::test]
async fn a_tail_cut_off_and_a_chain_made_anew_show_against_heads_kept_elsewhere() {
    let stage = Stage::of(20).await;
    let newest = stage.heads().await;
    assert_eq!(newest.iter().map(|head| head.no).collect::<Vec<_>>(), [20, 20]);
    let mut superuser = stage.database.superuser().await;
    let old = sqlx::query("SELECT no, head, sealed_at FROM audit_seals WHERE hospital_id = $1 AND no IN (1, 2)")
        .bind(stage.hospital);
    let old = old.fetch_all(&mut superuser).await.unwrap();
    let mut kept: Vec<Head> = old
        .iter()
        .map(|row| Head {
            hospital_id: stage.hospital,
            no: row.get("no"),
            head: row.get::<Vec<u8>, _>("head").try_into().unwrap(),
            sealed_at: row.get("sealed_at"),
        })
        .collect();
    kept.extend(newest);
    let verify = async || stage.history.verify(&kept).await.0.into_iter().map(|found| found.fault).collect::<Vec<_>>();
    assert_eq!(verify().await, []);

    for last in 0..20 {
        // With the events and what sealing knows, nothing in the database tells.
        let cut = format!(
            "DELETE FROM audit_events USING audit_seals s WHERE s.hospital_id = '{0}' AND no > {last}
                 AND audit_events.hospital_id = '{0}' AND xid >= from_xid AND xid < to_xid;
             DELETE FROM audit_seals WHERE hospital_id = '{0}' AND no > {last}",
            stage.hospital
        );
        stage.history.tamper(&cut).await;
        assert_eq!(stage.history.faults().await, []);
        assert_eq!(verify().await, [Fault::TailCut { last, kept: 20 }]);
        stage.restore().await;
    }
    for event in (0..80).step_by(4) {
        let (good, seal) = match stage.events[event].seal {
            1 => (0, 1),
            2 => (1, 2),
            _ => (2, 20),
        };
        // An event is changed and all seals from its own on are made anew, as the sealer would.
        let anew = format!(
            "UPDATE audit_events SET patients = '{{}}' WHERE id = '{}';
             UPDATE audit_state SET sealed_xid = (SELECT from_xid FROM audit_seals WHERE hospital_id = '{1}' AND no = {2});
             DELETE FROM audit_seals WHERE no >= {2}",
            stage.events[event].id, stage.hospital, stage.events[event].seal
        );
        stage.history.tamper(&anew).await;
        for _ in stage.events[event].seal..=20 {
            stage.history.tamper("SELECT audit_seal(5, 0)").await;
        }
        assert_eq!(stage.history.faults().await, [], "the new chain holds in itself");
        let faults = verify().await;
        assert_eq!(faults[0], Fault::Rechained { good, seal }, "{faults:?}");
        stage.restore().await;
    }
    let stranger = Head { hospital_id: Uuid::nil(), ..kept[0].clone() };
    let (findings, _) = stage.history.verify(&[stranger]).await;
    assert_eq!(findings[0].fault, Fault::NoHospital { id: Uuid::nil() });
}

#[tokio::test]
async fn changed_names_of_fields_are_found() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    app.admin(&hospital).ask("{ patients { nodes { lastName } } }").await.data();
    let history = History::of(&app.database);
    history.seal().await;
    assert_eq!(history.faults().await, []);
    history.tamper("UPDATE audit_shapes SET fields = array_remove(fields, 'Patient.lastName')").await;
    assert!(matches!(history.faults().await[..], [Fault::ShapeChanged { .. }]));
}

#[tokio::test]
async fn events_that_nobody_seals_are_found() {
    let stage = Stage::set().await;
    let hospital = patient_logger::kernel::HospitalId(stage.hospital);
    let at = "2026-03-02T00:00:00Z".parse().unwrap();
    let recent = "2026-12-31T23:59:30Z".parse().unwrap();
    let ids = stage.history.add(&[(hospital, recent, Uuid::nil(), &[]), (hospital, at, Uuid::nil(), &[])]).await;
    let first = Place { id: ids[1], at };
    assert_eq!(stage.history.faults().await, [Fault::EventsUnsealed { first, count: 1 }]);
    stage.history.seal().await;
    assert_eq!(stage.history.faults().await, []);
}

#[tokio::test]
async fn months_go_after_six_years_and_the_chain_stays_verifiable() {
    let stage = Stage::set().await;
    let mut trail = stage.history.trail().await;
    let month = "2026-02-01".parse().unwrap();
    for (now, gone) in
        [("2032-02-29T00:00:00Z", vec![]), ("2032-03-01T00:00:00Z", vec![month]), ("2032-03-31T00:00:00Z", vec![])]
    {
        assert_eq!(trail.retain(6, now.parse().unwrap()).await.unwrap(), gone, "{now}");
    }
    let heads = stage.heads().await;
    let (findings, verified) = stage.history.verify(&heads).await;
    assert_eq!((findings, verified.events, verified.seals), (vec![], 4, 10));
    let last = &stage.events[19];
    stage.history.tamper(&format!("UPDATE audit_events SET row_count = 0 WHERE id = '{}'", last.id)).await;
    assert!(matches!(stage.history.faults().await[..], [Fault::EventChanged { seal: 5, place: 4, .. }]));

    // Something of that time that is recorded late makes the month anew; it is sealed and verified as ever.
    let hospital = patient_logger::kernel::HospitalId(stage.hospital);
    stage.history.tamper("UPDATE audit_retired SET retired_at = '2026-03-01'").await;
    assert!(matches!(stage.history.faults().await[0], Fault::RetiredEarly { .. }));
    let at = "2026-02-11T00:00:00Z".parse().unwrap();
    let ids = stage.history.add(&[(hospital, at, Uuid::nil(), &[])]).await;
    stage.history.seal().await;
    let late = stage.history.faults().await;
    assert!(
        !late.iter().any(|fault| matches!(fault, Fault::EventsUncovered { first, .. } if first.id == ids[0])),
        "{late:?}"
    );
}
