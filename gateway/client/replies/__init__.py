"""What the gateway answers: frozen structs, one for each shape of the native API. Unknown fields are passed over.

A reply to a list or a search can be walked over and counted as what it holds. `degraded` is empty unless the answer is
empty because something failed: then it is the code of the failure.
"""

from gateway.client.replies.explained import (
    Dropped,
    Explained,
)
from gateway.client.replies.memories import (
    AddedBatch,
    Block,
    Event,
    Events,
    Extraction,
    Found,
    Lesson,
    Memories,
    Memory,
    Outcome,
    Removed,
    Results,
)
from gateway.client.replies.quarantine import (
    Aside,
    AsideList,
    Released,
)
from gateway.client.replies.runs import (
    Checkpoint,
    CheckpointInfo,
    Checkpoints,
    PutCheckpoint,
    RunState,
    Stored,
    Write,
    Writes,
)
from gateway.client.replies.sessions import (
    Appended,
    FoundMessage,
    FoundMessages,
    History,
    Message,
    Placed,
    Session,
    Sessions,
    Stats,
    Summary,
    System,
    Window,
)
from gateway.client.replies.subjects import (
    Erasure,
    Exported,
    ExportPage,
    Target,
)

__all__ = [
    "AddedBatch",
    "Appended",
    "Aside",
    "AsideList",
    "Block",
    "Checkpoint",
    "CheckpointInfo",
    "Checkpoints",
    "Dropped",
    "Erasure",
    "Event",
    "Events",
    "Explained",
    "ExportPage",
    "Exported",
    "Extraction",
    "Found",
    "FoundMessage",
    "FoundMessages",
    "History",
    "Lesson",
    "Memories",
    "Memory",
    "Message",
    "Outcome",
    "Placed",
    "PutCheckpoint",
    "Released",
    "Removed",
    "Results",
    "RunState",
    "Session",
    "Sessions",
    "Stats",
    "Stored",
    "Summary",
    "System",
    "Target",
    "Window",
    "Write",
    "Writes",
]
