use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::{is_default, nullable};

/// A system call filter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Seccomp {
    /// What happens to calls that no rule matches.
    pub default_action: SeccompAction,
    /// `errno` of the default action, where it returns one. Absent: `EPERM`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_errno_ret: Option<u32>,
    /// Architectures, such as `SCMP_ARCH_X86_64`, beside the native one.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub architectures: Vec<String>,
    /// Flags of `seccomp(2)`, such as `SECCOMP_FILTER_FLAG_LOG`.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub flags: Vec<String>,
    /// Unix socket that gets the notification descriptor.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "nullable")]
    pub listener_path: String,
    /// Opaque data for the listener.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "nullable")]
    pub listener_metadata: String,
    /// Rules.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub syscalls: Vec<Syscall>,
}

/// A system call filter as it stands in a document. Filters are long and mostly the same one: who has compiled it
/// before knows it by its text, and need not read it again.
#[derive(Clone)]
pub struct SeccompText(Arc<RawValue>);

impl SeccompText {
    /// The text of a filter.
    ///
    /// # Errors
    /// The filter has no form in JSON, which does not happen.
    pub fn of(filter: &Seccomp) -> Result<SeccompText, serde_json::Error> {
        Ok(SeccompText(Arc::from(serde_json::value::to_raw_value(filter)?)))
    }

    /// Its JSON.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The filter.
    ///
    /// # Errors
    /// The text is that of no filter.
    pub fn parse(&self) -> Result<Seccomp, serde_json::Error> {
        serde_json::from_str(self.as_str())
    }
}

impl Serialize for SeccompText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SeccompText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SeccompText, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|text| SeccompText(Arc::from(text)))
    }
}

impl PartialEq for SeccompText {
    fn eq(&self, other: &SeccompText) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for SeccompText {}

impl fmt::Debug for SeccompText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One rule: calls with one of the names whose arguments all match.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Syscall {
    /// Names of the calls; unknown ones are skipped.
    #[serde(deserialize_with = "nullable")]
    pub names: Vec<String>,
    /// What happens.
    pub action: SeccompAction,
    /// `errno` that is returned, or the value given to the tracer. Absent: `EPERM`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errno_ret: Option<u32>,
    /// Conditions, joined by "and"; several on the same argument are joined by "or", as libseccomp's users expect.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub args: Vec<SeccompArg>,
}

/// A condition on one argument of a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SeccompArg {
    /// Argument, 0 to 5.
    pub index: u32,
    /// What it is compared with; the mask for `MaskedEq`.
    pub value: u64,
    /// What the masked value is compared with.
    #[serde(skip_serializing_if = "is_default")]
    pub value_two: u64,
    /// Comparison.
    pub op: SeccompOperator,
}

/// What happens to a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SeccompAction {
    /// The thread is killed; older name of `KillThread`.
    #[default]
    #[serde(rename = "SCMP_ACT_KILL")]
    Kill,
    /// The process is killed.
    #[serde(rename = "SCMP_ACT_KILL_PROCESS")]
    KillProcess,
    /// The thread is killed.
    #[serde(rename = "SCMP_ACT_KILL_THREAD")]
    KillThread,
    /// `SIGSYS` is sent.
    #[serde(rename = "SCMP_ACT_TRAP")]
    Trap,
    /// An error is returned.
    #[serde(rename = "SCMP_ACT_ERRNO")]
    Errno,
    /// A tracer decides.
    #[serde(rename = "SCMP_ACT_TRACE")]
    Trace,
    /// The call is made.
    #[serde(rename = "SCMP_ACT_ALLOW")]
    Allow,
    /// The call is logged and made.
    #[serde(rename = "SCMP_ACT_LOG")]
    Log,
    /// A listener decides.
    #[serde(rename = "SCMP_ACT_NOTIFY")]
    Notify,
}

/// Comparison of an argument with a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SeccompOperator {
    /// Not equal.
    #[serde(rename = "SCMP_CMP_NE")]
    NotEqual,
    /// Less than.
    #[serde(rename = "SCMP_CMP_LT")]
    LessThan,
    /// Less than or equal.
    #[serde(rename = "SCMP_CMP_LE")]
    LessEqual,
    /// Equal.
    #[default]
    #[serde(rename = "SCMP_CMP_EQ")]
    Equal,
    /// Greater than or equal.
    #[serde(rename = "SCMP_CMP_GE")]
    GreaterEqual,
    /// Greater than.
    #[serde(rename = "SCMP_CMP_GT")]
    GreaterThan,
    /// `argument & value == value_two`.
    #[serde(rename = "SCMP_CMP_MASKED_EQ")]
    MaskedEqual,
}
