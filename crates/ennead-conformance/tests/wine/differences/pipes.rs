//! Named pipes.

use super::Difference;

pub const DIFFERENCES: &[Difference] = &[
    Difference {
        case: "a name has up to 256 characters",
        says: "created with 257 characters",
        page: CREATE,
        sentence: "The entire pipe name string can be up to 256 characters long.",
    },
    Difference {
        case: "instances are 1 to 255",
        says: "256, left: 0, right: 87",
        page: CREATE,
        sentence: "If nMaxInstances is greater than PIPE_UNLIMITED_INSTANCES, the return value is \
             INVALID_HANDLE_VALUE and GetLastError returns ERROR_INVALID_PARAMETER.",
    },
    Difference {
        case: "no pipe has no instances",
        says: "created",
        page: CREATE,
        sentence: "Acceptable values are in the range 1 through PIPE_UNLIMITED_INSTANCES (255).",
    },
    Difference {
        case: "a first instance comes first",
        says: "left: 0, right: 5",
        page: CREATE,
        sentence: "If you attempt to create multiple instances of a pipe with this flag, creation of the first \
             instance succeeds, but creation of the next instance fails with ERROR_ACCESS_DENIED.",
    },
    Difference {
        case: "all instances agree on the type",
        says: "another value, left: 0, right: 5",
        page: CREATE,
        sentence: AGREE,
    },
    Difference {
        case: "all instances agree on the maximum",
        says: "another value, left: 0, right: 5",
        page: CREATE,
        sentence: AGREE,
    },
    Difference {
        case: "all instances agree on the time-out",
        says: "another value, left: 0, right: 5",
        page: CREATE,
        sentence: AGREE,
    },
    Difference {
        case: "an unlimited pipe says so",
        says: "left: (1, 4096, 4096, 4294967295), right: (1, 4096, 4096, 255)",
        page: "api/namedpipeapi/nf-namedpipeapi-getnamedpipeinfo",
        sentence: "If the variable is set to PIPE_UNLIMITED_INSTANCES (255), the number of pipe instances that can \
             be created is limited only by the availability of system resources.",
    },
    Difference {
        case: "in no-wait mode the first connect makes the instance available",
        says: "left: 536, right: 0",
        page: "api/namedpipeapi/nf-namedpipeapi-connectnamedpipe",
        sentence: "In nonblocking mode, ConnectNamedPipe returns a nonzero value the first time it is called for a \
             pipe instance that is disconnected from a previous client.",
    },
    Difference {
        case: "peek of bytes knows no messages",
        says: "left: (5, 6, 4294967291), right: (5, 6, 0)",
        page: "api/namedpipeapi/nf-namedpipeapi-peeknamedpipe",
        sentence: "This parameter will be zero for byte-type named pipes or for anonymous pipes.",
    },
    Difference {
        case: "flush takes the right to write",
        says: "left: 0, right: 5",
        page: "api/fileapi/nf-fileapi-flushfilebuffers",
        sentence: "The file handle must have the GENERIC_WRITE access right.",
    },
    Difference {
        case: "changing modes takes the right to write attributes",
        says: "left: 0, right: 5",
        page: "api/namedpipeapi/nf-namedpipeapi-setnamedpipehandlestate",
        sentence: "The handle must have GENERIC_WRITE access to the named pipe for a write-only or read/write \
             pipe, or it must have GENERIC_READ and FILE_WRITE_ATTRIBUTES access for a read-only pipe.",
    },
    Difference {
        case: "a no-wait write takes as many bytes as fit",
        says: "wrote 0 bytes",
        page: "ipc/named-pipe-type-read-and-wait-modes",
        sentence: "With a nonblocking-wait handle, the write operation returns a nonzero value immediately, \
             without writing any bytes (for a message-type pipe) or after writing as many bytes as the \
             buffer holds (for a byte-type pipe).",
    },
    Difference {
        case: "an overlapped transaction",
        says: "complete without an answer",
        page: "api/ioapiset/nf-ioapiset-getoverlappedresult",
        sentence: "If this parameter is FALSE and the operation is still pending, the function returns FALSE and the \
             GetLastError function returns ERROR_IO_INCOMPLETE.",
    },
    Difference {
        case: "a handle without operations has none to cancel",
        says: "left: 0, right: 1168",
        page: "api/ioapiset/nf-ioapiset-cancelioex",
        sentence: "If this function cannot find a request to cancel, the return value is 0 (zero), and GetLastError \
             returns ERROR_NOT_FOUND.",
    },
];

const CREATE: &str = "api/namedpipeapi/nf-namedpipeapi-createnamedpipew";

const AGREE: &str = "All instances of a named pipe must specify the same pipe type (byte-type or message-type), pipe access \
                     (duplex, inbound, or outbound), instance count, and time-out value. If different values are used, this \
                     function fails and GetLastError returns ERROR_ACCESS_DENIED.";
