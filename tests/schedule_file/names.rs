//! Folders by name and by number, and addresses as people paste them.

use punctual::schedule::{Connection, FolderChoice, Invalid, Loaded, json_schema};
use serde_json::json;

use super::{HEAD, read, source, told, with_schedule};

fn folder_of(defaults: &str, start: &str) -> Option<FolderChoice> {
    let text = HEAD.replace("{ timezone: UTC }", &format!("{{ timezone: UTC{defaults} }}"));
    let text = format!("{text}schedules:\n  x:\n    every: 5m\n    start: {{ process: P{start} }}\n");
    let loaded = read(source("f.yaml", &text)).unwrap_or_else(|invalid| panic!("{text}{:#?}", invalid.diagnostics));
    assert_eq!(loaded.warnings, []);
    loaded.set.schedules["x"].start.folder.clone()
}

fn name(name: &str) -> Option<FolderChoice> {
    Some(FolderChoice::Named(name.to_owned()))
}

#[test]
fn a_folder_is_a_text_even_in_digits_and_a_folder_id_is_a_number() {
    assert_eq!(folder_of("", ""), None);
    assert_eq!(folder_of("", ", folder: Finance/Accounts payable"), name("Finance/Accounts payable"));
    assert_eq!(folder_of("", ", folder: 345"), name("345"));
    assert_eq!(folder_of("", ", folder: \"0345\""), name("0345"));
    assert_eq!(folder_of("", ", folder_id: 345"), Some(FolderChoice::Number(345)));
    assert_eq!(folder_of("", ", folder_id: 9007199254740993"), Some(FolderChoice::Number(9_007_199_254_740_993)));
    assert_eq!(folder_of("", ", folder: \"\u{a0}Finance \""), name("Finance"), "blanks around it cannot be meant");
}

#[test]
fn a_schedules_own_folder_of_either_kind_stands_in_the_place_of_the_defaults() {
    let number = Some(FolderChoice::Number(7));
    assert_eq!(folder_of(", folder: Shared", ""), name("Shared"));
    assert_eq!(folder_of(", folder_id: 7", ""), number);
    assert_eq!(folder_of(", folder: Shared", ", folder_id: 7"), number);
    assert_eq!(folder_of(", folder_id: 7", ", folder: Shared"), name("Shared"));
    assert_eq!(folder_of(", folder_id: 7", ", folder_id: 8"), Some(FolderChoice::Number(8)));
}

#[test]
fn a_folder_is_kept_as_it_is_written_and_rows_of_before_are_read() {
    for (choice, text) in [(FolderChoice::Named("345".to_owned()), "\"345\""), (FolderChoice::Number(345), "345")] {
        assert_eq!(serde_json::to_string(&choice).unwrap(), text);
        assert_eq!(serde_json::from_str::<FolderChoice>(text).unwrap(), choice);
    }
}

#[test]
fn a_wrong_folder_number_is_told_with_the_line_to_write_and_that_line_loads() {
    for (written, cure) in [
        ("\"345\"", "write `folder_id: 345`, without quotes"),
        ("fid=345", "write `folder_id: 345`, without quotes"),
        (
            "\"https://cloud.uipath.com/acme/prod/orchestrator_/?tid=8&fid=345\"",
            "write `folder_id: 345`, without quotes",
        ),
        ("Finance", "write a name as `folder`; `folder_id` is the number that web addresses show as `fid=`"),
        ("0", "write the number that Orchestrator's address bar shows as `fid=`, such as `folder_id: 345`"),
        ("-3", "write the number that Orchestrator's address bar shows as `fid=`, such as `folder_id: 345`"),
        ("3.5", "write the number that Orchestrator's address bar shows as `fid=`, such as `folder_id: 345`"),
        ("", "write the number that Orchestrator's address bar shows as `fid=`, such as `folder_id: 345`"),
        ("[345]", "write the number that Orchestrator's address bar shows as `fid=`, such as `folder_id: 345`"),
    ] {
        let invalid =
            read(with_schedule(&format!("every: 5m\nstart:\n  process: P\n  folder_id: {written}"))).unwrap_err();
        assert_eq!(invalid.diagnostics.len(), 1, "{written}: {:#?}", invalid.diagnostics);
        assert_eq!(invalid.diagnostics[0].hint.as_deref(), Some(cure), "{written}");
        if let Some(line) = cure.split('`').find(|part| part.starts_with("folder_id: ")) {
            read(with_schedule(&format!("every: 5m\nstart:\n  process: P\n  {line}"))).unwrap();
        }
    }
}

#[test]
fn the_schema_takes_one_of_the_two_and_no_text_as_a_number() {
    let validator = jsonschema::validator_for(&json_schema()).unwrap();
    for (fine, start) in [
        (true, json!({ "process": "P", "folder": "F" })),
        (true, json!({ "process": "P", "folder": 345 })),
        (true, json!({ "process": "P", "folder_id": 345 })),
        (false, json!({ "process": "P", "folder_id": "345" })),
        (false, json!({ "process": "P", "folder_id": 0 })),
        (false, json!({ "process": "P", "folder": "F", "folder_id": 345 })),
    ] {
        let file = json!({ "version": 1, "schedules": { "x": { "every": "5m", "start": start } } });
        assert_eq!(validator.is_valid(&file), fine, "{file}");
    }
}

// --- addresses ---

fn with_url(url: &str) -> Result<Loaded, Invalid> {
    let text = HEAD
        .replace("https://cloud.uipath.com/acme/production/orchestrator_", &format!("'{}'", url.replace('\'', "''")));
    read(source("f.yaml", &text))
}

fn with_token_url(url: &str) -> Result<Loaded, Invalid> {
    read(source("f.yaml", &HEAD.replace("scope: OR.Jobs", &format!("scope: OR.Jobs, token_url: '{url}'"))))
}

fn connection(loaded: &Loaded) -> &Connection {
    loaded.set.connections.values().next().unwrap()
}

/// The one finding's hint, and whether the file is refused.
fn hint(read: Result<Loaded, Invalid>, of: &str) -> (String, bool) {
    let (list, refused) = match read {
        Ok(loaded) => (loaded.warnings, false),
        Err(invalid) => (invalid.diagnostics, true),
    };
    assert_eq!(list.len(), 1, "{of}: {list:#?}");
    (list[0].hint.clone().unwrap(), refused)
}

/// The address that a hint tells to write, with names for what it cannot know.
fn written(hint: &str) -> String {
    let address = hint.split('`').find(|part| part.contains("://")).unwrap_or_else(|| panic!("no address: {hint}"));
    address.replace("ORGANIZATION", "acme").replace("TENANT", "prod")
}

const CLOUD: &str = "https://cloud.uipath.com/acme/prod/orchestrator_";

#[test]
fn an_address_from_the_browser_is_refused_with_the_address_that_is_meant() {
    for (pasted, meant) in [
        ("https://cloud.uipath.com/acme/prod/orchestrator_/?fid=345&tid=8", CLOUD),
        ("https://cloud.uipath.com/acme/prod/orchestrator_?tid=8", CLOUD),
        ("https://cloud.uipath.com/acme/prod/orchestrator_/jobs", CLOUD),
        ("https://cloud.uipath.com/acme/prod/orchestrator_/jobs?tid=8&fid=345&index=0&size=10", CLOUD),
        ("https://cloud.uipath.com/acme/prod/orchestrator_/odata", CLOUD),
        ("https://cloud.uipath.com/acme/prod/orchestrator_/odata/", CLOUD),
        ("https://cloud.uipath.com/acme/prod/orchestrator_/odata/Jobs", CLOUD),
        ("https://cloud.uipath.com/acme/prod/orchestrator_/swagger/index.html", CLOUD),
        ("https://cloud.uipath.com/acme/prod/orchestrator_/swagger/index.html#/Jobs", CLOUD),
        ("https://cloud.uipath.com/acme/prod/orchestrator_/api/Account/Authenticate", CLOUD),
        ("https://cloud.uipath.com/acme/prod/orchestrator_/orchestrator_", CLOUD),
        ("https://cloud.uipath.com/acme/prod/orchestrator_#/jobs", CLOUD),
        ("https://cloud.uipath.com/acme/prod/odata", CLOUD),
        ("https://cloud.uipath.com/acme/prod/orchestrator", CLOUD),
        ("https://cloud.uipath.com/acme/prod/studio_/projects", CLOUD),
        ("https://cloud.uipath.com/acme/prod/actions_/", CLOUD),
        ("https://cloud.uipath.com/acme", CLOUD),
        ("https://cloud.uipath.com/acme/", CLOUD),
        ("https://cloud.uipath.com/acme/orchestrator_", CLOUD),
        ("https://cloud.uipath.com/acme/portal_/home", CLOUD),
        ("https://cloud.uipath.com/acme/portal_/admin/services", CLOUD),
        ("https://cloud.uipath.com/acme/identity_/connect/token", CLOUD),
        ("https://cloud.uipath.com/portal_/login", CLOUD),
        ("https://cloud.uipath.com/identity_/connect/token", CLOUD),
        ("https://cloud.uipath.com", CLOUD),
        ("https://cloud.uipath.com/", CLOUD),
        ("https://cloud.uipath.com/login", CLOUD),
        ("https://cloud.uipath.com/odata/Jobs", CLOUD),
        ("https://account.uipath.com/login", CLOUD),
        ("https://www.uipath.com/", CLOUD),
        ("https://staging.uipath.com/acme", "https://staging.uipath.com/acme/prod/orchestrator_"),
        ("https://govcloud.uipath.us/acme/portal_/home", "https://govcloud.uipath.us/acme/prod/orchestrator_"),
        (
            "https://acme.dedicated.uipath.com/acme/prod/jobs",
            "https://acme.dedicated.uipath.com/acme/prod/orchestrator_",
        ),
        ("https://eu.uipath.com/acme/prod/orchestrator_/jobs", "https://eu.uipath.com/acme/prod/orchestrator_"),
        ("cloud.uipath.com/acme/prod/orchestrator_", CLOUD),
        ("cloud.uipath.com/acme/prod/orchestrator_/jobs?fid=3", CLOUD),
        ("//cloud.uipath.com/acme/prod/orchestrator_", CLOUD),
        ("cloud.uipath.com:443/acme/prod/orchestrator_", CLOUD),
        ("http://cloud.uipath.com/acme/prod/orchestrator_", CLOUD),
        ("http://cloud.uipath.com:80/acme/prod/orchestrator_/?fid=3", CLOUD),
        ("\"https://cloud.uipath.com/acme/prod/orchestrator_\"", CLOUD),
        ("'https://cloud.uipath.com/acme/prod/orchestrator_'", CLOUD),
        ("<https://cloud.uipath.com/acme/prod/orchestrator_>", CLOUD),
        ("\u{201c}https://cloud.uipath.com/acme/prod/orchestrator_\u{201d}", CLOUD),
        ("\u{feff}https://cloud.uipath.com/acme/prod/orchestrator_\u{200b}", CLOUD),
        ("http://orchestrator.acme.local", "https://orchestrator.acme.local"),
        ("http://orchestrator.acme.local:8080/", "https://orchestrator.acme.local:8080"),
        ("https://orchestrator.acme.local/odata/", "https://orchestrator.acme.local"),
        ("https://orchestrator.acme.local/?fid=2032&tid=8", "https://orchestrator.acme.local"),
        ("https://orchestrator.acme.local/#/jobs", "https://orchestrator.acme.local"),
        ("https://orchestrator.acme.local/login", "https://orchestrator.acme.local"),
        ("https://orchestrator.acme.local/account/login?tenancyName=Default", "https://orchestrator.acme.local"),
        ("https://orchestrator.acme.local/identity/connect/token", "https://orchestrator.acme.local"),
        ("https://orchestrator.acme.local/swagger/ui/index", "https://orchestrator.acme.local"),
        ("https://orchestrator.acme.local/uipath/odata", "https://orchestrator.acme.local/uipath"),
        ("https://suite.acme.local/acme/portal_/home", "https://suite.acme.local/acme/prod/orchestrator_"),
        ("https://suite.acme.local/identity_/web/login", "https://suite.acme.local/acme/prod/orchestrator_"),
        ("localhost:8080/acme/prod/orchestrator_", "http://localhost:8080/acme/prod/orchestrator_"),
        ("10.0.0.5/odata", "https://10.0.0.5"),
    ] {
        let (hint, refused) = hint(with_url(pasted), pasted);
        assert!(refused, "{pasted}: {hint}");
        assert_eq!(written(&hint), meant, "{pasted}: {hint}");
        let loaded = with_url(&written(&hint)).unwrap_or_else(|invalid| panic!("{pasted}: {:#?}", invalid.diagnostics));
        assert_eq!(loaded.warnings, [], "{pasted}");
        assert_eq!(connection(&loaded).url.as_str().trim_end_matches('/'), meant, "{pasted}");
    }
}

#[test]
fn an_address_that_may_be_right_is_only_doubted() {
    for (pasted, meant) in [
        ("https://acme.uipath.com", CLOUD),
        ("https://eu.uipath.com/acme", CLOUD),
        ("https://cloud.uipath.com:8443/acme/prod/orchestrator_", CLOUD),
        ("https://cloud.uipath.com//acme/prod/orchestrator_", CLOUD),
        ("https://orchestrator.acme.local/jobs", "https://orchestrator.acme.local"),
        ("https://orchestrator.acme.local/robots/list", "https://orchestrator.acme.local"),
    ] {
        let (hint, refused) = hint(with_url(pasted), pasted);
        assert!(!refused, "{pasted}: {hint}");
        assert_eq!(written(&hint), meant, "{pasted}: {hint}");
        assert_eq!(with_url(&written(&hint)).unwrap().warnings, [], "{pasted}");
    }
}

#[test]
fn good_addresses_are_taken_without_a_word() {
    for url in [
        CLOUD,
        "https://cloud.uipath.com/acme/prod",
        "https://cloud.uipath.com/acme/prod/",
        " https://cloud.uipath.com/acme/prod/orchestrator_ ",
        "https://Cloud.UiPath.com/acme/prod/orchestrator_/",
        "https://cloud.uipath.com:443/acme/prod/orchestrator_",
        "https://cloud.uipath.com/acme/My%20Tenant/orchestrator_",
        "https://cloud.uipath.com/acme/My Tenant/orchestrator_",
        "https://staging.uipath.com/acme/prod/orchestrator_",
        "https://alpha.uipath.com/acme/prod/orchestrator_",
        "https://govcloud.uipath.us/acme/prod/orchestrator_",
        "https://acme.dedicated.uipath.com/acme/prod/orchestrator_",
        "https://eu.uipath.com/acme/prod/orchestrator_",
        "https://platform.uipath.com/acme/prod",
        "https://orchestrator.acme.local",
        "https://orchestrator.acme.local:8443/",
        "https://orchestrator.acme.local/uipath",
        "https://suite.acme.local/acme/prod/orchestrator_",
        "http://localhost:8080/acme/prod/orchestrator_",
        "http://127.0.0.1:6234",
        "https://10.0.0.5",
    ] {
        let loaded = with_url(url).unwrap_or_else(|invalid| panic!("{url}: {:#?}", invalid.diagnostics));
        assert_eq!(loaded.warnings, [], "{url}");
    }
}

#[test]
fn what_else_a_copied_address_tells_is_passed_on() {
    let (folder, _) = hint(with_url("https://cloud.uipath.com/acme/prod/orchestrator_/jobs?tid=8&fid=345"), "fid");
    assert!(
        folder.ends_with("the folder's number in it is written `folder_id: 345` in a schedule's `start`"),
        "{folder}"
    );
    assert_eq!(folder_of("", ", folder_id: 345"), Some(FolderChoice::Number(345)));
    let (tenant, _) = hint(with_url("https://orchestrator.acme.local/account/login?tenancyName=Default"), "tenant");
    assert!(tenant.ends_with("the tenant's name in it is written `tenant: Default` in the connection"), "{tenant}");
}

#[test]
fn names_that_stand_for_others_are_not_taken_for_names() {
    for url in [
        "https://cloud.uipath.com/ORGANIZATION/TENANT/orchestrator_",
        "https://cloud.uipath.com/acme/TENANT/orchestrator_",
        "https://cloud.uipath.com/{organizationName}/{tenantName}/orchestrator_",
    ] {
        let (hint, refused) = hint(with_url(url), url);
        assert!(refused && hint.starts_with("write your own names"), "{url}: {hint}");
    }
}

#[test]
fn a_secret_in_a_copied_address_is_not_repeated() {
    let seen = told(with_url("https://cloud.uipath.com/acme/prod/orchestrator_/jobs?access_token=hunter2&fid=hunter2"));
    assert!(!seen.contains("hunter2"), "{seen}");
    let seen = told(with_url("https://user:hunter2@cloud.uipath.com/acme/prod/orchestrator_"));
    assert!(!seen.contains("hunter2"), "{seen}");
}

#[test]
fn an_address_that_gives_no_tokens_is_refused_with_the_one_that_does() {
    let cloud = "https://cloud.uipath.com/acme/identity_/connect/token";
    let host = "https://cloud.uipath.com/identity_/connect/token";
    let own = "https://orchestrator.acme.local/identity/connect/token";
    for (pasted, meant) in [
        ("https://cloud.uipath.com/acme/identity_/connect/authorize", cloud),
        ("https://cloud.uipath.com/acme/identity_/connect/authorize?client_id=x&scope=y", cloud),
        ("https://cloud.uipath.com/acme/identity_/.well-known/openid-configuration", cloud),
        ("https://cloud.uipath.com/acme/identity/connect/token", cloud),
        ("https://cloud.uipath.com/acme/identity_", cloud),
        ("https://cloud.uipath.com/acme/identity_/connect", cloud),
        ("https://cloud.uipath.com/acme/identity_/connect/token/", cloud),
        ("https://cloud.uipath.com/acme/identity_/connect/token?x=1", cloud),
        ("https://cloud.uipath.com/identity/connect/token", host),
        ("https://cloud.uipath.com/connect/token", host),
        ("https://cloud.uipath.com/identity_/web/login", host),
        ("http://cloud.uipath.com/identity/connect/authorize", host),
        ("cloud.uipath.com/identity_/connect/token", host),
        ("https://orchestrator.acme.local/identity/connect/authorize", own),
        ("https://orchestrator.acme.local/identity/.well-known/openid-configuration", own),
        ("https://orchestrator.acme.local/identity/login?returnUrl=x", own),
        ("https://orchestrator.acme.local/identity", own),
        ("https://account.uipath.com/authorize?audience=x", "https://account.uipath.com/oauth/token"),
        ("https://account.uipath.com", "https://account.uipath.com/oauth/token"),
    ] {
        if pasted.ends_with("token/") {
            assert_eq!(with_token_url(pasted).unwrap().warnings, [], "a slash at the end is taken off");
            continue;
        }
        let (hint, refused) = hint(with_token_url(pasted), pasted);
        assert!(refused, "{pasted}: {hint}");
        let address = hint.split('`').find(|part| part.contains("://")).unwrap();
        assert_eq!(address, meant, "{pasted}: {hint}");
        let loaded = with_token_url(address).unwrap();
        assert_eq!(loaded.warnings, [], "{pasted}");
        assert_eq!(connection(&loaded).auth.token_url.as_ref().unwrap().as_str(), meant);
    }
    for pasted in [
        "https://cloud.uipath.com/acme/prod/orchestrator_",
        "https://cloud.uipath.com",
        "https://orchestrator.acme.local/",
    ] {
        let (hint, refused) = hint(with_token_url(pasted), pasted);
        assert!(refused && hint.starts_with("take `token_url` out"), "{pasted}: {hint}");
    }
    assert_eq!(read(source("f.yaml", HEAD)).unwrap().warnings, [], "without `token_url`");
    for fine in [
        cloud,
        host,
        own,
        "https://account.uipath.com/oauth/token",
        "https://orchestrator.acme.local/api/account/authenticate",
        "https://cloud.uipath.com/acme/prod/orchestrator_/api/Account/Authenticate",
        "https://login.acme.com/oauth2/token",
        "https://suite.acme.local/identity_/connect/token",
    ] {
        let loaded = with_token_url(fine).unwrap_or_else(|invalid| panic!("{fine}: {:#?}", invalid.diagnostics));
        assert_eq!(loaded.warnings, [], "{fine}");
    }
}
