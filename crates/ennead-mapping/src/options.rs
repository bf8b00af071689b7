//! How a file mapping is made.
//!
//! Page: [CreateFileMapping](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-createfilemappingw).

use std::fs::File;

use ennead_security::SecurityDescriptor;
use ennead_sync::{ObjectName, Place};

use crate::error::{During, Operation, Result};
use crate::{FileMapping, PageProtection, create};

/// How a file mapping is made: of memory, or of a file.
///
/// ```
/// use ennead_mapping::{MappingOptions, ViewAccess};
///
/// let prices = MappingOptions::memory(4096).create_unnamed()?;
/// let view = prices.view(ViewAccess::Write)?;
/// view.write(0, b"bolt 7")?;
/// assert_eq!(view.to_vec(0, 4)?, b"bolt");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct MappingOptions<'a> {
    pub(crate) file: Option<&'a File>,
    pub(crate) size: u64,
    pub(crate) protection: PageProtection,
    pub(crate) reserve: bool,
    pub(crate) large_pages: bool,
    pub(crate) security: Option<SecurityDescriptor>,
    pub(crate) place: Option<Place>,
}

impl<'a> MappingOptions<'a> {
    /// Shared memory of `size` bytes (`INVALID_HANDLE_VALUE` for the file: "backed by the paging file"). All zeros, and all of it set aside at once, if
    /// [`reserve`](Self::reserve) does not say otherwise.
    #[must_use]
    pub fn memory(size: u64) -> Self {
        Self {
            file: None,
            size,
            protection: PageProtection::ReadWrite,
            reserve: false,
            large_pages: false,
            security: None,
            place: None,
        }
    }

    /// All of a file. It must be open for reading, and for writing too where the protection says so.
    #[must_use]
    pub fn file(file: &'a File) -> Self {
        Self { file: Some(file), ..Self::memory(0) }
    }

    /// So many bytes, from the beginning. A file that is shorter grows to that, if the protection allows writing. 0 is all of a file.
    #[must_use]
    pub fn size(mut self, size: u64) -> Self {
        self.size = size;
        self
    }

    /// What views may be mapped for ([`PageProtection::ReadWrite`] if not said).
    #[must_use]
    pub fn protection(mut self, protection: PageProtection) -> Self {
        self.protection = protection;
        self
    }

    /// `SEC_RESERVE`: memory that nothing is set aside for. Ranges can be used after somebody committed them ([`View::commit`](crate::View::commit)), which all views
    /// see. No effect on a file's mapping.
    #[must_use]
    pub fn reserve(mut self) -> Self {
        self.reserve = true;
        self
    }

    /// `SEC_LARGE_PAGES`: in pages of [`large_page_minimum`](crate::large_page_minimum) bytes, of which the size is a multiple. For memory without a name.
    #[must_use]
    pub fn large_pages(mut self) -> Self {
        self.large_pages = true;
        self
    }

    /// Who may use it by its name: the caller's user, the system and the administrators, if not said.
    #[must_use]
    pub fn security(mut self, descriptor: SecurityDescriptor) -> Self {
        self.security = Some(descriptor);
        self
    }

    /// Other namespaces than the process's own.
    #[must_use]
    pub fn place(mut self, place: &Place) -> Self {
        self.place = Some(place.clone());
        self
    }

    /// Makes it, without a name. Does not block.
    ///
    /// # Errors
    /// - ERROR_INVALID_PARAMETER: no size for memory, [`reserve`](Self::reserve) with large pages, large pages for a file, a size that is not a multiple of theirs;
    /// - ERROR_FILE_INVALID: all of a file that has no bytes;
    /// - ERROR_ACCESS_DENIED: the file is not open for what the protection says;
    /// - ERROR_BAD_EXE_FORMAT: it is no regular file;
    /// - ERROR_DISK_FULL: the file cannot grow so far;
    /// - ERROR_NOT_ENOUGH_MEMORY: larger than a file that may not grow, or than anything can be;
    /// - ERROR_COMMITMENT_LIMIT: more memory than the system has;
    /// - ERROR_NO_SYSTEM_RESOURCES, ERROR_PRIVILEGE_NOT_HELD: no large pages.
    pub fn create_unnamed(&self) -> Result<FileMapping> {
        create::unnamed(self).during(Operation::Create)
    }

    /// Makes it under a name, or opens the one that has it, with the access that the protection implies, and its own size:
    /// [`FileMapping::already_existed`] is what `GetLastError` says on Windows. The name is `Local\x` or just `x` for this user's programs, `Global\x` for the machine's.
    ///
    /// A file that is mapped under a name is opened by its path by the others: they need the rights to it, and get ERROR_FILE_INVALID if another file is there by then.
    ///
    /// Does not block, but for a moment while another process is at the same name.
    ///
    /// # Errors
    /// As for [`create_unnamed`](Self::create_unnamed), and
    /// - ERROR_INVALID_NAME, ERROR_FILENAME_EXCED_RANGE (260 characters or more), ERROR_PATH_NOT_FOUND (a backslash, or no such namespace);
    /// - ERROR_INVALID_HANDLE: the name is that of an event, a mutex, a semaphore or a timer;
    /// - ERROR_ACCESS_DENIED: it exists, and its descriptor does not admit this user.
    pub fn create(&self, name: &str) -> Result<FileMapping> {
        let target = ObjectName::parse(name).during(Operation::Create)?;
        create::named(self, target).during(Operation::Create)
    }
}
