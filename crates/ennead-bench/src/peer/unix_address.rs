//! Sockets of the AF_UNIX family, for the peers that are such sockets.

use std::os::fd::OwnedFd;
use std::path::Path;

use anyhow::{Context, Result};
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with,
};

fn address(place: &Path) -> Result<SocketAddrUnix> {
    SocketAddrUnix::new(place.join("socket")).context("the scratch directory's name is too long for a socket")
}

/// A socket that listens in `place`.
pub fn listening(place: &Path, kind: SocketType) -> Result<OwnedFd> {
    let socket = socket_with(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)?;
    bind(&socket, &address(place)?)?;
    listen(&socket, 4096)?;
    Ok(socket)
}

/// A socket that receives in `place`.
pub fn bound(place: &Path, kind: SocketType) -> Result<OwnedFd> {
    let socket = socket_with(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)?;
    bind(&socket, &address(place)?)?;
    Ok(socket)
}

/// A socket connected to the one that listens in `place`.
pub fn connected(place: &Path, kind: SocketType) -> Result<OwnedFd> {
    let socket = socket_with(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)?;
    connect(&socket, &address(place)?)?;
    Ok(socket)
}
