//! The ways to log in that a server or a proxy names in `WWW-Authenticate` or `Proxy-Authenticate`.
//!
//! What decides is whether any of them can be used here: NTLM and Negotiate are spoken by Windows machines of a domain, and not
//! by this program. Only the names are kept; realms and parameters may hold anything.
//!
//! Pure.

use std::fmt;

/// Names of schemes that are known, as they are written; others are not repeated.
const KNOWN: [&str; 5] = ["Negotiate", "NTLM", "Kerberos", "Basic", "Bearer"];
/// Those of Windows.
const WINDOWS: usize = 3;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge(Vec<&'static str>);

impl Challenge {
    /// Reads the header, all of its lines with commas between. None: it names nothing that is known.
    pub fn read(header: &str) -> Option<Challenge> {
        let words: Vec<&str> = header.split(|c: char| c == ',' || c.is_whitespace()).collect();
        let named = |scheme: &&&str| words.iter().any(|word| word.eq_ignore_ascii_case(scheme));
        let schemes: Vec<&'static str> = KNOWN.iter().filter(named).copied().collect();
        (!schemes.is_empty()).then_some(Challenge(schemes))
    }

    /// Whether nothing but a Windows machine of the domain could answer it.
    pub fn is_windows_only(&self) -> bool {
        self.0.iter().all(|scheme| KNOWN[..WINDOWS].contains(scheme))
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.0.join("` or `"))
    }
}
