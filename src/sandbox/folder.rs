//! Folders and the processes in them: what they are, and how they are shown.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::config::ProcessSpec;
use super::odata::{Kind, Property, Row, Scalar};
use super::time::written;

#[derive(Clone, Debug)]
pub(super) struct Folder {
    pub(super) id: i64,
    pub(super) key: Uuid,
    pub(super) path: String,
    pub(super) parent: Option<(i64, Uuid)>,
    pub(super) processes: Vec<Process>,
}

#[derive(Clone, Debug)]
pub(super) struct Process {
    pub(super) id: i64,
    pub(super) key: Uuid,
    pub(super) spec: ProcessSpec,
}

impl Folder {
    /// A user's own folder: "jane@acme.com's workspace" (API guide, "Personal workspaces requests").
    fn is_personal(&self) -> bool {
        self.path.ends_with("'s workspace")
    }

    fn kind(&self) -> &'static str {
        if self.is_personal() { "Personal" } else { "Standard" }
    }

    fn display_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    pub(super) fn process_named(&self, name: &str) -> Option<usize> {
        self.processes.iter().position(|process| process.spec.name.eq_ignore_ascii_case(name))
    }

    pub(super) fn process_with_key(&self, key: Uuid) -> Option<usize> {
        self.processes.iter().position(|process| process.key == key)
    }
}

impl Row for &Folder {
    const CONTEXT: &'static str = "Folders";

    const PROPERTIES: &'static [Property] = &[
        ("Id", Kind::Number),
        ("Key", Kind::Guid),
        ("DisplayName", Kind::Text),
        ("FullyQualifiedName", Kind::Text),
        ("Description", Kind::Text),
        ("FolderType", Kind::Text),
        ("IsPersonal", Kind::Flag),
        ("ProvisionType", Kind::Text),
        ("PermissionModel", Kind::Text),
        ("ParentId", Kind::Number),
        ("ParentKey", Kind::Guid),
        ("FeedType", Kind::Text),
    ];

    fn scalar(&self, property: &str) -> Scalar<'_> {
        match property {
            "Id" => self.id.into(),
            "Key" => self.key.into(),
            "DisplayName" => self.display_name().into(),
            "FullyQualifiedName" => self.path.as_str().into(),
            "FolderType" => self.kind().into(),
            "IsPersonal" => Scalar::Flag(self.is_personal()),
            "ProvisionType" => "Automatic".into(),
            "PermissionModel" => "FineGrained".into(),
            "ParentId" => self.parent.map(|(id, _)| id).into(),
            "ParentKey" => self.parent.map(|(_, key)| key).into(),
            "FeedType" => "Processes".into(),
            _ => Scalar::Absent,
        }
    }

    fn render(&self) -> Map<String, Value> {
        object(json!({
            "Id": self.id,
            "Key": self.key,
            "DisplayName": self.display_name(),
            "FullyQualifiedName": self.path,
            "Description": null,
            "FolderType": self.kind(),
            "IsPersonal": self.is_personal(),
            "ProvisionType": "Automatic",
            "PermissionModel": "FineGrained",
            "ParentId": self.parent.map(|(id, _)| id),
            "ParentKey": self.parent.map(|(_, key)| key),
            "FeedType": "Processes",
        }))
    }
}

/// A process as a release of its folder.
#[derive(Clone, Debug)]
pub(super) struct ShownRelease<'a> {
    pub(super) folder: &'a Folder,
    pub(super) process: &'a Process,
    pub(super) created_at: Timestamp,
}

impl Row for ShownRelease<'_> {
    const CONTEXT: &'static str = "Releases";

    const PROPERTIES: &'static [Property] = &[
        ("Id", Kind::Number),
        ("Key", Kind::Guid),
        ("Name", Kind::Text),
        ("ProcessKey", Kind::Text),
        ("ProcessVersion", Kind::Text),
        ("IsLatestVersion", Kind::Flag),
        ("IsProcessDeleted", Kind::Flag),
        ("Description", Kind::Text),
        ("EntryPointId", Kind::Number),
        ("EntryPointPath", Kind::Text),
        ("InputArguments", Kind::Text),
        ("ProcessType", Kind::Text),
        ("Arguments", Kind::Opaque),
        ("CreationTime", Kind::Time),
        ("JobPriority", Kind::OneOf(&["Low", "Normal", "High"])),
        ("SpecificPriorityValue", Kind::Number),
        ("OrganizationUnitId", Kind::Number),
        ("OrganizationUnitFullyQualifiedName", Kind::Text),
        ("FolderKey", Kind::Guid),
        ("TargetFramework", Kind::Text),
        ("AutoUpdate", Kind::Flag),
        ("SupportsMultipleEntryPoints", Kind::Flag),
        ("RequiresUserInteraction", Kind::Flag),
        ("IsAttended", Kind::Flag),
        ("IsCompiled", Kind::Flag),
    ];

    fn scalar(&self, property: &str) -> Scalar<'_> {
        match property {
            "Id" => self.process.id.into(),
            "Key" => self.process.key.into(),
            "Name" | "ProcessKey" => self.process.spec.name.as_str().into(),
            "ProcessVersion" => "1.0.0".into(),
            "IsLatestVersion" => Scalar::Flag(true),
            "IsProcessDeleted"
            | "AutoUpdate"
            | "SupportsMultipleEntryPoints"
            | "RequiresUserInteraction"
            | "IsAttended"
            | "IsCompiled" => Scalar::Flag(false),
            "EntryPointPath" => "Main.xaml".into(),
            "ProcessType" => "Process".into(),
            "CreationTime" => self.created_at.into(),
            "JobPriority" => "Normal".into(),
            "SpecificPriorityValue" => 45.into(),
            "OrganizationUnitId" => self.folder.id.into(),
            "OrganizationUnitFullyQualifiedName" => self.folder.path.as_str().into(),
            "FolderKey" => self.folder.key.into(),
            "TargetFramework" => "Windows".into(),
            _ => Scalar::Absent,
        }
    }

    fn render(&self) -> Map<String, Value> {
        object(json!({
            "Id": self.process.id,
            "Key": self.process.key,
            "Name": self.process.spec.name,
            "ProcessKey": self.process.spec.name,
            "ProcessVersion": "1.0.0",
            "IsLatestVersion": true,
            "IsProcessDeleted": false,
            "Description": null,
            "EntryPointPath": "Main.xaml",
            "InputArguments": null,
            "ProcessType": "Process",
            "Arguments": {"Input": "[]", "Output": "[]"},
            "CreationTime": written(self.created_at),
            "JobPriority": "Normal",
            "SpecificPriorityValue": 45,
            "OrganizationUnitId": self.folder.id,
            "OrganizationUnitFullyQualifiedName": self.folder.path,
            "FolderKey": self.folder.key,
            "TargetFramework": "Windows",
            "AutoUpdate": false,
            "SupportsMultipleEntryPoints": false,
            "RequiresUserInteraction": false,
            "IsAttended": false,
            "IsCompiled": false,
        }))
    }
}

/// The members of an object literal.
pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}
