//! Containers: configuration, creation, listing, inspection, and the options of their routes.

mod archive;
mod config;
mod create;
mod host_config;
mod inspect;
mod list;
mod mount;
mod options;
mod stats;

pub(crate) use archive::archive_path;
pub use archive::{ArchiveOptions, Change, ChangeKind, CommitOptions, CommitResponse, PATH_STAT, PathStat};
pub use config::{Config, Healthcheck};
pub use create::{CREATED, CreateRequest, CreateResponse, UpdateRequest, UpdateResponse};
pub use host_config::{
    DeviceMapping, DeviceRequest, HostConfig, LogConfig, PortBinding, PortMap, RestartPolicy, ThrottleDevice, Ulimit,
    WeightDevice,
};
pub use inspect::{Address, DriverData, Health, HealthResult, Inspect, NetworkSettings, State};
pub use list::{Port, Summary, SummaryHostConfig, SummaryNetworkSettings};
pub use mount::{BindOptions, ImageOptions, Mount, MountPoint, TmpfsOptions, VolumeDriver, VolumeOptions};
pub use options::{
    AttachOptions, CreateOptions, ListOptions, LogsOptions, RemoveOptions, ResizeOptions, StopOptions, Top,
    WaitCondition, WaitError, WaitResponse,
};
pub use stats::{
    BlkioEntry, BlkioStats, CpuStats, CpuUsage, MemoryStats, NetworkStats, PidsStats, Stats, StatsOptions,
    ThrottlingData,
};
