//! Mailslots.

use super::{Difference, HANGS};

pub const DIFFERENCES: &[Difference] = &[
    Difference {
        case: "who writes to a mailslot that is closed is told",
        says: "wrote to a mailslot that is closed",
        page: "ipc/reading-from-a-mailslot",
        sentence: "In both cases, any unread messages are deleted from the mailslot, all client handles to the mailslot are closed, and the mailslot itself is deleted from memory.",
    },
    Difference {
        case: "a mailslot of another process goes with it",
        says: "left: 32, right: 2",
        page: "ipc/reading-from-a-mailslot",
        sentence: "In both cases, any unread messages are deleted from the mailslot, all client handles to the mailslot are closed, and the mailslot itself is deleted from memory.",
    },
    Difference {
        case: "a mailslot's message of no bytes is a message",
        says: "left: (0, 0), right: (0, 2)",
        page: COUNT,
        sentence: TOTAL,
    },
    Difference {
        case: "a mailslot of any size takes long messages",
        says: HANGS,
        page: CREATE,
        sentence: "To specify that the message can be of any size, set this value to zero.",
    },
    Difference {
        case: "a message past the maximum is refused",
        says: "wrote 101 bytes, at most 100",
        page: CREATE,
        sentence: "The maximum size of a single message that can be written to the mailslot, in bytes.",
    },
    Difference {
        case: "a mailslot holds many messages",
        says: HANGS,
        page: "ipc/about-mailslots",
        sentence: "Any process that has the name of a mailslot can put a message there. New messages follow any existing messages in the mailslot.",
    },
    Difference {
        case: "information is of the next message and of all",
        says: "left: (5, 1), right: (5, 2)",
        page: COUNT,
        sentence: TOTAL,
    },
    Difference {
        case: "a buffer that is too small takes nothing",
        says: "left: 0, right: 122",
        page: READ,
        sentence: SMALL,
    },
    Difference {
        case: "a read of no bytes takes a message of no bytes only",
        says: "left: 109, right: 122",
        page: READ,
        sentence: SMALL,
    },
    Difference {
        case: "an overlapped read of a mailslot is pending until there is a message",
        says: HANGS,
        page: CREATE,
        sentence: OVERLAPPED,
    },
    Difference {
        case: "an overlapped read of a mailslot that has one completes",
        says: "left: (109, 0), right: (0, 0)",
        page: CREATE,
        sentence: OVERLAPPED,
    },
    Difference {
        case: "an overlapped read with a small buffer leaves the message",
        says: "left: 0, right: 122",
        page: READ,
        sentence: SMALL,
    },
    Difference {
        case: "an overlapped read of a mailslot is cancelled",
        says: HANGS,
        page: CREATE,
        sentence: OVERLAPPED,
    },
    Difference { case: "a cancelled read takes no message", says: HANGS, page: CREATE, sentence: OVERLAPPED },
    Difference {
        case: "several overlapped reads get a message each, in their order",
        says: HANGS,
        page: CREATE,
        sentence: OVERLAPPED,
    },
];

const CREATE: &str = "api/winbase/nf-winbase-createmailslota";
const COUNT: &str = "api/winbase/nf-winbase-getmailslotinfo";
const READ: &str = "api/fileapi/nf-fileapi-readfile";

const OVERLAPPED: &str = "The handle returned by this function is asynchronous, or overlapped.";
const SMALL: &str = "If ReadFile attempts to read from a mailslot that has a buffer that is too small, the function returns FALSE \
                     and GetLastError returns ERROR_INSUFFICIENT_BUFFER.";
const TOTAL: &str = "The total number of messages waiting to be read, when the function returns.";
