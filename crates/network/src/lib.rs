//! Networks: drivers, address management, firewall and published ports.
