//! The scopes that the daemon's calls need, against those that a token has.
//!
//! Pure. A whole scope or its half is enough; `OR.Default` stands for what roles allow.

/// What a call needs, and any one of what allows it.
struct Need {
    what_for: &'static str,
    any_of: &'static [&'static str],
}

const NEEDS: [Need; 4] = [
    Need { what_for: "starting and stopping jobs", any_of: &["OR.Jobs", "OR.Jobs.Write"] },
    Need { what_for: "reading jobs", any_of: &["OR.Jobs", "OR.Jobs.Read"] },
    Need { what_for: "finding processes", any_of: &["OR.Execution", "OR.Execution.Read"] },
    Need { what_for: "finding folders", any_of: &["OR.Folders", "OR.Folders.Read"] },
];

/// Allows whatever the roles of the application allow.
const BY_ROLES: &str = "OR.Default";

/// What a set of scopes is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopeVerdict {
    /// Enough.
    Enough,
    /// Roles decide: `OR.Default`.
    ByRoles,
    /// Not enough.
    Missing {
        /// What cannot be done.
        what_for: Vec<&'static str>,
        /// The smallest scopes that would do.
        add: Vec<&'static str>,
    },
}

/// Compares.
pub fn judge(had: &[String]) -> ScopeVerdict {
    let has = |scope: &&str| had.iter().any(|one| one.eq_ignore_ascii_case(scope));
    if has(&BY_ROLES) {
        return ScopeVerdict::ByRoles;
    }
    let missing: Vec<&Need> = NEEDS.iter().filter(|need| !need.any_of.iter().any(has)).collect();
    if missing.is_empty() {
        return ScopeVerdict::Enough;
    }
    // Both halves of one scope are asked for whole: the server refuses a scope together with its halves.
    let jobs = missing.iter().filter(|need| need.any_of.contains(&"OR.Jobs")).count();
    let mut add: Vec<&str> = Vec::new();
    for need in &missing {
        let scope = match (need.any_of, jobs) {
            (["OR.Jobs", _], 2) => "OR.Jobs",
            ([_, half], _) => *half,
            (other, _) => other.first().copied().unwrap_or_default(),
        };
        if !add.contains(&scope) {
            add.push(scope);
        }
    }
    ScopeVerdict::Missing { what_for: missing.iter().map(|need| need.what_for).collect(), add }
}
