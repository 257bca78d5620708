//! A network namespace that is made beside everything else.

use std::os::fd::OwnedFd;
use std::thread::JoinHandle;

use teu_oci::runtime::{NamespaceKind, Spec};
use teu_sys::thread::spawn_elsewhere;

/// A network namespace in the making, on a thread of its own: the kernel takes as long for one as for the control groups of
/// ten hierarchies, and does both at once.
#[derive(Debug)]
pub struct NewNetwork(Option<JoinHandle<Option<OwnedFd>>>);

impl NewNetwork {
    /// Begins, if the configuration wants a new namespace that belongs to our user namespace: one that belongs to the
    /// container's is made from in there.
    #[must_use]
    pub fn begin(spec: &Spec) -> NewNetwork {
        let namespaces = spec.linux.as_ref().map_or(&[][..], |linux| &linux.namespaces);
        let of = |kind| namespaces.iter().find(move |n| n.kind == kind);
        let wanted = of(NamespaceKind::Network).is_some_and(|n| n.join_path().is_none());
        if !wanted || of(NamespaceKind::User).is_some() {
            return NewNetwork(None);
        }
        // Whatever fails here fails again, and is told, where the container's process makes its other namespaces.
        let make = || teu_sys::netns::create().ok().map(|made| made.namespace);
        NewNetwork(spawn_elsewhere("netns", make).ok())
    }

    /// The namespace, in which the loopback interface is up. None: the container's process is to make one.
    pub(crate) fn finish(self) -> Option<OwnedFd> {
        self.0?.join().ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use teu_oci::runtime::{Linux, Namespace};

    fn finished(kinds: &[NamespaceKind]) -> Option<OwnedFd> {
        let namespaces = kinds.iter().map(|kind| Namespace::new(*kind)).collect();
        NewNetwork::begin(&Spec { linux: Some(Linux { namespaces, ..Linux::default() }), ..Spec::default() }).finish()
    }

    #[test]
    fn only_what_is_ours_to_make() {
        assert!(finished(&[]).is_none());
        assert!(finished(&[NamespaceKind::Network, NamespaceKind::User]).is_none());
        let mut joined = Namespace::new(NamespaceKind::Network);
        joined.path = Some("/proc/self/ns/net".into());
        let linux = Linux { namespaces: vec![joined], ..Linux::default() };
        assert!(NewNetwork::begin(&Spec { linux: Some(linux), ..Spec::default() }).finish().is_none());
    }

    #[test]
    fn another_namespace_than_ours() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let made = finished(&[NamespaceKind::Network, NamespaceKind::Pid]).unwrap();
        let own = teu_sys::netns::current().unwrap();
        let of = |fd: &OwnedFd| teu_sys::netns::identity(std::os::fd::AsFd::as_fd(fd)).unwrap();
        assert_ne!(of(&made), of(&own));
    }
}
