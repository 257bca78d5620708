//! Access to device nodes.

use crate::runtime::DeviceRule;

/// Docker's rules: nothing, but for the usual memory and terminal devices. The runtime adds the rules that every container
/// has (making nodes, pseudo terminals).
#[must_use]
pub fn device_rules() -> Vec<DeviceRule> {
    // zero, null, urandom, random, tty, console
    let usual = [(1, 5), (1, 3), (1, 9), (1, 8), (5, 0), (5, 1)];
    let mut rules = vec![DeviceRule { allow: false, access: "rwm".into(), ..DeviceRule::default() }];
    rules.extend(usual.map(|(major, minor)| DeviceRule {
        allow: true,
        kind: "c".into(),
        major: Some(major),
        minor: Some(minor),
        access: "rwm".into(),
    }));
    rules
}

/// Everything: for `--privileged`.
#[must_use]
pub fn privileged_device_rules() -> Vec<DeviceRule> {
    vec![DeviceRule { allow: true, access: "rwm".into(), ..DeviceRule::default() }]
}
