//! Addresses as people paste them, and what they mean.
//!
//! Whoever needs the base of Orchestrator's API copies the browser's address: with the page (`/jobs`), with the
//! folder's number (`?fid=345&tid=8`), of the portal (`/portal_/home`), of the login, of Swagger, without the tenant. Such an
//! address cannot work or hardly so, and what is meant follows from it; so the cure is the address itself. Shapes: UiPath's
//! API guide ("Orchestrator URL"), and forum threads of people whose calls came back as a web page (504018, 544082, 800047).
//!
//! Absent: whether an address may be used at all (`connection`), and whether anybody answers there (`doctor`).

use crate::http::is_loopback;
use url::{Host, Url};

/// Stands for the organization in a cure that cannot know it.
const ORGANIZATION: &str = "ORGANIZATION";
/// Stands for the tenant in a cure that cannot know it.
const TENANT: &str = "TENANT";

/// Where the reader finds them.
const BOTH_NAMES: &str = "put your names in the place of `ORGANIZATION` and `TENANT`: the browser's address shows them when \
                          Orchestrator is open";
const ONE_NAME: &str =
    "put the tenant's name in the place of `TENANT`: the browser's address shows it when Orchestrator is open";

/// Where UiPath's Cloud keeps Orchestrator below organization and tenant.
pub(super) const SERVICE: &str = "orchestrator_";

/// Hosts of UiPath's Cloud, besides `NAME.dedicated.uipath.com` (API guide, "AutomationCloudURL").
const CLOUD: [&str; 5] =
    ["cloud.uipath.com", "staging.uipath.com", "alpha.uipath.com", "platform.uipath.com", "govcloud.uipath.us"];

/// Hosts of UiPath's where no Orchestrator is.
const ELSEWHERE: [&str; 10] = [
    "uipath.com",
    "www.uipath.com",
    "account.uipath.com",
    "academy.uipath.com",
    "docs.uipath.com",
    "forum.uipath.com",
    "marketplace.uipath.com",
    "portal.uipath.com",
    "status.uipath.com",
    "orchestrator.uipath.com",
];

/// What begins a page of logging in, below any base.
const LOGIN: [&str; 6] = ["login", "account", "signin", "identity", "cloudrpa", "signup"];

/// What is called below the base, and by a program only.
const CALLED: [&str; 4] = ["odata", "api", "swagger", "signalr"];

/// Pages of Orchestrator, of which an address copied from the browser shows one.
const PAGES: [&str; 24] = [
    "jobs",
    "processes",
    "robots",
    "machines",
    "dashboard",
    "home",
    "folders",
    "queues",
    "transactions",
    "assets",
    "triggers",
    "schedules",
    "environments",
    "packages",
    "logs",
    "audit",
    "alerts",
    "settings",
    "users",
    "tenant",
    "license",
    "webhooks",
    "monitoring",
    "my-workspace",
];

/// How sure it is that an address does not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// It cannot work.
    Wrong,
    /// It may, on a server that is set up in an unusual way.
    Doubtful,
}

/// What is the matter with an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Matter {
    pub(super) weight: Weight,
    /// Follows the key's name: "must end before `/odata`".
    pub(super) what: String,
    /// The address that is meant, where it follows from what was written.
    pub(super) meant: Option<String>,
    /// What else is to be known; empty if nothing.
    pub(super) also: String,
}

impl Matter {
    /// What to do about it.
    pub(super) fn cure(&self) -> String {
        match (&self.meant, self.also.as_str()) {
            (Some(meant), "") => format!("write `{meant}`"),
            (Some(meant), also) => format!("write `{meant}`; {also}"),
            (None, also) => also.to_owned(),
        }
    }
}

/// The address without what people's programs put around it: blanks of any kind, quotes, brackets, a full stop.
pub(super) fn bare(text: &str) -> &str {
    let around = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '"' | '\'' | '`' | '<' | '>' | '(' | ')' | ',' | ';' | '\u{200b}'..='\u{200f}' | '\u{feff}')
            || matches!(c, '\u{2018}'..='\u{201f}' | '\u{ab}' | '\u{bb}')
    };
    text.trim_matches(around).trim_end_matches('.')
}

/// The address that a text without a scheme means, if it may be one.
pub(super) fn with_scheme(text: &str) -> Option<String> {
    let rest = text.strip_prefix("https:").or_else(|| text.strip_prefix("http:")).unwrap_or(text);
    let rest = rest.trim_start_matches(['/', '\\', ':']);
    let url = Url::parse(&format!("https://{rest}")).ok()?;
    let host = url.host()?;
    // One word alone is a name of something else.
    let dotted = matches!(&host, Host::Domain(name) if name.contains('.')) || !matches!(host, Host::Domain(_));
    if is_loopback(&url) {
        return Some(format!("http://{rest}"));
    }
    dotted.then(|| format!("https://{rest}"))
}

/// What is the matter with the base address of an Orchestrator.
pub(super) fn base(url: &Url) -> Option<Matter> {
    let place = Place::of(url);
    let parts = parts(url);
    let (kept, why) = match cut(&place, &parts) {
        Ok(kept) => (kept, None),
        Err((kept, why)) => (kept, Some(why)),
    };
    // Automation Suite has the Cloud's services, each with its underscore, on a host of somebody's own.
    let by_names = place != Place::Other || parts.iter().any(|part| is_service(part));
    let (kept, missing) = if by_names { complete(&kept) } else { (kept, None) };
    let mut meant = url.clone();
    meant.set_query(None);
    meant.set_fragment(None);
    meant.set_path(&kept.join("/"));
    let mut also = missing.map(str::to_owned).into_iter().collect::<Vec<_>>();
    also.extend(folder_of(url));
    also.extend(tenant_of(url));
    let also = also.join("; ");
    let matter = |weight, what: &str, meant: &Url| {
        Some(Matter { weight, what: what.to_owned(), meant: Some(shown(meant)), also: also.clone() })
    };
    if let Some(held) = placeholder(&parts) {
        let what = format!("holds `{held}`, which stands for a name of yours");
        let also = "write your own names: the browser's address shows them when Orchestrator is open".to_owned();
        return Some(Matter { weight: Weight::Wrong, what, meant: None, also });
    }
    match place {
        Place::Elsewhere => {
            let mut cloud = meant;
            // Only a name that always parses is set.
            let _ = cloud.set_host(Some(CLOUD[0]));
            let _ = cloud.set_port(None);
            cloud.set_path(&[ORGANIZATION, TENANT, SERVICE].join("/"));
            let also = BOTH_NAMES.to_owned();
            let what = "is a page of UiPath's where no Orchestrator is".to_owned();
            return Some(Matter { weight: Weight::Wrong, what, meant: Some(shown(&cloud)), also });
        }
        Place::Subdomain(name) if missing.is_some() => {
            let mut cloud = meant;
            let _ = cloud.set_host(Some(CLOUD[0]));
            let _ = cloud.set_port(None);
            let organization = kept.first().filter(|first| *first != ORGANIZATION).map_or(name, String::as_str);
            cloud.set_path(&[organization, TENANT, SERVICE].join("/"));
            let what =
                "names no tenant, and the Cloud's Orchestrators are below the host `cloud.uipath.com`".to_owned();
            let also = ONE_NAME.to_owned();
            return Some(Matter { weight: Weight::Doubtful, what, meant: Some(shown(&cloud)), also });
        }
        Place::Cloud | Place::Subdomain(_) | Place::Other => {}
    }
    if let Some((weight, why)) = why {
        return matter(weight, &why, &meant);
    }
    if missing.is_some() {
        return matter(Weight::Wrong, "names no tenant", &meant);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return matter(Weight::Wrong, "must end with its path, without `?` or `#`", &meant);
    }
    if place == Place::Cloud && url.port().is_some() {
        let mut without = meant.clone();
        let _ = without.set_port(None);
        return matter(Weight::Doubtful, "names a port, and the Cloud answers at the usual one only", &without);
    }
    // Empty parts: `//` in the middle.
    if url.path().trim_end_matches('/').split('/').skip(1).any(str::is_empty) {
        return matter(Weight::Doubtful, "holds `//` in its path", &meant);
    }
    None
}

/// Whose host it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place<'u> {
    Cloud,
    /// Another host of UiPath's, such as one of a region: its first label.
    Subdomain(&'u str),
    /// UiPath's, and no Orchestrator.
    Elsewhere,
    /// A server of somebody's own.
    Other,
}

impl Place<'_> {
    pub(super) fn of(url: &Url) -> Place<'_> {
        let Some(host) = url.host_str() else { return Place::Other };
        if CLOUD.contains(&host) || host.ends_with(".dedicated.uipath.com") {
            Place::Cloud
        } else if ELSEWHERE.contains(&host) {
            Place::Elsewhere
        } else {
            match host.strip_suffix(".uipath.com").or_else(|| host.strip_suffix(".uipath.us")) {
                Some(name) => Place::Subdomain(name.split('.').next().unwrap_or(name)),
                None => Place::Other,
            }
        }
    }
}

/// The parts of its path.
pub(super) fn parts(url: &Url) -> Vec<String> {
    url.path().split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// `orchestrator_`, `portal_`, `identity_`.
fn is_service(part: &str) -> bool {
    part.len() > 1 && part.ends_with('_')
}

type Why = (Weight, String);

/// The parts that belong to the base, and why the others do not.
fn cut(place: &Place<'_>, parts: &[String]) -> Result<Vec<String>, (Vec<String>, Why)> {
    let lower: Vec<String> = parts.iter().map(|part| part.to_ascii_lowercase()).collect();
    let is = |list: &[&str], part: &str| list.contains(&part);
    let off = |upto: usize, weight, why: String| Err((parts[..upto].to_vec(), (weight, why)));
    if let Some(service) = lower.iter().position(|part| part == SERVICE) {
        return match lower.get(service + 1).map(String::as_str) {
            None => Ok(parts.to_vec()),
            Some("odata") => off(service + 1, Weight::Wrong, "must end before `/odata`".to_owned()),
            Some(_) => off(service + 1, Weight::Wrong, format!("must end with `/{SERVICE}`")),
        };
    }
    // `portal_`, `identity_` and the like are other services of the Cloud, and of Automation Suite.
    if let Some(other) = parts.iter().position(|part| is_service(part)) {
        let why = format!("leads to `{}`, which is not Orchestrator", parts[other]);
        return off(other, Weight::Wrong, why);
    }
    let is_cloud = match place {
        Place::Cloud | Place::Subdomain(_) | Place::Elsewhere => true,
        Place::Other => false,
    };
    if is_cloud {
        if lower.first().is_some_and(|first| is(&LOGIN, first) || is(&CALLED, first)) {
            return off(
                0,
                Weight::Wrong,
                "leads to a page of its own, and names neither organization nor tenant".to_owned(),
            );
        }
        if let Some(odata) = lower.iter().position(|part| part == "odata") {
            return off(odata, Weight::Wrong, "must end before `/odata`".to_owned());
        }
        return match parts.len() {
            0..=2 => Ok(parts.to_vec()),
            _ => off(2, Weight::Wrong, format!("must end with the tenant, or with `/{SERVICE}` after it")),
        };
    }
    match lower.iter().position(|part| is(&CALLED, part) || is(&LOGIN, part)) {
        Some(called) if lower[called] == "odata" => off(called, Weight::Wrong, "must end before `/odata`".to_owned()),
        Some(called) => off(called, Weight::Wrong, format!("must end before `/{}`", parts[called])),
        None => match lower.iter().position(|part| is(&PAGES, part)) {
            Some(page) => {
                let why = format!("ends with a page of Orchestrator, `/{}`", parts[page..].join("/"));
                off(page, Weight::Doubtful, why)
            }
            None => Ok(parts.to_vec()),
        },
    }
}

/// On the Cloud, and where its services are, organization and tenant come first. What of them is missing.
fn complete(kept: &[String]) -> (Vec<String>, Option<&'static str>) {
    let service = kept.last().is_some_and(|last| last.eq_ignore_ascii_case(SERVICE));
    let names = &kept[..kept.len() - usize::from(service)];
    let all = |organization: &str, tenant: &str| vec![organization.to_owned(), tenant.to_owned(), SERVICE.to_owned()];
    match names {
        [] => (all(ORGANIZATION, TENANT), Some(BOTH_NAMES)),
        [organization] => (all(organization, TENANT), Some(ONE_NAME)),
        [organization, tenant, ..] => (all(organization, tenant), None),
    }
}

/// A name of ours or of somebody's documentation that stands for one of the reader's.
fn placeholder(parts: &[String]) -> Option<String> {
    let stands_for = |part: &String| {
        // Braces and angle brackets come out of the parser percent-encoded, in part.
        let odd = ["{", "}", "<", ">", "%7B", "%7D", "%3C", "%3E"].iter().any(|sign| part.contains(sign));
        odd || [ORGANIZATION, TENANT].contains(&part.as_str())
    };
    parts
        .iter()
        .find(|part| stands_for(part))
        .map(|part| part.replace("%7B", "{").replace("%7D", "}").replace("%3C", "<").replace("%3E", ">"))
}

/// The folder's number is in the address that was copied.
fn folder_of(url: &Url) -> Option<String> {
    let number = of_query(url, "fid")?;
    let plain = (1..=19).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| format!("the folder's number in it is written `folder_id: {number}` in a schedule's `start`"))
}

/// A login page names its tenant.
fn tenant_of(url: &Url) -> Option<String> {
    let name = of_query(url, "tenancyName")?;
    let plain = (1..=64).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    plain.then(|| format!("the tenant's name in it is written `tenant: {name}` in the connection"))
}

fn of_query(url: &Url, key: &str) -> Option<String> {
    // Pages of one-page applications keep their query behind the `#`.
    let behind = url.fragment().and_then(|fragment| fragment.split_once('?')).map(|(_, query)| query);
    let mut pairs = [url.query(), behind]
        .into_iter()
        .flatten()
        .flat_map(|query| url::form_urlencoded::parse(query.as_bytes()).into_owned().collect::<Vec<_>>());
    pairs.find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value)
}

/// As people write it: no slash at the end.
pub(super) fn shown(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}
