//! Long-running operations (object model §11.3).

use serde::{Deserialize, Serialize};

use super::entity::{Entity, Kind, millis};
use super::id::OperationId;
use crate::time::UtcTime;

super::numbers::numbered! {
    /// How an operation stands.
    OperationState {
        /// It is done.
        Succeeded = 0 "Succeeded",
        /// It did not work.
        Failed = 1 "Failed",
        /// It goes on.
        InProgress = 2 "InProgress",
    }
}

/// An operation under way, or what became of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Operation {
    /// Its identifier.
    pub id: OperationId,
    /// The entity that it is about.
    pub target_entity_id: String,
    /// How it stands.
    pub state: OperationState,
    /// What went wrong, as a code.
    pub error_code: Option<String>,
    /// And as a sentence.
    pub error_message: Option<String>,
    /// When it was begun.
    #[serde(with = "millis")]
    pub created: UtcTime,
    /// What it does to a streaming endpoint.
    pub action: EndpointAction,
}

/// What can be done to a streaming endpoint that takes a while.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointAction {
    /// Let it answer.
    Start,
    /// Let it answer no more.
    Stop,
    /// Give it another number of scale units.
    Scale {
        /// How many.
        units: u32,
    },
}

impl Entity for Operation {
    const KIND: Kind = Kind::Operation;
    type Id = OperationId;

    fn id(&self) -> OperationId {
        self.id
    }

    fn parent(&self) -> Option<String> {
        // Open operations can be listed: they have a parent that is no entity.
        (self.state == OperationState::InProgress).then(|| OPEN.to_owned())
    }
}

/// The parent of operations under way.
pub(super) const OPEN: &str = "open";
