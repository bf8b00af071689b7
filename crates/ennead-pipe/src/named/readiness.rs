//! Waiting for an instance in poll, epoll, tokio or the porter.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use ennead_channel::{Arming, Interest};

use super::arrival::Arrival;
use super::end::End;
use super::service::Service;

/// A descriptor that becomes readable when an end may go on, and what keeps it open. While an instance listens, that is one
/// descriptor for all instances of the pipe in this process, so that each of them wakes.
#[derive(Clone, Debug)]
pub struct Readiness(pub(super) Source);

#[derive(Clone, Debug)]
pub(super) enum Source {
    Door(Arc<Service>),
    Server(Arc<Arrival>),
    Client(Arc<End>),
}

impl Readiness {
    /// To be called before each wait: says to the other end that this one sleeps, then looks once more. A listening instance needs
    /// no arming: [`Arming::Armed`], and its descriptor is readable as long as a client is there.
    #[must_use]
    pub fn arm(&self, interest: Interest) -> Arming {
        match &self.0 {
            Source::Door(_) => Arming::Armed,
            Source::Server(arrival) => arrival.end.endpoint.arm(interest),
            Source::Client(end) => end.endpoint.arm(interest),
        }
    }

    /// Whether this is about a connection, not about a listening instance.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        !matches!(self.0, Source::Door(_))
    }
}

impl AsFd for Readiness {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.0 {
            Source::Door(service) => service.door.as_fd(),
            Source::Server(arrival) => arrival.end.endpoint.as_fd(),
            Source::Client(end) => end.endpoint.as_fd(),
        }
    }
}
