//! Queue items: placed and listed, never processed.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::answer::Answer;
use super::config::{QueueSpec, References};
use super::folder::object;
use super::odata::{Kind, Property, Row, Scalar};
use super::request::{Request, member, text_member};
use super::shown_job::Reference;
use super::time::written;

const MAX_REFERENCE: usize = 128;
const FIRST_QUEUE: i64 = 700_001;
const FIRST_ITEM: i64 = 8_000_001;
const PRIORITIES: &[&str] = &["High", "Normal", "Low"];

/// What an item truly is.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueItemTruth {
    /// Its number.
    pub id: i64,
    /// Its key.
    pub key: Uuid,
    /// Name of its queue.
    pub queue: String,
    /// Path of its folder.
    pub folder: String,
    /// Its reference.
    pub reference: Option<String>,
    /// What is in it.
    pub content: Value,
    /// `High`, `Normal` or `Low`.
    pub priority: String,
    /// When it was placed.
    pub created_at: Timestamp,
    /// From when on lists show it.
    pub visible_at: Timestamp,
}

#[derive(Debug)]
pub(super) struct Queues {
    specs: Vec<QueueSpec>,
    pub(super) items: Vec<QueueItemTruth>,
}

impl Queues {
    pub(super) fn new(specs: Vec<QueueSpec>) -> Queues {
        Queues { specs, items: Vec::new() }
    }

    fn find(&self, name: &str, folder: &str) -> Option<usize> {
        self.specs
            .iter()
            .position(|queue| queue.name.eq_ignore_ascii_case(name) && queue.folder.eq_ignore_ascii_case(folder))
    }

    pub(super) fn definition_id(&self, item: &QueueItemTruth) -> i64 {
        FIRST_QUEUE + self.find(&item.queue, &item.folder).unwrap_or(0) as i64
    }

    /// Places an item as AddQueueItem does; the item's position is returned.
    pub(super) fn add(
        &mut self,
        request: &Request,
        folder: &str,
        key: Uuid,
        now: Timestamp,
        visible_at: Timestamp,
    ) -> Result<usize, Answer> {
        let body = request.object().ok_or_else(|| Answer::bad_body("queueItemParameters"))?;
        let Some(Value::Object(data)) = member(&body, "itemData") else { return Err(Answer::bad_body("itemData")) };
        let name = text_member(data, "Name").ok_or_else(|| Answer::bad_body("itemData"))?;
        let queue = self.find(name, folder).ok_or_else(|| Answer::not_found(name))?;
        let reference = match member(data, "Reference") {
            None => None,
            Some(Value::String(text)) if text.chars().count() <= MAX_REFERENCE => Some(text.clone()),
            Some(_) => return Err(Answer::bad_body("itemData")),
        };
        let content = match member(data, "SpecificContent") {
            None => json!({}),
            Some(Value::Object(content)) => Value::Object(content.clone()),
            Some(_) => return Err(Answer::bad_body("itemData")),
        };
        let priority = text_member(data, "Priority").unwrap_or("Normal");
        let priority = PRIORITIES.iter().find(|known| known.eq_ignore_ascii_case(priority));
        let priority = priority.ok_or_else(|| Answer::bad_body("itemData"))?;
        let QueueSpec { name, folder, references } = &self.specs[queue];
        let taken = reference.is_some()
            && self
                .items
                .iter()
                .any(|item| item.queue == *name && item.folder == *folder && item.reference == reference);
        match references {
            References::Unique if taken => {
                let message = "Error creating Transaction. Duplicate Reference.";
                return Err(Answer::error(409, 1016, message));
            }
            References::Unique | References::Repeatable => {}
        }
        let at = self.items.len();
        self.items.push(QueueItemTruth {
            id: FIRST_ITEM + at as i64,
            key,
            queue: name.clone(),
            folder: folder.clone(),
            reference,
            content,
            priority: (*priority).to_owned(),
            created_at: now,
            visible_at,
        });
        Ok(at)
    }
}

/// An item as a row of an answer.
#[derive(Clone, Debug)]
pub(super) struct ShownItem<'a> {
    pub(super) item: &'a QueueItemTruth,
    pub(super) definition_id: i64,
    pub(super) folder_id: i64,
    pub(super) reference: Reference,
}

impl Row for ShownItem<'_> {
    const CONTEXT: &'static str = "QueueItems";

    const PROPERTIES: &'static [Property] = &[
        ("Id", Kind::Number),
        ("Key", Kind::Guid),
        ("UniqueKey", Kind::Guid),
        ("QueueDefinitionId", Kind::Number),
        ("Status", Kind::OneOf(&["New", "InProgress", "Failed", "Successful", "Abandoned", "Retried", "Deleted"])),
        ("ReviewStatus", Kind::OneOf(&["None", "InReview", "Verified", "Retried"])),
        ("Reference", Kind::Text),
        ("Priority", Kind::OneOf(PRIORITIES)),
        ("CreationTime", Kind::Time),
        ("DeferDate", Kind::Time),
        ("DueDate", Kind::Time),
        ("StartProcessing", Kind::Time),
        ("EndProcessing", Kind::Time),
        ("RetryNumber", Kind::Number),
        ("SpecificContent", Kind::Opaque),
        ("SpecificData", Kind::Text),
        ("Output", Kind::Opaque),
        ("Progress", Kind::Text),
        ("OrganizationUnitId", Kind::Number),
        ("OrganizationUnitFullyQualifiedName", Kind::Text),
    ];

    fn scalar(&self, property: &str) -> Scalar<'_> {
        match property {
            "Id" => self.item.id.into(),
            "Key" | "UniqueKey" => self.item.key.into(),
            "QueueDefinitionId" => self.definition_id.into(),
            "Status" => "New".into(),
            "ReviewStatus" => "None".into(),
            "Reference" => self.item.reference.as_deref().into(),
            "Priority" => self.item.priority.as_str().into(),
            "CreationTime" => self.item.created_at.into(),
            "RetryNumber" => 0.into(),
            "OrganizationUnitId" => self.folder_id.into(),
            "OrganizationUnitFullyQualifiedName" => self.item.folder.as_str().into(),
            _ => Scalar::Absent,
        }
    }

    fn render(&self) -> Map<String, Value> {
        let reference = match self.reference {
            Reference::Shown => self.item.reference.as_deref(),
            Reference::Hidden => None,
        };
        object(json!({
            "Id": self.item.id,
            "Key": self.item.key,
            "UniqueKey": self.item.key,
            "QueueDefinitionId": self.definition_id,
            "Status": "New",
            "ReviewStatus": "None",
            "Reference": reference,
            "Priority": self.item.priority,
            "CreationTime": written(self.item.created_at),
            "DeferDate": null,
            "DueDate": null,
            "StartProcessing": null,
            "EndProcessing": null,
            "RetryNumber": 0,
            "SpecificContent": self.item.content,
            "SpecificData": json!({"DynamicProperties": self.item.content}).to_string(),
            "Output": null,
            "Progress": null,
            "OrganizationUnitId": self.folder_id,
            "OrganizationUnitFullyQualifiedName": self.item.folder,
        }))
    }
}
