//! What is written about a patient. It reads like a ward's log and advises nobody: the doses are ordinary, the values
//! random.

use super::rng::Rng;

/// What is done for patients, with how often it is among a hundred tasks.
const KINDS: &[(&str, usize)] = &[
    ("MEDICATION", 34),
    ("VITALS", 29),
    ("OBSERVATION", 9),
    ("HYGIENE", 7),
    ("MOBILITY", 6),
    ("NUTRITION", 5),
    ("WOUND_CARE", 4),
    ("LAB_SAMPLE", 3),
    ("OTHER", 3),
];

/// A kind of task.
pub(super) fn kind(rng: &mut Rng) -> &'static str {
    let mut at = rng.below(100);
    for &(kind, share) in KINDS {
        match at.checked_sub(share) {
            Some(rest) => at = rest,
            None => return kind,
        }
    }
    "OTHER"
}

/// What stays the same from one day of a patient to the next.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    medicines: [&'static str; 5],
    wound: &'static str,
    systolic: i64,
    pulse: i64,
    saturation: i64,
    on_oxygen: bool,
}

impl Profile {
    /// Some patient's.
    pub(super) fn any(rng: &mut Rng) -> Self {
        Self {
            medicines: std::array::from_fn(|_| rng.pick(MEDICINES)),
            wound: rng.pick(WOUNDS),
            systolic: rng.between(104, 152),
            pulse: rng.between(60, 92),
            saturation: rng.between(93, 98),
            on_oxygen: rng.one_in(7),
        }
    }

    /// What a task log of this kind says.
    pub(super) fn describe(&self, kind: &str, rng: &mut Rng) -> String {
        match kind {
            "MEDICATION" => self.medication(rng),
            "VITALS" => self.vitals(rng),
            "WOUND_CARE" => format!("{} on {} {}", rng.pick(DRESSINGS), self.wound, rng.pick(WOUND_FINDINGS)),
            "NUTRITION" if rng.one_in(3) => {
                format!("Fluid balance: in {} ml, out {} ml", rng.between(12, 50) * 50, rng.between(10, 44) * 50)
            }
            "NUTRITION" => format!("{}, {}", rng.pick(MEALS), rng.pick(EATEN)),
            "MOBILITY" if rng.one_in(3) => format!("Walked {} m {}", rng.between(1, 16) * 5, rng.pick(WALKING)),
            "MOBILITY" => rng.pick(MOBILITY).to_owned(),
            "OBSERVATION" if rng.one_in(3) => {
                format!("Pain {}/10 at {}, {}", rng.between(0, 7), rng.pick(REST), rng.pick(PAIN))
            }
            "OBSERVATION" => rng.pick(OBSERVATIONS).to_owned(),
            "HYGIENE" => rng.pick(HYGIENE).to_owned(),
            "LAB_SAMPLE" => format!("{} taken, {}", rng.pick(SAMPLES), rng.pick(SAMPLE_SENT)),
            _ => rng.pick(OTHER).to_owned(),
        }
    }

    fn medication(&self, rng: &mut Rng) -> String {
        let medicine = rng.pick(&self.medicines);
        let (what, how) = medicine.split_once(" | ").unwrap_or((medicine, "orally"));
        match rng.below(40) {
            0 => format!("{what} offered, declined by the patient"),
            1 => format!("{what} withheld, doctor informed"),
            2..10 => format!("{what} {how}, checked with a colleague"),
            10..22 => format!("{what} {how}"),
            _ => format!("{what} given {how}"),
        }
    }

    fn vitals(&self, rng: &mut Rng) -> String {
        let systolic = self.systolic + rng.between(-12, 12);
        let diastolic = systolic * 6 / 10 + rng.between(-5, 6);
        let temperature = rng.between(361, 376) + if rng.one_in(14) { rng.between(4, 14) } else { 0 };
        let mut text = format!(
            "BP {systolic}/{diastolic}, pulse {}, temp {}.{} °C, SpO2 {} %",
            self.pulse + rng.between(-8, 10),
            temperature / 10,
            temperature % 10,
            (self.saturation + rng.between(-1, 2)).min(100),
        );
        if self.on_oxygen {
            text += " on 2 L oxygen";
        }
        match rng.below(10) {
            0..3 => text += &format!(", resp. rate {}", rng.between(12, 21)),
            3 => {
                let glucose = rng.between(48, 118);
                text += &format!(", glucose {}.{} mmol/L ({} mg/dL)", glucose / 10, glucose % 10, glucose * 18 / 10);
            }
            4 => text += ", alert",
            _ => {}
        }
        text
    }
}

/// A reading as it should have been, when the blood pressure was mistyped. `None` when the text is no reading.
pub(super) fn retyped(text: &str) -> Option<String> {
    let (systolic, rest) = text.strip_prefix("BP ")?.split_once('/')?;
    Some(format!("BP {}/{rest}", systolic.parse::<i64>().ok()? + 10))
}

/// What else is worth knowing, about every third time.
pub(super) fn notes(kind: &str, rng: &mut Rng) -> Option<String> {
    if !rng.one_in(3) {
        return None;
    }
    let own = match kind {
        "MEDICATION" => MEDICATION_NOTES,
        "VITALS" => VITALS_NOTES,
        "WOUND_CARE" => WOUND_NOTES,
        _ => GENERAL_NOTES,
    };
    let first = rng.pick(own);
    let second = rng.pick(GENERAL_NOTES);
    Some(if rng.one_in(4) && first != second { format!("{first}\n{second}") } else { first.to_owned() })
}

/// `what | how` it is given.
const MEDICINES: &[&str] = &[
    "Paracetamol 1 g | orally",
    "Paracetamol 1 g | IV over 15 min",
    "Ibuprofen 400 mg | orally with food",
    "Amoxicillin 500 mg | orally",
    "Co-amoxiclav 1.2 g | by IV infusion",
    "Ceftriaxone 2 g | by IV infusion over 30 min",
    "Enoxaparin 40 mg | subcutaneously, left abdomen",
    "Enoxaparin 40 mg | subcutaneously, right abdomen",
    "Metformin 500 mg | orally with food",
    "Insulin glargine 14 units | subcutaneously",
    "Insulin aspart 6 units | subcutaneously before the meal",
    "Bisoprolol 2.5 mg | orally",
    "Ramipril 5 mg | orally",
    "Amlodipine 5 mg | orally",
    "Furosemide 40 mg | orally",
    "Furosemide 20 mg | IV slowly",
    "Omeprazole 20 mg | orally",
    "Atorvastatin 40 mg | orally",
    "Apixaban 5 mg | orally",
    "Salbutamol 2.5 mg | by nebuliser",
    "Ipratropium 500 micrograms | by nebuliser",
    "Prednisolone 30 mg | orally",
    "Levothyroxine 75 micrograms | orally",
    "Ondansetron 4 mg | IV",
    "Morphine sulfate 5 mg | orally",
    "Sodium chloride 0.9 %, 1 L | by IV infusion over 8 h",
    "Macrogol 1 sachet | orally",
    "Senna 15 mg | orally",
    "Sertraline 50 mg | orally",
    "Levetiracetam 500 mg | orally",
    "Vitamin D 800 units | orally",
    "Folic acid 5 mg | orally",
];
const WOUNDS: &[&str] = &[
    "left heel",
    "right heel",
    "sacrum",
    "left shin",
    "right hip incision",
    "abdominal incision",
    "left forearm",
    "right knee incision",
    "skin graft, right thigh",
    "PICC line site",
];
const DRESSINGS: &[&str] = &["Dressing", "Foam dressing", "Hydrocolloid dressing", "Gauze dressing", "Film dressing"];
const WOUND_FINDINGS: &[&str] = &[
    "changed, wound dry",
    "changed, edges clean",
    "changed, a little clear fluid",
    "checked, intact",
    "changed, slight redness, marked with a pen",
    "changed, granulating well",
    "renewed after the shower",
];
const MEALS: &[&str] = &[
    "Meal in the chair",
    "Meal in bed",
    "Soft diet",
    "Soup and bread",
    "Fruit and yoghurt",
    "Fortified drink, 200 ml",
];
const EATEN: &[&str] =
    &["all taken", "three quarters taken", "half taken", "a little taken", "taken with help", "declined"];
const WALKING: &[&str] =
    &["with a frame", "with one stick", "with one person", "with two people", "without help", "along the corridor"];
const MOBILITY: &[&str] = &[
    "Turned to the left side",
    "Turned to the right side",
    "Sat out in the chair for an hour",
    "Helped from bed to chair with the hoist",
    "Breathing and leg exercises done",
    "Stairs practised with physiotherapy",
    "Heels floated on a pillow",
];
const REST: &[&str] = &["rest", "movement", "night", "the wound"];
const PAIN: &[&str] = &[
    "no medicine wanted",
    "settled after repositioning",
    "better than yesterday",
    "doctor informed",
    "heat pack helped",
];
const OBSERVATIONS: &[&str] = &[
    "Sleeping, breathing regular",
    "Awake and oriented to person, place and time",
    "Neuro check: GCS 15, pupils equal and reactive",
    "Drowsy but rousable",
    "Restless, calmer after a talk",
    "No nausea since the last round",
    "Cough with clear sputum",
    "IV site left hand clean, no swelling",
    "Urinary catheter draining clear urine",
    "Ankles less swollen than yesterday",
    "Falls risk assessed: medium",
    "Skin checked, no new pressure marks",
];
const HYGIENE: &[&str] = &[
    "Helped to wash at the basin",
    "Bed bath given",
    "Shower with one person’s help",
    "Mouth care given",
    "Hair washed",
    "Bed linen changed",
    "Helped to the toilet",
    "Incontinence pad changed, skin intact",
    "Shaved, at the patient’s wish",
];
const SAMPLES: &[&str] = &[
    "Blood for FBC and electrolytes",
    "Blood cultures, two sets,",
    "Urine sample",
    "INR sample",
    "Wound swab",
    "Sputum sample",
    "Venous blood gas",
    "Troponin",
    "CRP",
    "MRSA screening swabs",
];
const SAMPLE_SENT: &[&str] =
    &["sent to the laboratory", "sent by pneumatic tube", "labelled at the bedside", "second attempt, left arm"];
const OTHER: &[&str] = &[
    "Interpreter booked for the ward round",
    "Family informed about the test tomorrow",
    "Accompanied to X-ray and back",
    "Discharge plan talked through",
    "Belongings listed and locked away",
    "Peripheral cannula removed",
    "ECG recorded",
    "Consent form checked before theatre",
    "Seen by the dietitian",
    "Chaplain’s visit arranged",
    "Hearing aid batteries changed",
];
const MEDICATION_NOTES: &[&str] = &[
    "Half an hour late, the patient was at X-ray.",
    "Asked what it is for; explained.",
    "No reaction seen.",
    "Next dose as charted.",
    "Identity band and allergies checked.",
    "Last one of this box; pharmacy informed.",
    "Pharmacist has reviewed the chart.",
];
const VITALS_NOTES: &[&str] = &[
    "Repeat in one hour.",
    "Taken lying down.",
    "Taken after a short walk.",
    "Cuff on the right arm only.",
    "Feels well.",
    "Values shown to the doctor on call; no change of plan.",
    "Much as on the last round.",
    "Taken twice, the second is written here.",
];
const WOUND_NOTES: &[&str] = &[
    "Photograph taken for the record.",
    "Next change in two days.",
    "Tissue viability nurse to see.",
    "Painless today.",
    "Size 2 by 3 cm, as on Monday.",
];
const GENERAL_NOTES: &[&str] = &[
    "Comfortable afterwards.",
    "Daughter was present and helped.",
    "Asks when the discharge will be.",
    "Wanted the window open.",
    "In good spirits today.",
    "Tired, kept it short.",
    "Call bell within reach.",
    "Likes the light on.",
    "Speaks little English; the interpreter line was used.",
    "Handed over to the next shift.",
    "Husband will bring glasses tomorrow.",
    "Would like to rest now, please try again later.",
    "Talked about the grandchildren’s visit.",
    "Needs reminding to drink.",
];
