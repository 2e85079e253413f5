//! Folders and processes by names as people have them, in a tenant of the sandbox.

use std::time::Duration;

use punctual::clock::Clock;
use punctual::orchestrator::{FoundBy, FoundFolder};
use punctual::sandbox::{FolderSpec, ProcessSpec, Sandbox, SandboxConfig};

use super::*;

/// Whoever has logged in.
struct Holder(String);

impl Bearer for Holder {
    fn token(&self) -> BoxFuture<'_, Result<Token, TokenUnavailable>> {
        Box::pin(async { Ok(Token { generation: 1, secret: Secret::new(self.0.as_str()) }) })
    }

    fn renewed(&self, _refused: u64) -> BoxFuture<'_, Result<Token, TokenUnavailable>> {
        self.token()
    }
}

struct Tenant {
    client: Client,
    _sandbox: Sandbox,
}

/// A tenant with these folders, each with these processes, and an account with these scopes; without any, with all rights.
async fn tenant(folders: &[&str], processes: &[&str], scopes: &[&str]) -> Tenant {
    let (clock, _) = Clock::manual(NOW.parse().unwrap());
    let mut config = SandboxConfig::demo(clock.clone());
    let spec = |path: &&str| FolderSpec {
        path: (*path).to_owned(),
        processes: processes
            .iter()
            .map(|name| ProcessSpec::new(*name).taking(Duration::ZERO, Duration::ZERO))
            .collect(),
        robots: 1,
    };
    config.tenant.folders = folders.iter().map(spec).collect();
    config.tenant.queues.clear();
    let sandbox = Sandbox::start(config).await.unwrap();
    let token = sandbox.control().mint_token(scopes);
    let config = ClientConfig {
        connection: "main".to_owned(),
        base: Url::parse(&sandbox.base_url()).unwrap(),
        tenant: None,
        clock,
        bearer: Arc::new(Holder(token)),
    };
    Tenant { client: Client::new(config).unwrap(), _sandbox: sandbox }
}

impl Tenant {
    async fn find(&self, name: &str) -> Result<FoundFolder, CallError> {
        self.client.find_folder(named(name).as_ref()).await
    }

    /// Its full name, and how it was found.
    async fn found(&self, name: &str) -> (String, FoundBy) {
        let found = self.find(name).await.unwrap_or_else(|error| panic!("{name:?}: {error:?}"));
        (found.full_name.unwrap(), found.found_by)
    }

    async fn refused(&self, name: &str) -> (u16, String) {
        match self.find(name).await {
            Err(CallError::Rejected { status, cure: Some(cure), .. }) => (status, cure),
            other => panic!("{name:?}: {other:?}"),
        }
    }
}

const PAYABLE: &str = "Finance/Accounts payable";

#[tokio::test]
async fn a_full_name_is_found_however_its_separators_and_blanks_are_written() {
    let tenant = tenant(&["Shared", PAYABLE], &[], &[]).await;
    for name in [
        "Finance/Accounts payable",
        "Finance\\Accounts payable",
        "/Finance/Accounts payable/",
        "Finance/Accounts payable/",
        "Finance / Accounts payable",
        "  finance//ACCOUNTS PAYABLE ",
        "Finance/Accounts\u{a0}payable",
        "Finance/Accounts\u{2009}\u{a0}payable",
        "Finance/\u{200b}Accounts pay\u{ad}able\u{feff}",
        "\u{202a}Finance/Accounts payable\u{202c}",
    ] {
        assert_eq!(tenant.found(name).await, (PAYABLE.to_owned(), FoundBy::FullName), "{name:?}");
    }
}

#[tokio::test]
async fn composed_and_decomposed_letters_are_the_same_name_on_either_side() {
    let (composed, decomposed) = ("Z\u{fc}rich/Geb\u{e4}ude", "Zu\u{308}rich/Geba\u{308}ude");
    for (theirs, ours) in [(composed, decomposed), (decomposed, composed), (composed, composed)] {
        let tenant = tenant(&["Shared", theirs], &[theirs.rsplit('/').next().unwrap()], &[]).await;
        let found = tenant.find(ours).await.unwrap();
        assert_eq!((found.full_name.as_deref(), found.found_by), (Some(theirs), FoundBy::FullName));
        let last = ours.rsplit('/').next().unwrap();
        assert_eq!(tenant.find(last).await.unwrap().found_by, FoundBy::LastPart);
        tenant.client.find_release(found.id, last).await.unwrap();
        tenant.client.find_release(found.id, &last.to_uppercase()).await.unwrap();
    }
}

#[tokio::test]
async fn a_process_is_found_whatever_blanks_its_name_was_pasted_with() {
    let tenant = tenant(&["Shared"], &["Month end\u{a0}close", "Pay roll"], &[]).await;
    let folder = tenant.found("Shared").await;
    assert_eq!(folder.0, "Shared");
    let id = tenant.find("Shared").await.unwrap().id;
    for name in
        ["Month end close", "Month\u{a0}end close", "month end\u{a0}close", "Pay\u{2003}roll", "Pay\u{200b} roll "]
    {
        tenant.client.find_release(id, name).await.unwrap_or_else(|error| panic!("{name:?}: {error:?}"));
    }
    let error = tenant.client.find_release(id, "Payrol").await.unwrap_err();
    assert_eq!(error.cure(), Some("did you mean `Pay roll`?"));
}

#[tokio::test]
async fn the_last_part_of_a_path_leads_to_the_one_folder_that_has_it() {
    let tenant = tenant(&["Shared", PAYABLE, "Finance/Payroll", "HR/Payroll", "Payroll"], &[], &[]).await;
    assert_eq!(tenant.found("accounts payable").await, (PAYABLE.to_owned(), FoundBy::LastPart));
    assert_eq!(tenant.found("Accounts\u{a0}payable/").await, (PAYABLE.to_owned(), FoundBy::LastPart));
    assert_eq!(tenant.found("Payroll").await, ("Payroll".to_owned(), FoundBy::FullName), "a full name comes first");
    assert_eq!(tenant.found("HR").await, ("HR".to_owned(), FoundBy::FullName));
}

#[tokio::test]
async fn a_last_part_of_several_folders_is_refused_and_the_full_names_it_offers_are_found() {
    let folders = ["Shared", "Finance/Payroll", "HR/payroll"];
    let tenant = tenant(&folders, &[], &[]).await;
    let (status, cure) = tenant.refused("Payroll").await;
    assert_eq!((status, cure.as_str()), (409, "write the full name as `folder`: `Finance/Payroll`, `HR/payroll`"));
    for name in cure.split('`').filter(|text| text.contains('/')) {
        assert_eq!(tenant.found(name).await, (name.to_owned(), FoundBy::FullName));
    }
}

#[tokio::test]
async fn a_misspelt_folder_is_answered_with_the_full_name_that_was_meant() {
    let tenant = tenant(&["Shared", PAYABLE, "HR/Payroll"], &[], &[]).await;
    for name in ["Acounts payable", "Accounts payables", "Finance/Acounts payable", "Finanzen/Accounts payable"] {
        let (status, cure) = tenant.refused(name).await;
        assert_eq!((status, cure.as_str()), (404, "did you mean `Finance/Accounts payable`?"), "{name}");
    }
    assert_eq!(tenant.found(PAYABLE).await.1, FoundBy::FullName);
    let (_, cure) = tenant.refused("Zebra crossing").await;
    assert!(cure.starts_with("folders there: `Shared`, `Finance`"), "{cure}");
}

#[tokio::test]
async fn names_with_signs_of_queries_and_addresses_are_found() {
    for name in
        ["O'Brien's 100 % + more", "C#/F#", "50%25 & co=1?", "a+b", "'' or 1 eq 1", "Straße/İstanbul", "日本/経理"]
    {
        let tenant = tenant(&["Shared", name], &[name], &[]).await;
        let found = tenant.find(name).await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(found.full_name.as_deref(), Some(name));
        tenant.client.find_release(found.id, name).await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
    }
}

#[tokio::test]
async fn digits_are_first_a_name_and_then_a_number() {
    let tenant = tenant(&["Shared", "2026", "Finance/2027"], &[], &[]).await;
    let shared = tenant.find("Shared").await.unwrap();
    assert_eq!(tenant.found("2026").await.1, FoundBy::FullName);
    assert_eq!(tenant.found("2027").await, ("Finance/2027".to_owned(), FoundBy::LastPart));
    let number = shared.id.0.to_string();
    assert_eq!(tenant.found(&number).await, ("Shared".to_owned(), FoundBy::Number));
    // Personal workspaces and the like may be in no list.
    let unlisted = tenant.find("987654").await.unwrap();
    let expected = FoundFolder { id: FolderId(987_654), full_name: None, found_by: FoundBy::Number };
    assert_eq!(unlisted, expected);
    let numbered = tenant.client.find_folder(Some(&FolderChoice::Number(2026))).await.unwrap();
    assert_eq!((numbered.id, numbered.found_by), (FolderId(2026), FoundBy::Number), "`folder_id` is only a number");
}

#[tokio::test]
async fn a_number_needs_no_right_to_list_folders_and_a_name_without_it_is_told_of_the_number() {
    let all = tenant(&["Shared"], &["P"], &[]).await;
    let id = all.find("Shared").await.unwrap().id;
    let tenant = tenant(&["Shared"], &["P"], &["OR.Jobs", "OR.Execution"]).await;
    for choice in [FolderChoice::Number(id.0), FolderChoice::Named(id.0.to_string())] {
        let found = tenant.client.find_folder(Some(&choice)).await.unwrap();
        assert_eq!((found.id, found.found_by), (id, FoundBy::Number));
        tenant.client.find_release(found.id, "P").await.unwrap();
    }
    for choice in [named("Shared"), None] {
        let error = tenant.client.find_folder(choice.as_ref()).await.unwrap_err();
        let cure = error.cure().unwrap_or_default();
        assert!(cure.contains("as `folder_id`") && cure.contains("`fid=`"), "{error:?}");
    }
}

#[tokio::test]
async fn an_unknown_number_is_refused_by_the_first_call_into_it_with_the_cure() {
    let tenant = tenant(&["Shared"], &["P"], &[]).await;
    let found = tenant.client.find_folder(Some(&FolderChoice::Number(987_654))).await.unwrap();
    let error = tenant.client.find_release(found.id, "P").await.unwrap_err();
    assert!(matches!(error, CallError::Rejected { code: Some(ErrorCode::Number(1100)), .. }), "{error:?}");
    let told = found.explain(error.clone());
    let cure = told.cure().unwrap();
    assert!(cure.contains("`fid=`") && cure.contains("987654") && cure.contains("`folder`"), "{cure}");
    // Of a folder that was found by its name nothing else is said than before.
    let named = FoundFolder { found_by: FoundBy::FullName, ..found };
    assert_eq!(named.explain(error.clone()), error);
}

#[tokio::test]
async fn a_folder_is_found_again_by_its_full_name_alone() {
    let tenant = tenant(&["Shared", PAYABLE], &[], &[]).await;
    let id = tenant.find(PAYABLE).await.unwrap().id;
    let again = tenant.client.find_folder_again("finance\\accounts payable").await.unwrap();
    assert_eq!((again.id, again.found_by), (id, FoundBy::FullName));
    for gone in ["Accounts payable", "Finance/Accounts receivable", &id.0.to_string()] {
        let error = tenant.client.find_folder_again(gone).await.unwrap_err();
        assert!(matches!(error, CallError::Rejected { status: 404, .. }), "{gone}: {error:?}");
    }
}

#[tokio::test]
async fn a_personal_workspace_that_is_in_no_list_is_named_by_its_number() {
    let tenant = tenant(&["Shared", "o'brien@acme.com's workspace"], &["P"], &[]).await;
    assert_eq!(tenant.found("o'brien@acme.com's workspace").await.1, FoundBy::FullName);
    let (status, cure) = tenant.refused("jane@acme.com's workspace").await;
    assert!(status == 404 && cure.contains("write it as `folder_id`"), "{cure}");
}

#[tokio::test]
async fn a_folder_behind_the_first_thousand_is_found_and_a_short_name_is_unique_among_all() {
    let mut names: Vec<String> = (0..1_200).map(|n| format!("Robot{n:04}")).collect();
    names.extend(["Late/Unique".to_owned(), "Robot0001/Twice".to_owned(), "Late/Twice".to_owned()]);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let tenant = tenant(&names, &[], &[]).await;
    assert_eq!(tenant.found("Unique").await, ("Late/Unique".to_owned(), FoundBy::LastPart));
    assert_eq!(tenant.found("late\u{a0}/ Unique").await.1, FoundBy::FullName);
    assert_eq!(tenant.refused("Twice").await.0, 409);
}

#[tokio::test]
async fn a_server_that_shows_the_same_page_for_ever_ends_the_search() {
    let same = json!({ "@odata.count": 5_000, "value": [
        { "Id": 1, "FullyQualifiedName": "Shared", "DisplayName": "Shared" },
        { "Id": 2, "FullyQualifiedName": "A/Pay", "DisplayName": "Pay" },
    ] });
    let none = json!({ "value": [] });
    let server = Server::start(vec![say(200, &none), say(200, &same), say(200, &same)]).await;
    let bench = bench(server.base());
    let error = bench.client.find_folder(named("Pay").as_ref()).await.unwrap_err();
    assert_eq!(error.cure(), Some("write the full name as `folder`: `A/Pay`"), "others may have the same last part");
    assert_eq!(server.seen().len(), 3);
}
