use std::collections::HashSet;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use unicode_normalization::is_nfc;

use super::history::{Batch, History};
use super::people::{House, Scale};

const SCALE: Scale = Scale { staff: 30, patients: 60, task_logs: 5_000, discharged_of_twenty: 10 };

fn now() -> DateTime<Utc> {
    "2026-03-29T09:30:00.123456Z".parse().unwrap()
}

fn house(slug: &str, number: u64) -> House {
    House::new(slug, "Riverside", Tz::Europe__London, &SCALE, number, now())
}

fn history(house: &House) -> Vec<Batch> {
    let mut history = History::new(house, now());
    std::iter::from_fn(|| history.batch(999)).collect()
}

#[test]
fn the_same_number_makes_the_same_hospital() {
    let told = |slug, number| {
        let house = house(slug, number);
        format!("{:?} {:?}", history(&house), house)
    };
    assert_eq!(told("riverside", 1), told("riverside", 1));
    assert_ne!(told("riverside", 1), told("riverside", 2));
    assert_ne!(told("riverside", 1), told("lakeview", 1));
}

#[test]
fn a_history_has_as_many_task_logs_as_asked_for_in_the_order_of_their_ids_and_none_in_the_future() {
    let house = house("riverside", 1);
    let batches = history(&house);
    let recorded: Vec<_> = batches.iter().flat_map(|batch| &batch.recorded).collect();
    assert_eq!(recorded.len(), 5_000);
    assert!(recorded.is_sorted());
    assert!(recorded.iter().all(|at| **at <= now()));
    let milliseconds = |id: &uuid::Uuid| id.as_u128() >> 80;
    let ids: Vec<_> = batches.iter().flat_map(|batch| &batch.ids).collect();
    assert!(ids.iter().map(|id| milliseconds(id)).is_sorted());
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 5_000);
    for batch in &batches {
        assert!(batch.completed.iter().zip(&batch.recorded).all(|(completed, recorded)| completed <= recorded));
        assert!(batch.changes.at.iter().all(|at| *at < now()));
    }
    let changes: usize = batches.iter().map(|batch| batch.changes.ids.len()).sum();
    assert!((5..200).contains(&changes), "{changes}");
}

#[test]
fn task_logs_lie_within_the_stay_of_their_patient_and_the_employment_of_their_clinician() {
    let house = house("riverside", 1);
    for batch in history(&house) {
        for row in 0..batch.ids.len() {
            let patient = house.patients.iter().find(|patient| patient.id == batch.patients[row]).unwrap();
            assert!(patient.admitted_at <= batch.completed[row]);
            assert!(patient.discharged_at.is_none_or(|at| batch.completed[row] <= at));
            let clinician = house.staff.iter().find(|member| member.id == batch.clinicians[row]).unwrap();
            assert!(clinician.joined_at < batch.recorded[row]);
            assert!(clinician.left_at.is_none_or(|at| batch.recorded[row] < at));
        }
    }
}

#[test]
fn texts_fit_their_columns_and_stand_in_nfc() {
    let house = house("st-mary-2", 3);
    for member in &house.staff {
        assert!(is_nfc(&member.name) && member.name.chars().count() <= 100, "{}", member.name);
    }
    for patient in &house.patients {
        assert!(is_nfc(patient.name.given) && is_nfc(patient.name.family), "{:?}", patient.name);
        assert!(patient.mrn.starts_with("STM-"), "{}", patient.mrn);
        assert!(patient.room.as_ref().is_none_or(|room| room.len() <= 10));
        assert!(patient.room.is_none() || patient.discharged_at.is_none());
    }
    let mrns: HashSet<_> = house.patients.iter().map(|patient| &patient.mrn).collect();
    assert_eq!(mrns.len(), house.patients.len());
}

#[test]
fn every_place_has_a_time_zone_and_its_slug_is_one() {
    for (place, _, zone) in super::words::HOSPITALS {
        assert!(zone.parse::<Tz>().is_ok(), "{zone}");
        let slug = place.to_lowercase().replace(' ', "-");
        assert!(slug.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{slug}");
    }
}
