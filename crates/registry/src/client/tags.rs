//! Tags of a repository.

use super::{Client, Credentials, Repository, Request, bounded};
use crate::Error;
use reqwest::header::{HeaderMap, LINK};
use reqwest::{Method, Response};
use serde::Deserialize;

/// Bytes of one page of tags at most; a page of a thousand tags has some 20 KiB.
const PAGE_LIMIT: usize = 4 << 20;
/// Pages at most: a registry whose links lead in a circle does not hold us forever.
const PAGES: usize = 1000;

/// One page of a listing. An empty repository's is `null`.
#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    tags: Option<Vec<String>>,
}

impl Client {
    /// All tags of a repository, in the registry's order.
    ///
    /// # Errors
    /// [`Error::NameUnknown`], [`Error::Denied`] or what the transport failed with.
    pub async fn tags(&self, repository: &Repository, credentials: Option<&Credentials>) -> Result<Vec<String>, Error> {
        let mut tags = Vec::new();
        let mut query = String::new();
        for _ in 0..PAGES {
            let request = Request {
                method: Method::GET,
                repository,
                credentials,
                path: format!("tags/list{query}"),
                headers: HeaderMap::new(),
            };
            let response = self.send(&request).await.map_err(|error| unknown(error, repository))?;
            let next = next_query(&response);
            let url = response.url().to_string();
            let page: Page = serde_json::from_slice(&bounded(response, PAGE_LIMIT, "list of tags").await?)
                .map_err(|error| Error::Protocol { url, reason: format!("list of tags: {error}") })?;
            tags.extend(page.tags.unwrap_or_default());
            match next {
                Some(next) => query = next,
                None => break,
            }
        }
        Ok(tags)
    }
}

fn unknown(error: Error, repository: &Repository) -> Error {
    match error {
        Error::Status { status: 404, detail, .. } => Error::NameUnknown { repository: repository.to_string(), detail },
        other => other,
    }
}

/// `?last=…&n=…` of the next page, from `Link: </v2/<name>/tags/list?…>; rel="next"` (RFC 5988, as the distribution
/// specification uses it). Only the query is taken: a link must not lead to another host.
fn next_query(response: &Response) -> Option<String> {
    response.headers().get(LINK)?.to_str().ok().and_then(link_query)
}

pub(crate) fn link_query(link: &str) -> Option<String> {
    let (target, parameters) = link.trim_start().strip_prefix('<')?.split_once('>')?;
    let (_, query) = target.split_once('?')?;
    parameters.contains("next").then(|| format!("?{query}"))
}

#[cfg(test)]
mod tests {
    use super::link_query;

    #[test]
    fn only_the_query_of_a_link_is_taken() {
        let link = r#"<https://other.example/v2/app/tags/list?last=b&n=2>; rel="next""#;
        assert_eq!(link_query(link).as_deref(), Some("?last=b&n=2"));
        assert_eq!(link_query(r#"</v2/app/tags/list?n=2>; rel="prev""#), None);
        assert_eq!(link_query("nonsense"), None);
    }
}
