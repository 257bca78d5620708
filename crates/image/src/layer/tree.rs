//! The tree that a layer's entries make, in memory: what each path is in the end.
//!
//! Rules for strange archives: the last entry of a path wins, but a directory that comes again keeps its children; missing
//! parents are made; a parent that is a symbolic link is followed inside the layer and never out of it; a hard link
//! needs its target in the same layer; a path that is both there and hidden is there, and hides what is below.

use std::collections::BTreeMap;

use super::path::{self, Target, printable};
use super::{LayerError, Limits};
use crate::tar::{Entry, Kind, Segment, Time};

/// How many symbolic links one path may go through (`MAXSYMLINKS` of the kernel).
const MAX_LINKS: usize = 40;
/// How many components those links may have altogether: a path of `PATH_MAX` bytes has no more.
const MAX_COMPONENTS: usize = 2_048;
/// Permissions of parents that have no entry of their own, as Docker makes them.
const IMPLIED_MODE: u16 = 0o755;
/// Overlayfs reads attributes of these prefixes as its own; a layer must not speak to it.
const OVERLAY_PREFIXES: [&[u8]; 2] = [b"trusted.overlay.", b"user.overlay."];

/// Index of an inode in its [`Tree`].
pub(crate) type InodeId = usize;

/// The tree of one layer.
pub(crate) struct Tree {
    inodes: Vec<Inode>,
    limits: Limits,
    content_size: u64,
}

/// What has attributes and content; several names may lead to it.
#[derive(Debug)]
pub(crate) struct Inode {
    pub(crate) node: Node,
    pub(crate) mode: u16,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mtime: Time,
    pub(crate) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What an inode is.
#[derive(Debug)]
pub(crate) enum Node {
    /// A directory; opaque ones hide what lower layers have in them.
    Directory { children: BTreeMap<Box<[u8]>, InodeId>, opaque: bool },
    /// A regular file and where its data is.
    File(Content),
    /// A symbolic link and its target.
    Symlink(Vec<u8>),
    /// A character device.
    CharDevice(u32, u32),
    /// A block device.
    BlockDevice(u32, u32),
    /// A named pipe.
    Fifo,
    /// Hides a name of the layers below.
    Whiteout,
}

/// Where a file's data is in the tar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    /// The file's size.
    pub(crate) size: u64,
    /// Offset of the data in the tar.
    pub(crate) offset: u64,
    /// The parts that have data, if it is sparse.
    pub(crate) sparse: Option<Vec<Segment>>,
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placed {
    /// It is this inode now.
    Inode(InodeId),
    /// It has no place of its own.
    Nothing,
}

impl Tree {
    /// The tree's root.
    pub(crate) const ROOT: InodeId = 0;

    pub(crate) fn new(limits: Limits) -> Self {
        Self { inodes: vec![Inode::implied()], limits, content_size: 0 }
    }

    pub(crate) fn inode(&self, id: InodeId) -> &Inode {
        &self.inodes[id]
    }

    /// How many inodes there are, counting those no name leads to any more.
    pub(crate) fn len(&self) -> usize {
        self.inodes.len()
    }

    /// Sum of the sizes of all regular files that entries brought: Docker's size of a layer.
    pub(crate) fn content_size(&self) -> u64 {
        self.content_size
    }

    /// Whether the layer hides everything below it.
    pub(crate) fn root_is_opaque(&self) -> bool {
        matches!(self.inodes[Self::ROOT].node, Node::Directory { opaque: true, .. })
    }

    /// Takes the next entry.
    pub(crate) fn insert(&mut self, entry: Entry) -> Result<Placed, LayerError> {
        let limits = self.limits;
        match path::target(&entry.path, &limits)? {
            Target::Ignored => Ok(Placed::Nothing),
            Target::Root if entry.kind == Kind::Directory => {
                self.inodes[Self::ROOT].take_attributes(&entry);
                Ok(Placed::Inode(Self::ROOT))
            }
            Target::Root => Err(refuse(&entry, "the root must be a directory")),
            Target::Opaque(parents) => {
                let dir = self.directory(&parents, &entry)?;
                self.make_opaque(dir);
                Ok(Placed::Nothing)
            }
            Target::Whiteout(parents, name) => {
                let dir = self.directory(&parents, &entry)?;
                self.hide(dir, name);
                Ok(Placed::Nothing)
            }
            Target::Name(parents, name) => {
                let dir = self.directory(&parents, &entry)?;
                self.content_size = self.content_size.saturating_add(entry.size);
                self.place(dir, name, &entry).map(Placed::Inode)
            }
        }
    }

    /// A number that no inode has: for contents without one.
    pub(crate) fn reserve(&mut self) -> InodeId {
        self.inodes.push(Inode::implied());
        self.inodes.len() - 1
    }

    /// Puts an entry at a name, by the rules for what is there already.
    fn place(&mut self, dir: InodeId, name: &[u8], entry: &Entry) -> Result<InodeId, LayerError> {
        let present = self.child(dir, name);
        if entry.kind == Kind::HardLink {
            let target = self.link_target(entry)?;
            self.set_child(dir, name, target);
            return Ok(target);
        }
        if entry.kind == Kind::Directory
            && let Some(id) = present
        {
            match &mut self.inodes[id].node {
                Node::Directory { .. } => {
                    self.inodes[id].take_attributes(entry);
                    return Ok(id);
                }
                Node::Whiteout => {
                    let mut inode = Inode::of(entry)?;
                    inode.node = Node::Directory { children: BTreeMap::new(), opaque: true };
                    return Ok(self.add(dir, name, inode));
                }
                _ => {}
            }
        }
        let inode = Inode::of(entry)?;
        Ok(self.add(dir, name, inode))
    }

    fn link_target(&mut self, entry: &Entry) -> Result<InodeId, LayerError> {
        let limits = self.limits;
        let mut components = path::components(&entry.link, &limits)?;
        let missing =
            || refuse(entry, &format!("hard link to {:?}, which is not in the layer", printable(&entry.link)));
        let name = components.pop().ok_or_else(|| refuse(entry, "hard link to the root"))?;
        let dir = self.walk(&components, entry, false)?.ok_or_else(missing)?;
        let target = self.child(dir, name).ok_or_else(missing)?;
        match self.inodes[target].node {
            Node::Directory { .. } => Err(refuse(entry, "hard link to a directory")),
            Node::Whiteout => Err(missing()),
            _ => Ok(target),
        }
    }

    /// The directory at a path, made if need be.
    fn directory(&mut self, parents: &[&[u8]], entry: &Entry) -> Result<InodeId, LayerError> {
        self.walk(parents, entry, true)?.ok_or_else(|| refuse(entry, "its directory is a link to nothing in the layer"))
    }

    /// Looks a directory up from the root, following symbolic links inside it.
    fn walk(&mut self, parents: &[&[u8]], entry: &Entry, create: bool) -> Result<Option<InodeId>, LayerError> {
        let mut stack = vec![Self::ROOT];
        // Components still to go, last first.
        let mut rest: Vec<(Box<[u8]>, bool)> = parents.iter().rev().map(|name| (Box::from(*name), create)).collect();
        let (mut links, mut components) = (0, 0);
        while let Some((name, create)) = rest.pop() {
            // Links lead on from where other links led to: the path as written says nothing about the depth.
            if stack.len() > self.limits.depth {
                return Err(LayerError::Limit { what: "depth of a path", limit: self.limits.depth as u64 });
            }
            let dir = stack[stack.len() - 1];
            match &*name {
                b"" | b"." => continue,
                b".." => {
                    if stack.len() > 1 {
                        stack.pop();
                    }
                    continue;
                }
                _ => {}
            }
            let id = match self.child(dir, &name) {
                Some(id) => id,
                None if create => self.add(dir, &name, Inode::implied()),
                None => return Ok(None),
            };
            match &self.inodes[id].node {
                Node::Directory { .. } => stack.push(id),
                Node::Symlink(target) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(refuse(entry, "too many levels of symbolic links"));
                    }
                    if target.starts_with(b"/") {
                        stack.truncate(1);
                    }
                    components += target.iter().filter(|b| **b == b'/').count();
                    if components > MAX_COMPONENTS {
                        return Err(refuse(entry, "symbolic links on its way are too long"));
                    }
                    rest.extend(target.split(|b| *b == b'/').rev().map(|part| (Box::from(part), false)));
                }
                Node::Whiteout if create => {
                    let mut inode = Inode::implied();
                    inode.node = Node::Directory { children: BTreeMap::new(), opaque: true };
                    stack.push(self.add(dir, &name, inode));
                }
                _ => return Err(refuse(entry, &format!("{:?} is not a directory", printable(&name)))),
            }
        }
        Ok(stack.pop())
    }

    fn child(&self, dir: InodeId, name: &[u8]) -> Option<InodeId> {
        match &self.inodes[dir].node {
            Node::Directory { children, .. } => children.get(name).copied(),
            _ => None,
        }
    }

    fn add(&mut self, dir: InodeId, name: &[u8], inode: Inode) -> InodeId {
        let id = self.inodes.len();
        self.inodes.push(inode);
        self.set_child(dir, name, id);
        id
    }

    fn set_child(&mut self, dir: InodeId, name: &[u8], id: InodeId) {
        if let Node::Directory { children, .. } = &mut self.inodes[dir].node {
            children.insert(name.into(), id);
        }
    }

    fn make_opaque(&mut self, dir: InodeId) {
        if let Node::Directory { opaque, .. } = &mut self.inodes[dir].node {
            *opaque = true;
        }
    }

    /// A whiteout is about the layers below: what this layer has under the name stays.
    fn hide(&mut self, dir: InodeId, name: &[u8]) {
        match self.child(dir, name) {
            Some(id) => self.make_opaque(id),
            None => {
                let whiteout = Inode { node: Node::Whiteout, mode: 0, ..Inode::implied() };
                self.add(dir, name, whiteout);
            }
        }
    }
}

impl Inode {
    fn implied() -> Self {
        Self {
            node: Node::Directory { children: BTreeMap::new(), opaque: false },
            mode: IMPLIED_MODE,
            uid: 0,
            gid: 0,
            mtime: Time::default(),
            xattrs: Vec::new(),
        }
    }

    fn of(entry: &Entry) -> Result<Self, LayerError> {
        let node = match entry.kind {
            Kind::File => {
                Node::File(Content { size: entry.size, offset: entry.data_offset, sparse: entry.sparse.clone() })
            }
            Kind::Symlink if entry.link.is_empty() || entry.link.contains(&0) => {
                return Err(refuse(entry, "symbolic link without a usable target"));
            }
            Kind::Symlink => Node::Symlink(entry.link.clone()),
            // This is how overlayfs writes a whiteout, and what it would take it for.
            Kind::CharDevice if entry.device == (0, 0) => Node::Whiteout,
            Kind::CharDevice => device(entry, Node::CharDevice)?,
            Kind::BlockDevice => device(entry, Node::BlockDevice)?,
            Kind::Directory => Node::Directory { children: BTreeMap::new(), opaque: false },
            Kind::Fifo => Node::Fifo,
            Kind::HardLink => return Err(refuse(entry, "hard link without a target")),
        };
        let mut inode = Self { node, ..Self::implied() };
        inode.take_attributes(entry);
        Ok(inode)
    }

    fn take_attributes(&mut self, entry: &Entry) {
        self.mode = entry.mode;
        self.uid = entry.uid;
        self.gid = entry.gid;
        self.mtime = entry.mtime;
        self.xattrs = entry.xattrs.iter().filter(|(name, _)| !is_overlay_attribute(name)).cloned().collect();
    }
}

/// Whether overlayfs would read an attribute of this name as its own.
pub(crate) fn is_overlay_attribute(name: &[u8]) -> bool {
    OVERLAY_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn device(entry: &Entry, node: fn(u32, u32) -> Node) -> Result<Node, LayerError> {
    let (major, minor) = entry.device;
    // 12 and 20 bits: `MINORBITS` of the kernel.
    if major >= 1 << 12 || minor >= 1 << 20 {
        return Err(refuse(entry, "device number is out of range"));
    }
    Ok(node(major, minor))
}

fn refuse(entry: &Entry, reason: &str) -> LayerError {
    LayerError::Entry { path: printable(&entry.path), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests;
