//! Seeds that are texts.

fn bytes(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

pub(crate) fn references() -> Vec<Vec<u8>> {
    bytes(&[
        "busybox",
        "localhost:5000/a/b_c__d-e:V1.2-x",
        "[2001:db8::1]:443/x@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "index.docker.io/library/ubuntu:22.04",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "quay.io/user.name/app:tag@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ])
}

pub(crate) fn names() -> Vec<Vec<u8>> {
    bytes(&[
        "172.17.0.0/16",
        "fd00::/64",
        "02:42:ac:11:00:02",
        "sctp",
        "CAP_NET_ADMIN",
        "6.12.1-amd64",
        "::ffff:0:0/96",
    ])
}

pub(crate) fn headers() -> Vec<Vec<u8>> {
    bytes(&[
        "eyJ1c2VybmFtZSI6InUiLCJwYXNzd29yZCI6InAifQ==",
        "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nContent-Length: 12\r\n\r\n",
        "HTTP/1.1 404 Not Found\r\ntransfer-encoding: chunked\r\n\r\nc\r\n",
        "tcp://[::1]:2376/base/",
        "unix:///var/run/docker.sock",
        "https://host",
        "1.45",
    ])
}

pub(crate) fn queries() -> Vec<Vec<u8>> {
    bytes(&[
        "all=1&filters=%7B%22label%22%3A%7B%22a%3Db%22%3Atrue%7D%7D&limit=5",
        r#"{"status":["running","paused"],"dangling":{"true":true}}"#,
        "fromImage=a%2Fb&tag=%C3%A9+x&t=-1&",
        "t=10&signal=SIGTERM&h=24&w=80&condition=next-exit&stream=0&one-shot=1&force=1&v=true&link=no",
        "follow=1&stdout=1&stderr=0&since=1700000000.5&until=10m&timestamps=1&tail=all&details=1&detachKeys=ctrl-a",
        "path=%2Fa%20b&noOverwriteDirNonDir=true&copyUIDGID=1&container=c&repo=r&pause=0&changes=ENV%20A%3Db%0ACMD%20x",
        "name=web&platform=linux%2Farm64&type=image&type=build-cache&size=1&shared-size=1&noprune=1&fromSrc=-",
    ])
}

pub(crate) fn streams() -> Vec<Vec<u8>> {
    vec![
        b"\x02{\"a\":\"}\\\"{\"}{\"b\":[1,{}]}\r\n [2]\n{\"cut".to_vec(),
        b"\x03\x01\0\0\0\0\0\0\x05hello\x02\0\0\0\0\0\0\x01!".to_vec(),
        b"\0\x02\0\0\0\0\0\0\0\x01\0\0\0\xff\xff\xff\xffx".to_vec(),
    ]
}

pub(crate) fn env() -> Vec<Vec<u8>> {
    bytes(&["\u{feff}# comment\nA=1\n  B=two words\r\nHOME\nC=x=y\n", "=x\nA B=1", "NAME =x\n"])
}

pub(crate) fn flags() -> Vec<Vec<u8>> {
    bytes(&[
        "127.0.0.1:8000-8010:80-90/udp",
        "[::1]:80:80",
        "target=80,published=8080,protocol=tcp,mode=host",
        "type=bind,src=/a,dst=/b,readonly,bind-propagation=rslave",
        "type=tmpfs,destination=/t,tmpfs-size=64m,tmpfs-mode=1770",
        "type=volume,source=v,target=/v,volume-subpath=x,\"volume-opt=o=a,b\"",
        "/host:/container:ro,rslave,z",
        "/t=size=65536k,mode=1777",
        "80/tcp=8080-8090\n53/udp=",
        "/dev/sda:/dev/xvda:rwm",
        "c 1:* rmw",
        "1h30m5.5s",
        "nofile=1024:2048",
        "host:host-gateway",
        "net.ipv4.ip_forward=1",
        "/dev/sda:1mb",
        "0-3,7",
        "1.5g",
        "\"device=0,1\",capabilities=compute",
        "name=net,alias=a,ip=10.0.0.2",
        "linux/arm64/v8",
        "ctrl-p,ctrl-@,a",
        "2026-01-02T03:04:05.6Z",
        "1700000000.123",
        "SIGRTMIN+3",
        "-o pid,user,comm",
    ])
}

pub(crate) fn templates() -> Vec<Vec<u8>> {
    bytes(&[
        r#"{{.Id}} {{json .State}} {{range $k, $v := .Ports}}{{$k}}={{(index $v 0).HostPort}}{{end}}"#,
        r#"table {{.ID}}\t{{pad "x" 1 2}}{{truncate .Id 2 | upper}}{{title "ab"}}"#,
        r#"{{if .State.Health}}a{{else if eq .State.Pid 7}}b{{end}}{{with .Config}}{{join .Cmd "/"}}{{end}}"#,
        r#"{{define "x"}}{{.}}{{end}}{{template "x" .List}}{{printf "%5.2f %q %v" .Big .Id .Ports}}"#,
        r#"{{slice .Id 1 2}}{{len .Config.Cmd}}{{index .Config.Labels "z"}}{{/* c */ -}} {{- split "a:b" ":"}}"#,
        r#"{{$x := 1}}{{$x = 2}}{{not (and $x (or false .Id))}}{{break}}{{html "<a>"}}{{js "'"}}{{urlquery "a b"}}"#,
    ])
}

pub(crate) fn requests() -> Vec<Vec<u8>> {
    bytes(&[
        "/v1.45/containers/json",
        "/images/a/b:1/json",
        "/images/host:5000/a/b/push",
        "ctrl-p,ctrl-q\nabc\x10\x10\x11x",
        "tcp://0.0.0.0:2375",
        "fd://",
        "64m",
    ])
}

pub(crate) fn accounts() -> Vec<Vec<u8>> {
    bytes(&[
        "web:log\nroot:x:0:0:root:/root:/bin/sh\nweb:x:33:34::/var/www:/bin/false\n1000:x:7:7::/odd:\nlog:x:4:web,root\n",
        "4294967295\nnobody:x:65534:65534",
        "nameserver 10.0.0.2\nsearch a.b c.d\noptions ndots:2\n# comment\ndomain x\n",
    ])
}

pub(super) fn logs() -> Vec<Vec<u8>> {
    bytes(&[
        "{\"log\":\"a\\tb \\\"c\\\"\\n\",\"stream\":\"stdout\",\"time\":\"2026-01-02T03:04:05.6Z\"}\n",
        "{\"log\":\"\\u00e9\\ud83d\\ude00\",\"stream\":\"stderr\",\"attrs\":{\"b\":\"2\"},\"time\":\"2026-01-02T03:04:05Z\"}\n\
         \0\0damage\n{\"log\":\"x\\n\",\"stream\":\"stdout\",\"time\":\"2026-01-02T03:04:05.123456789Z\"}\n{\"log\":\"cut",
    ])
}

pub(crate) fn output() -> Vec<Vec<u8>> {
    let long = [b"\x07".to_vec(), vec![b'x'; 20_000], b"\ny\xe2\x82".to_vec()].concat();
    vec![b"\0one\ntwo\n\n".to_vec(), "\u{5}é<&>\u{2028}\u{1}\t\"\\\n\u{fffd}".as_bytes().to_vec(), long]
}

pub(crate) fn changes() -> Vec<Vec<u8>> {
    bytes(&[
        "CMD [\"sh\", \"-c\", \"true\"]\nENV A=b C=\"d e\" F=g\\ h\nENV OLD style value\nENTRYPOINT x",
        "LABEL l=1 'm n'=2\nEXPOSE 80 53/udp 8000-8001\nVOLUME [\"/c\"]\nVOLUME /a /b\nUSER 1:2",
        "WORKDIR /x/y\nWORKDIR ../z\nSTOPSIGNAL SIGQUIT\nONBUILD RUN true",
        "HEALTHCHECK --interval=1m30s --timeout=1µs --retries=3 CMD curl x\nHEALTHCHECK NONE",
    ])
}

pub(crate) fn patterns() -> Vec<Vec<u8>> {
    bytes(&["a*b?c*x\nabxbbxdbxebxczzx", "[^a-c]\\*[x]\nd*x", "*/*:*\nuser/app:1", "***\na/b"])
}

pub(crate) fn challenges() -> Vec<Vec<u8>> {
    bytes(&[
        r#"Bearer realm="https://auth.example/token",service="registry",scope="repository:a/b:pull,push""#,
        r#"Basic realm="a \"b\"", Bearer realm=http://x , error="invalid_token""#,
        "https://cdn.example/blob?X-Sig=secret",
        r#"<https://other.example/v2/app/tags/list?last=b&n=2>; rel="next""#,
    ])
}

pub(crate) fn runtime() -> Vec<Vec<u8>> {
    bytes(&[
        "root:x:0:0:root:/root:/bin/sh\nu:x:1000:1000::/home/u:/bin/sh",
        "42 (a) (b c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 1234 20",
        "0-3,7,9-11",
        "rbind\nro,rnosuid\nmode=755\nsize=65536k\nrslave\ntmpcopyup",
        "\u{6}\u{1}\0\0\0\u{d}\0\0\0why",
    ])
}

pub(crate) fn kernel() -> Vec<Vec<u8>> {
    bytes(&[
        "25 24 0:23 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
         27 24 0:25 /docker/ab /sys/fs/cgroup/mem\\040ory rw - cgroup cgroup rw,memory\n\
         28 24 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
        "4:memory:/docker/ab\n1:name=systemd:/x\n0::/y\n",
        "8:16 rbytes=1 wbytes=2 rios=3 wios=4\n(unknown) rbytes=9\n",
        "8:16 Read 1\n8:16 Write 2\n8:16 Total 3\nTotal 3\n",
        "some avg10=1.20 avg60=0.05 avg300=100.00 total=77\nfull avg10=0.00 total=3\n",
        "c 1:3 rwm\nb 8:* r\nc *:* m\n",
        "a *:* rwm\n",
        "oom 1\noom_kill 2\n",
        "user-1000.slice:docker:abc",
        "SIGRTMAX-2",
        "42 (a) (b c) S 7 42 42 34816 42 4194304 0 0 0 0 1000 500 0 0 20 0 3 0 10000 2048000 25 1",
        "  eth0: 10 2 3 4 5 6 7 8 90 11 12 13 14 15 16 17",
        "cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\nintr 5\n",
    ])
}

/// A driver, then its options; and what is common to all.
pub(crate) fn log_options() -> Vec<Vec<u8>> {
    bytes(&[
        "json-file\nmax-size=1.5m\nmax-file=3\ncompress=true\nlabels=plain,odd\nenv-regex=^L",
        "local\nmax-size=20k\nmode=non-blocking\nmax-buffer-size=4m",
        "syslog\nsyslog-address=tcp://[::1]:514\ntag={{index .ContainerLabels \"lines\"}}",
        "syslog\nsyslog-address=udp://h:1\nsyslog-facility=local7\nsyslog-format=rfc5424micro\ntag={{.Name}}/{{.ID}}",
        "syslog\nsyslog-address=tcp+tls://h\nsyslog-format=rfc5424\nsyslog-tls-skip-verify=\ntag={{.Command}}",
        "syslog\nsyslog-address=unix:///dev/log\nsyslog-format=rfc3164\nsyslog-facility=23",
        "gelf\ngelf-address=udp://127.0.0.1:1\ngelf-compression-type=none\nlabels-regex=.\nenv=PATH,LINES",
        "gelf\ngelf-address=tcp://h:1\ngelf-tcp-max-reconnect=3\ntag={{json .FullID}}{{truncate .ImageName 2 | upper}}",
        "fluentd\nfluentd-address=h:24224\nfluentd-request-ack=true\nfluentd-sub-second-precision=true\nlabels=lines",
        "fluentd\nfluentd-address=unix:///x\nfluentd-buffer-limit=1m\nfluentd-retry-wait=1s\nfluentd-write-timeout=1s",
        "journald\ntag={{range .ContainerArgs}}{{.}}{{end}}{{(.ExtraAttributes nil).plain}}\nlabels=plain",
        "local\ntag={{range 100000000}}{{$.ContainerEnv}}{{end}}",
        "gelf\ngelf-address=udp://h:1\ntag={{printf \"%65535d\" 1}}{{join (split .Name \"e\") \",\"}}",
    ])
}

/// What web servers answer.
pub(crate) fn answers() -> Vec<Vec<u8>> {
    bytes(&[
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine",
        "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.0 503 Service Unavailable\r\n\r\nbroken",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nfine\r\n0\r\nT: v\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
        "SSH-2.0-whatever\r\n",
    ])
}

/// Files of groups, each behind its name.
pub(crate) fn cgroup_files() -> Vec<Vec<u8>> {
    bytes(&[
        "= memory.current\n4096\n= memory.max\nmax\n= memory.stat\nanon 1\nfile 2\ninactive_file 3\n= memory.events\n\
         max 1\noom 2\noom_kill 3\n= memory.swap.current\n5\n= memory.swap.max\n6\n= memory.peak\n7\n= cpu.stat\n\
         usage_usec 1\nuser_usec 2\nsystem_usec 3\nnr_periods 4\nnr_throttled 5\nthrottled_usec 6\n= pids.current\n1\n\
         = pids.max\n9\n= io.stat\n8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n= cpu.pressure\n\
         some avg10=0.01 avg60=0.00 avg300=0.00 total=77\n= cgroup.procs\n1\n2\n= cgroup.events\npopulated 1\nfrozen 1\n\
         = cgroup.freeze\n1\n",
        "= memory.usage_in_bytes\n4096\n= memory.limit_in_bytes\n9223372036854771712\n= memory.stat\ncache 1\n\
         total_inactive_file 3\ntotal_cache 2\n= memory.failcnt\n0\n= memory.max_usage_in_bytes\n8192\n\
         = memory.memsw.usage_in_bytes\n1\n= memory.memsw.limit_in_bytes\n2\n= cpuacct.usage\n123\n= cpuacct.usage_all\n\
         cpu user system\n0 1 2\n1 3 4\n= cpu.stat\nnr_periods 1\nnr_throttled 2\nthrottled_time 3\n= cpuacct.stat\n\
         user 1\nsystem 2\n= blkio.throttle.io_service_bytes\n8:0 Read 1\n8:0 Write 2\nTotal 3\n= blkio.throttle.io_serviced\n\
         8:0 Read 1\n8:0 Write 2\nTotal 3\n= pids.current\n1\n= pids.max\nmax\n= freezer.state\nFROZEN\n= cgroup.procs\n1\n",
    ])
}
