//! `--gpus`.

use anyhow::{anyhow, bail};
use teu_api::container::DeviceRequest;

/// Parses `all`, a count, or `driver=…,count=…,device=…,capabilities=…,options=…`.
pub(crate) fn parse(text: &str) -> anyhow::Result<DeviceRequest> {
    let mut request = DeviceRequest::default();
    let mut capabilities = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    for field in super::keyvalue::record(text)? {
        let (key, value) = match field.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (field.as_str(), None),
        };
        if seen.iter().any(|earlier| earlier == key) {
            bail!("gpu request key '{key}' can be specified only once");
        }
        seen.push(key.to_owned());
        let Some(value) = value else {
            seen.push("count".into());
            request.count = count(key)?;
            continue;
        };
        let list = || value.split(',').map(str::to_owned).collect::<Vec<_>>();
        match key {
            "driver" => request.driver = value.to_owned(),
            "count" => request.count = count(value)?,
            "device" => request.device_ids = Some(list()),
            "capabilities" => capabilities = list(),
            "options" => request.options = Some(super::keyvalue::map(&super::keyvalue::record(value)?)),
            _ => bail!("unexpected key '{key}' in '{field}'"),
        }
    }
    if !seen.iter().any(|key| key == "count") && request.device_ids.is_none() {
        request.count = 1;
    }
    if !capabilities.iter().any(|capability| capability == "gpu") {
        capabilities.push("gpu".into());
    }
    request.capabilities = Some(vec![capabilities]);
    request.options.get_or_insert_default();
    Ok(request)
}

fn count(text: &str) -> anyhow::Result<i64> {
    if text == "all" {
        return Ok(-1);
    }
    text.parse()
        .map_err(|_| anyhow!(r#"invalid count ({text}): value must be either "all" or an integer: invalid syntax"#))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests() {
        assert_eq!(parse("all").unwrap().count, -1);
        assert_eq!(parse("2").unwrap().count, 2);
        let request = parse(r#""device=0,1",driver=nvidia,"capabilities=compute,utility""#).unwrap();
        assert_eq!((request.count, request.driver.as_str()), (0, "nvidia"));
        assert_eq!(request.device_ids.unwrap(), ["0", "1"]);
        assert_eq!(request.capabilities.unwrap(), [["compute", "utility", "gpu"]]);
        assert_eq!(parse("foo=bar").unwrap_err().to_string(), "unexpected key 'foo' in 'foo=bar'");
        assert_eq!(
            parse("count=1,count=2").unwrap_err().to_string(),
            "gpu request key 'count' can be specified only once"
        );
    }
}
