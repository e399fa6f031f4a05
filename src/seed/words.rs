//! The pools that names come from. People and places are made up; a name here means nobody.

use super::rng::Rng;

/// Names that go together.
struct Culture {
    given: &'static [&'static str],
    family: &'static [&'static str],
}

/// A made-up person's name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name {
    pub(super) given: &'static str,
    pub(super) family: &'static str,
}

impl Name {
    /// Anybody's. Once in four times the family name has come another way than the given one, as it does.
    pub(super) fn any(rng: &mut Rng) -> Self {
        let culture = rng.below(CULTURES.len());
        let family = if culture < LATIN && rng.one_in(4) { rng.below(LATIN) } else { culture };
        Self { given: rng.pick(CULTURES[culture].given), family: rng.pick(CULTURES[family].family) }
    }

    /// As one text: in Han, Kana and Hangul the family name stands first, without a space.
    pub(super) fn full(self) -> String {
        let Self { given, family } = self;
        if family.starts_with(|c| c >= '\u{3000}') { format!("{family}{given}") } else { format!("{given} {family}") }
    }
}

/// How many of [`CULTURES`], from the first, are written in Latin letters.
const LATIN: usize = 16;

/// Family names are ones that do not change with gender, so that any two go together.
const CULTURES: &[Culture] = &[
    Culture {
        given: &["Amelia", "George", "Harriet", "Oliver", "Rosemary", "Stanley", "Edith", "Callum"],
        family: &["Ashworth", "Bennett", "Clarke", "Hargreaves", "Pemberton", "Thorne", "Whitfield", "O’Neill-Hart"],
    },
    Culture {
        given: &["Aoife", "Cian", "Niamh", "Pádraig", "Siân", "Rhys", "Ewan", "Mairead"],
        family: &["Byrne", "Gallagher", "Kavanagh", "Llewellyn", "MacLeod", "Ó Súilleabháin", "Pritchard", "O'Connor"],
    },
    Culture {
        given: &["Luz", "Joaquín", "Inés", "Mateo", "Begoña", "Ramón", "Ximena", "Julián"],
        family: &["Castañeda", "Domínguez", "Ibáñez", "Muñoz", "Quispe", "Rojas", "Zúñiga", "García Márquez"],
    },
    Culture {
        given: &["João", "Beatriz", "Conceição", "Thiago", "Luísa", "Antônio"],
        family: &["Araújo", "Conceição", "Gonçalves", "Magalhães", "Nóbrega", "Simões"],
    },
    Culture {
        given: &["Zoé", "Étienne", "Maëlle", "Théo", "Geneviève", "Benoît"],
        family: &["Beauséjour", "Charpentier", "Delorme", "Lefèvre", "Noël", "d’Aubigné"],
    },
    Culture {
        given: &["Jürgen", "Anneliese", "Matthias", "Käthe", "Björn", "Liesel"],
        family: &["Bäcker", "Grünwald", "Köhler", "Müller", "Schäfer", "von der Heide"],
    },
    Culture {
        given: &["Åsa", "Søren", "Ingrid", "Mikkel", "Aino", "Þóra"],
        family: &["Bergström", "Ødegård", "Lindqvist", "Mäkinen", "Nygård", "Sjöberg"],
    },
    Culture {
        given: &["Łukasz", "Małgorzata", "Wojciech", "Agnieszka", "Božena", "Zdeněk"],
        family: &["Wójcik", "Woźniak", "Mazur", "Kaczmarek", "Nowak", "Dvořáček"],
    },
    Culture {
        given: &["Çağla", "Emre", "Gülşen", "İsmail", "Şebnem", "Onur"],
        family: &["Aydın", "Çelik", "Gündoğdu", "Karabulut", "Öztürk", "Yıldız"],
    },
    Culture {
        given: &["Chukwuemeka", "Ngozi", "Adébáyọ̀", "Folasade", "Ifeoma", "Tunde"],
        family: &["Adeyemi", "Balogun", "Eze", "Nwosu", "Okafor", "Ọládélé"],
    },
    Culture {
        given: &["Kwame", "Abena", "Thabo", "Nomvula", "Wanjiru", "Baraka"],
        family: &["Boateng", "Dlamini", "Kamau", "Mensah", "Mwangi", "Nkosi"],
    },
    Culture {
        given: &["Thị Ánh", "Văn Đức", "Ngọc Hân", "Quốc Bảo", "Thanh Trúc", "Minh Khôi"],
        family: &["Đặng", "Huỳnh", "Lý", "Ngô", "Phạm", "Vũ"],
    },
    Culture {
        given: &["Aroha", "Wiremu", "Ngaire", "Tāne", "Sina", "Kauwela"],
        family: &["Kahananui", "Kereama", "Ngata", "Parata", "Tāwhiri", "Tuilagi"],
    },
    Culture {
        given: &["Priya", "Arjun", "Meenakshi", "Rahul", "Farida", "Imran"],
        family: &["Banerjee", "Chowdhury", "Iyer", "Kapoor", "Patel", "Siddiqui"],
    },
    Culture {
        given: &["Marisol", "Jomar", "Dewi", "Budi", "Siti", "Rodrigo"],
        family: &["Bautista", "Dela Cruz", "Hidayat", "Macaraeg", "Santoso", "Wijaya"],
    },
    Culture {
        given: &["Dimitra", "Nikos", "Ileana", "Răzvan", "Ágnes", "Gergő"],
        family: &["Kovács", "Nagy", "Țepeș-Ionescu", "Munteanu", "Papadaki", "Szőke"],
    },
    Culture {
        given: &["محمد", "فاطمة", "يوسف", "ليلى", "عمر", "نور"],
        family: &["الحداد", "الخطيب", "النجار", "منصور", "درويش", "سليمان"],
    },
    Culture {
        given: &["נועה", "איתן", "מרים", "דוד", "תמר", "אורי"],
        family: &["אברהמי", "ביטון", "כהן", "לוי", "מזרחי", "פרץ"],
    },
    Culture {
        given: &["Олена", "Тарас", "Марія", "Богдан", "Людмила", "Ігор"],
        family: &["Бондаренко", "Гончар", "Коваль", "Мельник", "Шевченко", "Ткачук"],
    },
    Culture {
        given: &["秀英", "建国", "雨桐", "志强", "美玲", "思远"],
        family: &["陈", "黄", "李", "欧阳", "王", "张"],
    },
    Culture {
        given: &["陽子", "健太", "美咲", "翔", "さくら", "和夫"],
        family: &["佐藤", "鈴木", "高橋", "田中", "渡辺", "中村"],
    },
    Culture {
        given: &["서연", "민준", "지우", "영수", "하은", "현우"],
        family: &["김", "박", "이", "정", "최", "남궁"],
    },
    Culture {
        given: &["अनिता", "राजेश", "कविता", "सुरेश", "लक्ष्मी", "विक्रम"],
        family: &["शर्मा", "वर्मा", "जोशी", "मिश्रा", "रेड्डी", "नायर"],
    },
    Culture {
        given: &["ሰላም", "ዳዊት", "ትዕግስት", "አበበ"], family: &["ተስፋዬ", "በቀለ", "ኃይሌ", "መኮንን"]
    },
    Culture {
        given: &["Անի", "Արամ", "Նարինե", "Տիգրան"], family: &["Պետրոսյան", "Սարգսյան", "Հակոբյան"]
    },
    Culture {
        given: &["ნინო", "გიორგი", "მარიამ", "ლევან"], family: &["ბერიძე", "კაპანაძე", "მაისურაძე"]
    },
];

/// Places for hospitals: name, kind, time zone. None is a real hospital.
pub(super) const HOSPITALS: &[(&str, &str, &str)] = &[
    ("Northfield", "General Hospital", "Europe/London"),
    ("Cedar Ridge", "Medical Center", "America/Denver"),
    ("Harbourside", "Infirmary", "Europe/Dublin"),
    ("Maple Grove", "Community Hospital", "America/Toronto"),
    ("Sankt Elin", "University Hospital", "Europe/Stockholm"),
    ("Bellvista", "Hospital", "Europe/Madrid"),
    ("Eastmoor", "District Hospital", "Europe/London"),
    ("Palm Court", "Medical Center", "America/Los_Angeles"),
    ("Wattle Creek", "Base Hospital", "Australia/Sydney"),
    ("Kowhai Bay", "Hospital", "Pacific/Auckland"),
    ("Lindenhof", "Clinic", "Europe/Berlin"),
    ("Silver Lake", "Regional Hospital", "America/New_York"),
    ("Banyan", "Multispecialty Hospital", "Asia/Kolkata"),
    ("Jacaranda", "Hospital", "Africa/Johannesburg"),
    ("Westbrook", "Memorial Hospital", "America/Chicago"),
    ("Fjordview", "Hospital", "Europe/Oslo"),
    ("Orchard Road", "General Hospital", "Asia/Singapore"),
    ("Mistral", "Hospital Centre", "Europe/Paris"),
    ("Granite Peak", "Medical Center", "America/Phoenix"),
    ("Saltmarsh", "Cottage Hospital", "Europe/London"),
    ("Baobab", "Teaching Hospital", "Africa/Lagos"),
    ("Aurora Point", "Hospital", "America/Anchorage"),
    ("Torrealta", "Hospital", "America/Santiago"),
    ("Sakuragaoka", "Hospital", "Asia/Tokyo"),
];
