//! What people write for a time zone, and the IANA name they probably mean.
//!
//! Some of these are IANA names too (`EST`, `CET`, `EST5EDT`): kept there for old files, and a trap, since `EST` never has
//! summer time. They are refused all the same. Hints are questions for a person; nothing is replaced behind anyone's back.

use super::windows_zones::WINDOWS_ZONES;
use crate::text::within;

/// Abbreviations, by what most people who write them mean.
const ABBREVIATIONS: [(&str, &str); 52] = [
    ("ACDT", "Australia/Adelaide"),
    ("ACST", "Australia/Adelaide"),
    ("ADT", "America/Halifax"),
    ("AEDT", "Australia/Sydney"),
    ("AEST", "Australia/Sydney"),
    ("AKDT", "America/Anchorage"),
    ("AKST", "America/Anchorage"),
    ("AST", "America/Halifax"),
    ("AWST", "Australia/Perth"),
    ("BRT", "America/Sao_Paulo"),
    ("BST", "Europe/London"),
    ("CAT", "Africa/Maputo"),
    ("CDT", "America/Chicago"),
    ("CEST", "Europe/Berlin"),
    ("CET", "Europe/Berlin"),
    ("CST", "America/Chicago"),
    ("CST6CDT", "America/Chicago"),
    ("EAT", "Africa/Nairobi"),
    ("EDT", "America/New_York"),
    ("EEST", "Europe/Helsinki"),
    ("EET", "Europe/Helsinki"),
    ("EST", "America/New_York"),
    ("EST5EDT", "America/New_York"),
    ("GMT", "Europe/London"),
    ("GST", "Asia/Dubai"),
    ("HKT", "Asia/Hong_Kong"),
    ("HST", "Pacific/Honolulu"),
    ("ICT", "Asia/Bangkok"),
    ("IDT", "Asia/Jerusalem"),
    ("IST", "Asia/Kolkata"),
    ("JST", "Asia/Tokyo"),
    ("KST", "Asia/Seoul"),
    ("MDT", "America/Denver"),
    ("MEST", "Europe/Berlin"),
    ("MESZ", "Europe/Berlin"),
    ("MET", "Europe/Berlin"),
    ("MEZ", "Europe/Berlin"),
    ("MSK", "Europe/Moscow"),
    ("MST", "America/Denver"),
    ("MST7MDT", "America/Denver"),
    ("NDT", "America/St_Johns"),
    ("NST", "America/St_Johns"),
    ("NZDT", "Pacific/Auckland"),
    ("NZST", "Pacific/Auckland"),
    ("PDT", "America/Los_Angeles"),
    ("PHT", "Asia/Manila"),
    ("PST", "America/Los_Angeles"),
    ("PST8PDT", "America/Los_Angeles"),
    ("SAST", "Africa/Johannesburg"),
    ("SGT", "Asia/Singapore"),
    ("WEST", "Europe/Lisbon"),
    ("WET", "Europe/Lisbon"),
];

/// Offsets that are no whole hours, each with a zone that has it all year.
const ODD_OFFSETS: [(i32, &str); 8] = [
    (-570, "Pacific/Marquesas"),
    (210, "Asia/Tehran"),
    (270, "Asia/Kabul"),
    (330, "Asia/Kolkata"),
    (345, "Asia/Kathmandu"),
    (390, "Asia/Yangon"),
    (525, "Australia/Eucla"),
    (570, "Australia/Darwin"),
];

/// Entries of a zone database that are no places: whatever the machine was set to, or nothing at all.
const NO_PLACES: [&str; 5] = ["Factory", "Etc/Unknown", "localtime", "posixrules", "local"];

/// Why a name is not taken, though the zone database may have it.
pub(super) enum Refusal {
    /// It stands for this IANA name.
    Means(String),
    /// It stands for no place.
    NoPlace,
}

/// Finds the reason not to take a name as it stands.
pub(super) fn find_refusal(name: &str) -> Option<Refusal> {
    if NO_PLACES.contains(&name) {
        return Some(Refusal::NoPlace);
    }
    let listed = |list: &[(&str, &str)]| {
        list.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, meant)| (*meant).to_string())
    };
    // `right/…` counts leap seconds, which no instant here does.
    let copy = name.strip_prefix("posix/").or_else(|| name.strip_prefix("right/")).map(str::to_string);
    copy.or_else(|| listed(&WINDOWS_ZONES))
        .or_else(|| listed(&ABBREVIATIONS))
        .or_else(|| offset_minutes(name).and_then(zone_of_offset))
        .map(Refusal::Means)
}

/// Reads `+02:00`, `-5`, `+0530`, `UTC+2`, `GMT-3`, `Z` as minutes east of Greenwich.
fn offset_minutes(name: &str) -> Option<i32> {
    let upper = name.to_ascii_uppercase();
    if upper == "Z" {
        return Some(0);
    }
    let signed = upper.strip_prefix("UTC").or_else(|| upper.strip_prefix("GMT")).unwrap_or(&upper).trim();
    let (sign, digits) = match (signed.strip_prefix('+'), signed.strip_prefix(['-', '−'])) {
        (Some(digits), _) => (1, digits),
        (None, Some(digits)) => (-1, digits),
        (None, None) => return None,
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None if digits.len() > 2 && digits.is_ascii() => digits.split_at(digits.len() - 2),
        None => (digits, "0"),
    };
    Some(sign * (hours.parse::<i32>().ok()?.checked_mul(60)? + minutes.parse::<i32>().ok().filter(|m| *m < 60)?))
}

fn zone_of_offset(minutes: i32) -> Option<String> {
    let hours = minutes / 60;
    match minutes % 60 {
        0 if hours == 0 => Some("UTC".into()),
        // POSIX signs: Etc/GMT-2 is two hours east of Greenwich.
        0 if (-12..=14).contains(&hours) => Some(format!("Etc/GMT{:+}", -hours)),
        _ => ODD_OFFSETS.iter().find(|(offset, _)| *offset == minutes).map(|(_, name)| (*name).to_string()),
    }
}

/// The nearest of the known names, or none if nothing is near.
pub(super) fn nearest(name: &str, known: impl Iterator<Item = String>) -> Option<String> {
    let wanted = simple(name);
    // A slip or two in a short name, more in a long one.
    let limit = (wanted.chars().count() / 4).clamp(1, 4);
    known
        .filter(|candidate| find_refusal(candidate).is_none())
        .filter_map(|candidate| Some((distance_to(&wanted, &candidate, limit)?, candidate)))
        .min()
        .map(|(_, candidate)| candidate)
}

/// The distance to all of the name or to its city, whichever is less: `Berlin` and `new york` are near.
fn distance_to(wanted: &str, candidate: &str, limit: usize) -> Option<usize> {
    let candidate = simple(candidate);
    let city = candidate.rsplit_once('/').and_then(|(_, city)| within(wanted, city, limit));
    within(wanted, &candidate, limit).into_iter().chain(city).min()
}

fn simple(name: &str) -> String {
    name.trim().to_lowercase().replace([' ', '-'], "_")
}
