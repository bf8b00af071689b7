//! File mapping against `ennead-mapping`.

use std::fs::File;
use std::path::{Path, PathBuf};

use ennead_conformance::file_mapping::{
    COMMIT, Elsewhere, FileMappings, LARGE_PAGES, MAP_ALL, MAP_COPY, MAP_EXECUTE, MAP_WRITE, READWRITE,
    RESERVE, cases,
};
use ennead_conformance::sync_objects::{Kind, SYNCHRONIZE, SyncObjects};
use ennead_conformance::{GENERIC_READ, GENERIC_WRITE, Outcome};
use ennead_mapping::{
    FileMapping, MappingOptions, PageProtection, View, ViewAccess, ViewError, ViewOptions, rights,
};
use ennead_security::AccessMask;
use ennead_status::Win32Error;

use crate::another::{Process, from_hex, to_hex};
use crate::sync_objects::Handle;
use crate::{Native, run};

/// What Win32's numbers say and the options have no words for, as `CreateFileMapping` refuses it.
fn options(file: Option<&File>, protect: u32, size: u64) -> Outcome<MappingOptions<'_>> {
    let bad = Win32Error::INVALID_PARAMETER;
    let protection = PageProtection::from_bits(protect & 0xff).ok_or(bad)?;
    let attributes = protect & !0xff;
    if attributes & !(RESERVE | COMMIT | LARGE_PAGES) != 0
        || attributes & RESERVE != 0 && attributes & COMMIT != 0
    {
        return Err(bad);
    }
    if attributes & LARGE_PAGES != 0 && attributes & COMMIT == 0 {
        return Err(bad);
    }
    let mut options = file.map_or(MappingOptions::memory(size), |file| MappingOptions::file(file).size(size));
    options = options.protection(protection);
    if attributes & RESERVE != 0 {
        options = options.reserve();
    }
    if attributes & LARGE_PAGES != 0 {
        options = options.large_pages();
    }
    Ok(options)
}

/// An offset in a view, or a length.
fn small(number: u64) -> usize {
    usize::try_from(number).expect("64 bits")
}

impl FileMappings for Native {
    type File = File;
    type Mapping = FileMapping;
    type View = View;
    type Object = Handle;

    fn create_object(&self, kind: Kind, name: &str) -> Outcome<Handle> {
        SyncObjects::create(self, Some(name), kind.plain()).map(|(handle, _)| handle)
    }

    fn open_object(&self, kind: Kind, name: &str) -> Outcome<Handle> {
        SyncObjects::open(self, kind, name, SYNCHRONIZE)
    }

    fn folder(&self) -> PathBuf {
        let folder = self.root.join("files");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder).expect("make a folder");
        folder
    }

    fn open_file(&self, path: &Path, access: u32) -> Outcome<File> {
        File::options()
            .read(access & GENERIC_READ != 0)
            .write(access & GENERIC_WRITE != 0)
            .open(path)
            .map_err(|e| Win32Error::from(&e))
    }

    fn create_mapping(
        &self,
        file: Option<&File>,
        protect: u32,
        size: u64,
        name: Option<&str>,
    ) -> Outcome<(FileMapping, bool)> {
        let options = options(file, protect, size)?.place(&self.objects);
        let made = name.map_or_else(|| options.create_unnamed(), |name| options.create(name));
        let mapping = made.map_err(|e| e.win32())?;
        let existed = mapping.already_existed();
        Ok((mapping, existed))
    }

    fn create_secured_mapping(
        &self,
        protect: u32,
        size: u64,
        name: &str,
        sddl: &str,
    ) -> Outcome<FileMapping> {
        let options = options(None, protect, size)?.place(&self.objects);
        options.security(sddl.parse().expect("SDDL")).create(name).map_err(|e| e.win32())
    }

    fn open_mapping(&self, name: &str, access: u32) -> Outcome<FileMapping> {
        // "treats FILE_MAP_COPY the same way it treats FILE_MAP_READ"
        let access = if access == MAP_COPY { rights::READ } else { AccessMask(access) };
        FileMapping::open_in(Some(&self.objects), name, access).map_err(|e| e.win32())
    }

    fn map(&self, mapping: &FileMapping, access: u32, offset: u64, len: u64) -> Outcome<View> {
        let kind = if access & MAP_WRITE != 0 {
            ViewAccess::Write
        } else if access & MAP_COPY != 0 && access != MAP_ALL {
            ViewAccess::Copy
        } else {
            ViewAccess::Read
        };
        let mut options = ViewOptions::new(kind).offset(offset).len(small(len));
        if access & MAP_EXECUTE != 0 {
            options = options.execute();
        }
        mapping.view_with(&options).map_err(|e| e.win32())
    }

    fn read_view(&self, view: &View, at: u64, len: usize) -> Outcome<Vec<u8>> {
        view.to_vec(small(at), len).map_err(ViewError::win32)
    }

    fn write_view(&self, view: &View, at: u64, data: &[u8]) -> Outcome<()> {
        view.write(small(at), data).map_err(ViewError::win32)
    }

    fn flush_view(&self, view: &View, at: u64, len: u64) -> Outcome<()> {
        // "If dwNumberOfBytesToFlush is zero, the file is flushed from the base address to the end of the mapping."
        let end = if len == 0 { view.len() } else { small(at + len) };
        view.flush(small(at)..end).map_err(|e| e.win32())
    }

    fn commit(&self, view: &View, at: u64, len: u64) -> Outcome<()> {
        view.commit(small(at)..small(at + len)).map_err(|e| e.win32())
    }

    fn elsewhere(
        &self,
        what: Elsewhere<'_>,
        at: u64,
        data: &[u8],
        meanwhile: &mut dyn FnMut(),
    ) -> Outcome<Vec<u8>> {
        let process = Process::start(self);
        let (verb, name, size) = match what {
            Elsewhere::Create(name, size) => ("create", name, size),
            Elsewhere::Open(name) => ("open", name, 0),
            Elsewhere::File(path) => ("file", path.to_str().expect("a test's path"), 0),
        };
        let said =
            process.ask(&["mapping", verb, name, &size.to_string(), &at.to_string(), &to_hex(data)])?;
        meanwhile();
        Ok(from_hex(&said))
    }
}

/// What another process keeps.
pub type Kept = Option<View>;

/// In another process.
pub fn carry_out(native: &Native, kept: &mut Kept, parts: &[&str]) -> Outcome<String> {
    let [verb, name, size, at, hex] = parts else { panic!("nobody can {parts:?}") };
    let (size, at) = (size.parse().expect("a size"), at.parse().expect("an offset"));
    let data = from_hex(hex);
    let mapping = match *verb {
        "create" => native.create_mapping(None, READWRITE, size, Some(name))?.0,
        "open" => native.open_mapping(name, MAP_WRITE)?,
        _ => {
            let file = native.open_file(name.as_ref(), GENERIC_READ | GENERIC_WRITE)?;
            native.create_mapping(Some(&file), READWRITE, 0, None)?.0
        }
    };
    let view = native.map(&mapping, MAP_WRITE, 0, 0)?;
    let read = native.read_view(&view, at, data.len())?;
    native.write_view(&view, at, &data)?;
    *kept = Some(view);
    Ok(to_hex(&read))
}

#[test]
fn every_case() {
    run(cases());
}
