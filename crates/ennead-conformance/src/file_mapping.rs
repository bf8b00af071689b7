//! File mapping: `CreateFileMapping`, `OpenFileMapping`, `MapViewOfFile`, `FlushViewOfFile`, `UnmapViewOfFile`.

mod coherence;
mod creating;
mod naming;
mod views;

use std::path::{Path, PathBuf};

use crate::sync_objects::Kind;
use crate::{Case, GENERIC_READ, GENERIC_WRITE, Outcome, code};

/// PAGE_READONLY.
pub const READONLY: u32 = 2;
/// PAGE_READWRITE.
pub const READWRITE: u32 = 4;
/// PAGE_WRITECOPY.
pub const WRITECOPY: u32 = 8;
/// PAGE_EXECUTE_READ.
pub const EXECUTE_READ: u32 = 0x20;
/// PAGE_EXECUTE_READWRITE.
pub const EXECUTE_READWRITE: u32 = 0x40;
/// SEC_RESERVE.
pub const RESERVE: u32 = 0x0400_0000;
/// SEC_COMMIT.
pub const COMMIT: u32 = 0x0800_0000;
/// SEC_LARGE_PAGES.
pub const LARGE_PAGES: u32 = 0x8000_0000;
/// FILE_MAP_COPY.
pub const MAP_COPY: u32 = 1;
/// FILE_MAP_WRITE.
pub const MAP_WRITE: u32 = 2;
/// FILE_MAP_READ.
pub const MAP_READ: u32 = 4;
/// FILE_MAP_EXECUTE.
pub const MAP_EXECUTE: u32 = 0x20;
/// FILE_MAP_ALL_ACCESS.
pub const MAP_ALL: u32 = 0x000F_001F;
/// GENERIC_EXECUTE.
pub const GENERIC_EXECUTE: u32 = 0x2000_0000;
/// The allocation granularity of every Windows.
pub const GRANULARITY: u64 = 65_536;

/// What another process maps.
#[derive(Clone, Copy, Debug)]
pub enum Elsewhere<'a> {
    /// It creates a mapping of this name and size, backed by the paging file.
    Create(&'a str, u64),
    /// It opens the mapping of this name.
    Open(&'a str),
    /// It opens this file for reading and writing, and maps all of it.
    File(&'a Path),
}

/// An implementation under test. Every handle closes when it is dropped, and every view is unmapped.
pub trait FileMappings: Sync + Sized {
    /// A file.
    type File: Sync + Send;
    /// A file mapping object.
    type Mapping: Sync + Send;
    /// A view.
    type View: Sync + Send;
    /// An object of another kind.
    type Object;

    /// `CreateEvent` and its like.
    fn create_object(&self, kind: Kind, name: &str) -> Outcome<Self::Object>;
    /// `OpenEvent` and its like, to wait.
    fn open_object(&self, kind: Kind, name: &str) -> Outcome<Self::Object>;

    /// An empty folder for a case's files.
    fn folder(&self) -> PathBuf;
    /// `CreateFile`, OPEN_EXISTING.
    fn open_file(&self, path: &Path, access: u32) -> Outcome<Self::File>;
    /// `CreateFileMapping`, backed by the paging file if there is no file; whether it said ERROR_ALREADY_EXISTS.
    fn create_mapping(
        &self,
        file: Option<&Self::File>,
        protect: u32,
        size: u64,
        name: Option<&str>,
    ) -> Outcome<(Self::Mapping, bool)>;
    /// The same, backed by the paging file, with a security descriptor, as SDDL.
    fn create_secured_mapping(
        &self,
        protect: u32,
        size: u64,
        name: &str,
        sddl: &str,
    ) -> Outcome<Self::Mapping>;
    /// `OpenFileMapping`.
    fn open_mapping(&self, name: &str, access: u32) -> Outcome<Self::Mapping>;
    /// `MapViewOfFile`.
    fn map(&self, mapping: &Self::Mapping, access: u32, offset: u64, len: u64) -> Outcome<Self::View>;

    /// Reads memory of a view; an access violation is a failure.
    fn read_view(&self, view: &Self::View, at: u64, len: usize) -> Outcome<Vec<u8>>;
    /// Writes memory of a view; an access violation is a failure.
    fn write_view(&self, view: &Self::View, at: u64, data: &[u8]) -> Outcome<()>;
    /// `FlushViewOfFile` from there.
    fn flush_view(&self, view: &Self::View, at: u64, len: u64) -> Outcome<()>;
    /// `VirtualAlloc` with MEM_COMMIT and PAGE_READWRITE, of a range of a view of a SEC_RESERVE mapping.
    fn commit(&self, view: &Self::View, at: u64, len: u64) -> Outcome<()>;

    /// Another process maps something for writing, reads as many bytes as `data` has, writes `data` there, keeps the view while
    /// `meanwhile` runs, and is ended at once. When this returns, it has ended. What it read.
    fn elsewhere(
        &self,
        what: Elsewhere<'_>,
        at: u64,
        data: &[u8],
        meanwhile: &mut dyn FnMut(),
    ) -> Outcome<Vec<u8>>;
}

/// All cases.
#[must_use]
pub fn cases<M: FileMappings>() -> Vec<Case<M>> {
    [creating::cases(), views::cases(), naming::cases(), coherence::cases()].concat()
}

/// A mapping backed by the paging file, without a name.
fn memory<M: FileMappings>(maps: &M, size: u64) -> M::Mapping {
    maps.create_mapping(None, READWRITE, size, None).unwrap_or_else(|e| panic!("create {size} bytes: {e}")).0
}

/// The mapping of this name, which did not exist.
fn named<M: FileMappings>(maps: &M, name: &str, size: u64) -> M::Mapping {
    let (mapping, existed) = maps
        .create_mapping(None, READWRITE, size, Some(name))
        .unwrap_or_else(|e| panic!("create {name}: {e}"));
    assert!(!existed, "{name} existed");
    mapping
}

/// A view of all of it.
fn whole<M: FileMappings>(maps: &M, mapping: &M::Mapping, access: u32) -> M::View {
    maps.map(mapping, access, 0, 0).unwrap_or_else(|e| panic!("map with {access:#x}: {e}"))
}

/// A file of these bytes, opened for reading and writing.
fn file<M: FileMappings>(maps: &M, data: &[u8]) -> (PathBuf, M::File) {
    let path = path_of(maps, data);
    let file = maps.open_file(&path, GENERIC_READ | GENERIC_WRITE).expect("open the file");
    (path, file)
}

/// A file of these bytes.
fn path_of<M: FileMappings>(maps: &M, data: &[u8]) -> PathBuf {
    let path = maps.folder().join("file");
    std::fs::write(&path, data).expect("write the file");
    path
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).expect("look at the file").len()
}
