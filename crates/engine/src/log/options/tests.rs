use super::*;

fn map(text: &str) -> Map {
    text.split_whitespace().filter_map(|pair| pair.split_once('=')).map(|(k, v)| (k.into(), v.into())).collect()
}

fn wrong(driver: &str, options: &str) -> String {
    LogOptions::parse(driver, &map(options)).expect_err(options).to_string()
}

fn rotation(driver: &str, options: &str) -> (Option<u64>, u32, bool) {
    let Rotation { max_size, max_files, compress } = LogOptions::parse(driver, &map(options)).expect(options).rotation;
    (max_size, max_files, compress)
}

#[test]
fn rotation_is_the_default_and_docker_decides_as_soon_as_something_is_said() {
    assert_eq!(rotation("json-file", ""), (Some(20_000_000), 5, true));
    assert_eq!(rotation("json-file", "max-size=10m"), (Some(10_000_000), 1, false));
    assert_eq!(rotation("json-file", "max-size=1k max-file=3 compress=true"), (Some(1000), 3, true));
    assert_eq!(rotation("json-file", "max-file=3"), (None, 3, false));
    assert_eq!(rotation("json-file", "max-size=-1"), (None, 1, false));
    assert_eq!(rotation("local", ""), (Some(20 << 20), 5, true));
    assert_eq!(rotation("local", "max-size=1m max-file=1 compress=false"), (Some(1_000_000), 1, false));
    assert_eq!(rotation("syslog", "cache-max-size=2m cache-max-file=2"), (Some(2_000_000), 2, true));
}

/// Every text is Docker 26.1.5's.
#[test]
fn mistakes_are_told_in_dockers_words() {
    let udp = "gelf-address=udp://127.0.0.1:1";
    let tcp = "gelf-address=tcp://127.0.0.1:1";
    for (driver, options, text) in [
        ("nonsense", "", "error looking up logging plugin nonsense: plugin \"nonsense\" not found"),
        ("json-file", "nonsense=1", "unknown log opt 'nonsense' for json-file log driver"),
        ("json-file", "mode=fast", "logger: logging mode not supported: fast"),
        (
            "json-file",
            "max-buffer-size=1m",
            "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
        ),
        (
            "json-file",
            "mode=non-blocking max-buffer-size=1.éééééééé5",
            "error parsing option max-buffer-size: invalid size: '1.éééééééé5'",
        ),
        ("json-file", "mode=non-blocking max-buffer-size=x", "error parsing option max-buffer-size: invalid size: 'x'"),
        ("json-file", "max-size=x", "invalid size: 'x'"),
        ("json-file", "max-size=0", "max-size must be a positive number"),
        ("json-file", "max-file=0", "max-file cannot be less than 1"),
        ("json-file", "max-file=x", "strconv.Atoi: parsing \"x\": invalid syntax"),
        ("json-file", "compress=maybe", "strconv.ParseBool: parsing \"maybe\": invalid syntax"),
        ("json-file", "compress=true", "compress cannot be true when max-file is less than 2 or max-size is not set"),
        ("local", "x=1", "unknown log opt 'x' for log driver local"),
        ("local", "max-size=x", "invalid value for max-size: x: invalid size: 'x'"),
        ("local", "max-file=1", "compression cannot be enabled when max file count is 1"),
        ("local", "max-file=-1", "max file count cannot be less than 0"),
        ("local", "compress=x", "error reading compress log option: strconv.ParseBool: parsing \"x\": invalid syntax"),
        ("syslog", "x=1", "unknown log opt 'x' for syslog log driver"),
        ("syslog", "syslog-address=foo://x", "unsupported scheme: 'foo'"),
        ("syslog", "syslog-address=tcp://[::1", "parse \"tcp://[::1\": missing ']' in host"),
        ("syslog", "syslog-facility=x", "invalid syslog facility"),
        ("syslog", "syslog-format=x", "Invalid syslog format"),
        ("fluentd", "x=1", "unknown log opt 'x' for fluentd log driver"),
        ("fluentd", "fluentd-address=foo://x", "invalid fluentd-address (foo://x): unsupported scheme: 'foo'"),
        (
            "fluentd",
            "fluentd-address=tcp://x/path",
            "invalid fluentd-address (tcp://x/path): should not contain a path element",
        ),
        ("fluentd", "fluentd-address=unix:///", "invalid fluentd-address (unix:///): path is empty"),
        (
            "fluentd",
            "fluentd-address=x:99999",
            "invalid fluentd-address (x:99999): invalid port: strconv.ParseUint: parsing \"99999\": value out of range",
        ),
        ("fluentd", "fluentd-async=x", "strconv.ParseBool: parsing \"x\": invalid syntax"),
        ("fluentd", "fluentd-buffer-limit=x", "invalid size: 'x'"),
        ("fluentd", "fluentd-retry-wait=x", "time: invalid duration \"x\""),
        ("fluentd", "fluentd-max-retries=x", "strconv.ParseUint: parsing \"x\": invalid syntax"),
        (
            "fluentd",
            "fluentd-async-reconnect-interval=1ms",
            "invalid value for fluentd-async-reconnect-interval: value (\"1ms\") must be between 100ms and 10s",
        ),
        ("gelf", "", "gelf-address is a required parameter"),
        ("gelf", "gelf-address=foo://x", "gelf: endpoint needs to be TCP or UDP"),
        ("gelf", "gelf-address=udp://x", "gelf: please provide gelf-address as proto://host:port"),
        ("gelf", &format!("{udp} x=1"), "unknown log opt \"x\" for gelf log driver"),
        (
            "gelf",
            &format!("{udp} gelf-compression-type=x"),
            "unknown value \"x\" for log opt \"gelf-compression-type\" for gelf log driver",
        ),
        (
            "gelf",
            &format!("{udp} gelf-compression-level=10"),
            "unknown value \"10\" for log opt \"gelf-compression-level\" for gelf log driver",
        ),
        ("gelf", &format!("{tcp} gelf-compression-level=1"), "compression is only supported on UDP"),
        ("gelf", &format!("{udp} gelf-tcp-max-reconnect=1"), "\"gelf-tcp-max-reconnect\" is only valid for TCP"),
        ("gelf", &format!("{tcp} gelf-tcp-max-reconnect=x"), "\"gelf-tcp-max-reconnect\" must be a positive integer"),
        ("journald", "x=1", "unknown log opt 'x' for journald log driver"),
        ("journald", "cache-disabled=x", "invalid value for option cache-disabled: x"),
    ] {
        assert_eq!(wrong(driver, options), text, "{driver} {options}");
    }
}

#[test]
fn modes() {
    let parsed = |options: &str| LogOptions::parse("journald", &map(options)).expect(options);
    assert_eq!(parsed("").non_blocking, None);
    assert_eq!(parsed("mode=blocking").non_blocking, None);
    assert_eq!(parsed("mode=non-blocking").non_blocking, Some(1_000_000));
    assert_eq!(parsed("mode=non-blocking max-buffer-size=4m").non_blocking, Some(4 << 20));
    assert!(parsed("").readable && !parsed("cache-disabled=true").readable);
}
