//! Access to device nodes.

bitflags::bitflags! {
    /// What may be done with a device node.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct DeviceAccess: u8 {
        /// `m`: create the node.
        const MKNOD = 1;
        /// `r`: open for reading.
        const READ = 2;
        /// `w`: open for writing.
        const WRITE = 4;
    }
}

/// Kind of device node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceKind {
    /// Both kinds, any number: `a`.
    All,
    /// Block device.
    Block,
    /// Character device.
    Char,
}

/// One rule. The last rule that matches decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceRule {
    /// Allow or deny.
    pub allow: bool,
    /// Kind of node.
    pub kind: DeviceKind,
    /// Major number; `None` is any.
    pub major: Option<u32>,
    /// Minor number; `None` is any.
    pub minor: Option<u32>,
    /// What is allowed or denied.
    pub access: DeviceAccess,
}
