//! File mapping in the driver.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ennead_conformance::file_mapping::{Elsewhere, FileMappings, MAP_WRITE, READWRITE};
use ennead_conformance::sync_objects::{Kind, SYNCHRONIZE, SyncObjects};
use ennead_conformance::{GENERIC_READ, GENERIC_WRITE, Outcome};

use crate::driver::{Driver, Function, Request};
use crate::implementation::{Handle, Wine, halves, length, outcome};

/// FILE_SHARE_READ, FILE_SHARE_WRITE and FILE_SHARE_DELETE.
const SHARE_ALL: u32 = 7;
/// PAGE_READWRITE.
const PAGE_READWRITE: u32 = 4;
/// INVALID_HANDLE_VALUE.
const INVALID: u64 = u64::MAX;

/// A view in the driver; unmapped when it is dropped.
pub struct View(Arc<Driver>, u64);

impl Drop for View {
    fn drop(&mut self) {
        self.0.try_ask(Function::UnmapView, &Request { handle: self.1, ..Request::default() });
    }
}

impl FileMappings for Wine {
    type File = Handle;
    type Mapping = Handle;
    type View = View;
    type Object = Handle;

    fn create_object(&self, kind: Kind, name: &str) -> Outcome<Handle> {
        SyncObjects::create(self, Some(name), kind.plain()).map(|(handle, _)| handle)
    }

    fn open_object(&self, kind: Kind, name: &str) -> Outcome<Handle> {
        SyncObjects::open(self, kind, name, SYNCHRONIZE)
    }

    fn folder(&self) -> PathBuf {
        self.new_folder()
    }

    fn open_file(&self, path: &Path, access: u32) -> Outcome<Handle> {
        // Where a process under Wine sees a file of ours.
        let path = format!("Z:{}", path.to_str().expect("a test's path").replace('/', "\\"));
        self.open_handle(Function::OpenFile, &path, [access, SHARE_ALL, 0, 0, 0, 0])
    }

    fn create_mapping(
        &self,
        file: Option<&Handle>,
        protect: u32,
        size: u64,
        name: Option<&str>,
    ) -> Outcome<(Handle, bool)> {
        let [low, high] = halves(size);
        let handle = file.map_or(INVALID, Handle::number);
        let numbers = [protect, low, high, 0, 0, 0];
        self.new_handle(Function::CreateMapping, &Request { handle, name, numbers, ..Request::default() })
    }

    fn create_secured_mapping(&self, protect: u32, size: u64, name: &str, sddl: &str) -> Outcome<Handle> {
        let [low, high] = halves(size);
        let numbers = [protect, low, high, 0, 0, 0];
        let request = Request { handle: INVALID, name: Some(name), numbers, data: sddl.as_bytes() };
        self.new_handle(Function::CreateMapping, &request).map(|(handle, _)| handle)
    }

    fn open_mapping(&self, name: &str, access: u32) -> Outcome<Handle> {
        self.open_handle(Function::OpenMapping, name, [access, 0, 0, 0, 0, 0])
    }

    fn map(&self, mapping: &Handle, access: u32, offset: u64, len: u64) -> Outcome<View> {
        let ([low, high], [len_low, len_high]) = (halves(offset), halves(len));
        let answer =
            self.with(mapping.number(), Function::MapView, [access, low, high, len_low, len_high, 0])?;
        Ok(View(Arc::clone(self.driver()), answer.handle))
    }

    fn read_view(&self, view: &View, at: u64, len: usize) -> Outcome<Vec<u8>> {
        let [low, high] = halves(at);
        self.with(view.1, Function::ReadView, [low, high, length(len), 0, 0, 0]).map(|answer| answer.data)
    }

    fn write_view(&self, view: &View, at: u64, data: &[u8]) -> Outcome<()> {
        let [low, high] = halves(at);
        let request =
            Request { handle: view.1, numbers: [low, high, 0, 0, 0, 0], data, ..Request::default() };
        outcome(self.request(Function::WriteView, &request)).map(drop)
    }

    fn flush_view(&self, view: &View, at: u64, len: u64) -> Outcome<()> {
        let ([low, high], [len_low, len_high]) = (halves(at), halves(len));
        self.with(view.1, Function::FlushView, [low, high, len_low, len_high, 0, 0]).map(drop)
    }

    fn commit(&self, view: &View, at: u64, len: u64) -> Outcome<()> {
        let ([low, high], [len_low, len_high]) = (halves(at), halves(len));
        self.with(view.1, Function::Commit, [low, high, len_low, len_high, PAGE_READWRITE, 0]).map(drop)
    }

    fn elsewhere(
        &self,
        what: Elsewhere<'_>,
        at: u64,
        data: &[u8],
        meanwhile: &mut dyn FnMut(),
    ) -> Outcome<Vec<u8>> {
        let another = self.another_process();
        let mapping = match what {
            Elsewhere::Create(name, size) => another.create_mapping(None, READWRITE, size, Some(name))?.0,
            Elsewhere::Open(name) => another.open_mapping(name, MAP_WRITE)?,
            Elsewhere::File(path) => {
                let file = another.open_file(path, GENERIC_READ | GENERIC_WRITE)?;
                another.create_mapping(Some(&file), READWRITE, 0, None)?.0
            }
        };
        let view = another.map(&mapping, MAP_WRITE, 0, 0)?;
        let read = another.read_view(&view, at, data.len())?;
        another.write_view(&view, at, data)?;
        meanwhile();
        self.end(&another);
        Ok(read)
    }
}
