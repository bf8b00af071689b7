//! A client at the door: what it says is checked against what the kernel says.

use ennead_channel::{
    AcceptError, Endpoint, Framing, LARGEST_CAPACITY, Limits, Parameters, PeerParts, SMALLEST_CAPACITY,
};
use ennead_security::{AccessMask, Token};
use ennead_sys::socket::{Connection, Message, Peer};

use crate::impersonation::SecurityQuality;

use super::end::End;
use super::error::Reason;
use super::handshake::Handshake;
use super::layout::Traits;
use super::modes::PipeType;
use super::security;
use super::service::Service;

/// Who the client of an instance is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientInfo {
    /// What the kernel recorded when it connected.
    pub peer: Peer,
    /// How far it lets the server go on its behalf.
    pub quality: SecurityQuality,
    /// Its process id as it sees itself: information. The kernel's is in [`ClientInfo::peer`].
    pub claimed_pid: u32,
    /// Its session, as it says.
    pub session: u32,
    /// Its computer's name, as it says.
    pub computer: String,
}

/// A client that may use the pipe.
#[derive(Debug)]
pub(super) struct Arrival {
    pub end: End,
    pub client: ClientInfo,
}

/// The ring of a quota of 0, which means *as needed*: room for several large writes, so that both sides of a stream are at work at the same time (64 KiB at a time,
/// rings of 64 and 128 KiB carry 8 GB/s, this one 11). Pages that are never touched cost nothing.
const DEFAULT_QUOTA: u32 = 256 * 1024;

/// What a connection to a pipe with these traits must be.
pub(super) fn parameters(traits: &Traits) -> Parameters {
    let capacity = |used: bool, quota: u32| match quota {
        _ if !used => SMALLEST_CAPACITY,
        0 => DEFAULT_QUOTA,
        // Each message takes 8 bytes more; the quota counts what the writer wrote.
        quota if traits.pipe_type == PipeType::Message => quota.saturating_add(quota / 8 + 64),
        quota => quota,
    };
    let capacity = |used, quota| capacity(used, quota).clamp(SMALLEST_CAPACITY, LARGEST_CAPACITY);
    Parameters {
        framing: match traits.pipe_type {
            PipeType::Byte => Framing::Bytes,
            PipeType::Message => Framing::Messages,
        },
        capacity_to_server: capacity(traits.direction.to_server(), traits.in_quota),
        capacity_to_client: capacity(traits.direction.to_client(), traits.out_quota),
    }
}

/// Which of these data rights the pipe's direction has no use for.
pub(super) fn check_direction(traits: &Traits, access: AccessMask) -> Result<(), Reason> {
    if access.contains(AccessMask::FILE_READ_DATA) && !traits.direction.to_client() {
        return Err(Reason::Denied("the server only reads: open the pipe for writing only"));
    }
    if access.contains(AccessMask::FILE_WRITE_DATA) && !traits.direction.to_server() {
        return Err(Reason::Denied("the server only writes: open the pipe for reading only"));
    }
    Ok(())
}

/// Checks a client and takes its connection.
pub(super) fn greet(
    service: &Service,
    server_access: AccessMask,
    connection: &Connection,
    bytes: &[u8],
    message: Message,
) -> Result<Arrival, Reason> {
    let hello = Handshake::decode(bytes)?;
    let peer = connection.peer().map_err(Reason::system("ask who the client is"))?;
    // Whoever opens a pipe asks for these, and honest clients say so.
    let access = AccessMask(hello.access) | security::ALWAYS;
    let mut groups = vec![peer.gid];
    groups.extend(&peer.groups);
    let token = Token::unix(peer.uid, &groups);
    security::check(&service.descriptor, &token, access)?;
    check_direction(&service.traits, access)?;
    let descriptors: [_; PeerParts::COUNT] = message
        .descriptors
        .try_into()
        .map_err(|_| Reason::Damaged("the number of descriptors in the client's handshake"))?;
    let expected = parameters(&service.traits);
    let largest_capacity = expected.capacity_to_server.max(expected.capacity_to_client).next_power_of_two();
    let parts = PeerParts::from_fds(descriptors);
    let endpoint =
        Endpoint::accept_with(parts, &Limits { largest_capacity }, &service.reserve).map_err(unacceptable)?;
    if endpoint.framing() != expected.framing {
        return Err(Reason::Damaged("the framing of the connection that the client passed"));
    }
    let client = ClientInfo {
        peer,
        quality: hello.quality,
        claimed_pid: hello.pid,
        session: hello.session,
        computer: hello.computer,
    };
    // A client maps both rings whatever it asked for. One that could have had the right does no harm by using it; to one
    // that could not, nothing is written, and what it writes is not read.
    let could_have = |right| security::grants(&service.descriptor, &token, right);
    let peer_may_write = could_have(AccessMask::FILE_WRITE_DATA);
    let mut granted = server_access;
    if !could_have(AccessMask::FILE_READ_DATA) {
        granted.0 &= !AccessMask::FILE_WRITE_DATA.0;
    }
    let end = End {
        endpoint,
        pipe_type: service.traits.pipe_type,
        granted,
        peer_may_write,
        has_read: false.into(),
    };
    Ok(Arrival { end, client })
}

fn unacceptable(error: AcceptError) -> Reason {
    match error {
        AcceptError::System(source) => Reason::System { step: "take over the connection", source },
        AcceptError::Version { theirs, .. } => {
            Reason::Version { theirs, ours: ennead_channel::LAYOUT_VERSION }
        }
        _ => Reason::Damaged("the connection that the client passed"),
    }
}
