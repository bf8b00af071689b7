//! File mapping.

use super::Difference;

pub const DIFFERENCES: &[Difference] = &[
    Difference {
        case: "a mapping is not larger than memory can be",
        says: "created 0xffffffffffffffff bytes",
        page: "api/memoryapi/nf-memoryapi-createfilemappingw",
        sentence: "The system must have enough committable pages to hold the entire mapping. Otherwise, CreateFileMapping fails.",
    },
    Difference {
        case: "reserved memory is there once it is committed",
        says: "read what is only reserved",
        page: "api/memoryapi/nf-memoryapi-createfilemappingw",
        sentence: "when a view of the file is mapped into a process address space, the entire range of pages is reserved for later use by the process rather than committed.",
    },
    Difference {
        case: "large pages are committed memory of their own",
        says: "with a size that is no multiple of a large page's",
        page: "api/memoryapi/nf-memoryapi-createfilemappingw",
        sentence: "The maximum size of the file mapping object must be a multiple of the minimum size of a large page returned by the GetLargePageMinimum function. If it is not, CreateFileMapping fails.",
    },
    Difference {
        case: "a handle for writing maps every view",
        says: "4, left: 5, right: 0",
        page: "memory/file-mapping-security-and-access-rights",
        sentence: "Allows mapping of read-only, copy-on-write, or read/write views of a file-mapping object.",
    },
];
