//! Manifests, blobs, tokens and the faults that registries have.

use teu_registry::{Client, Credentials, Error, RegistryConfig, Repository};
use teu_testkit::registry::{Behaviour, Registry};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

fn setup(behaviour: Behaviour) -> (Registry, Client, Repository) {
    let registry = Registry::start(behaviour).unwrap();
    let repository = Repository { domain: registry.domain(), path: "team/app".to_owned() };
    (registry, Client::new(RegistryConfig { user_agent: "test".to_owned(), ..RegistryConfig::default() }), repository)
}

fn password(password: &str) -> Credentials {
    Credentials::Password { username: "ann".to_owned(), password: password.to_owned() }
}

async fn read(client: &Client, repository: &Repository, digest: &str, size: usize) -> Result<Vec<u8>, Error> {
    let mut reader = client.blob(repository, digest, size as u64, None);
    let mut bytes = Vec::new();
    while let Some(piece) = reader.next().await? {
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

#[tokio::test]
async fn a_manifest_by_tag_and_by_digest() {
    let (registry, client, repository) = setup(Behaviour::default());
    let digest = registry.add_manifest("team/app", "v1", MANIFEST, b"{\"a\":1}".to_vec());
    for name in ["v1", &digest] {
        let manifest = client.manifest(&repository, name, None).await.unwrap();
        assert_eq!((manifest.media_type.as_str(), manifest.bytes.as_slice()), (MANIFEST, b"{\"a\":1}".as_slice()));
    }
}

#[tokio::test]
async fn an_unknown_tag_is_named() {
    let (_registry, client, repository) = setup(Behaviour::default());
    let error = client.manifest(&repository, "nope", None).await.unwrap_err();
    let expected = format!("manifest for {repository}:nope not found: manifest unknown: manifest unknown");
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn tags_come_in_pages() {
    let (registry, client, repository) = setup(Behaviour { tags_per_page: Some(2), ..Behaviour::default() });
    for tag in ["a", "b", "c", "d", "e"] {
        registry.add_manifest("team/app", tag, MANIFEST, tag.as_bytes().to_vec());
    }
    assert_eq!(client.tags(&repository, None).await.unwrap(), ["a", "b", "c", "d", "e"]);
    assert_eq!(registry.requests().len(), 3);
    let unknown = Repository { path: "nope".to_owned(), ..repository };
    let error = client.tags(&unknown, None).await.unwrap_err().to_string();
    let words = "not found: name unknown: repository name not known to registry";
    assert_eq!(error, format!("repository {unknown} {words}"));
}

#[tokio::test]
async fn failures_in_dockers_words() {
    let demanded = Some(("ann".to_owned(), "right".to_owned()));
    let (registry, client, repository) = setup(Behaviour { basic: demanded, ..Behaviour::default() });
    registry.add_manifest("team/app", "v1", MANIFEST, b"{}".to_vec());
    let url = format!("http://{}/v2/team/app/manifests/v1", registry.domain());
    let text = client.manifest(&repository, "v1", None).await.unwrap_err().to_string();
    assert_eq!(text, format!("Get \"{url}\": no basic auth credentials"));
    client.manifest(&repository, "v1", Some(&password("right"))).await.unwrap();
    let domain = registry.domain();
    drop(registry);
    let (_, client, _) = setup(Behaviour::default());
    let text = client.manifest(&repository, "v1", None).await.unwrap_err().to_string();
    // As if it had been asked for its version first.
    assert_eq!(text, format!("Get \"http://{domain}/v2/\": dial tcp {domain}: connect: connection refused"));
}

#[tokio::test]
async fn a_token_is_fetched_once_and_used_again() {
    let (registry, client, repository) = setup(Behaviour { token: Some(None), ..Behaviour::default() });
    registry.add_manifest("team/app", "v1", MANIFEST, b"{}".to_vec());
    for _ in 0..3 {
        client.manifest(&repository, "v1", None).await.unwrap();
    }
    let requests = registry.requests();
    let tokens: Vec<_> = requests.iter().filter(|request| request.contains("/token")).collect();
    assert_eq!(tokens.len(), 1, "{requests:?}");
    assert!(tokens[0].contains("scope=repository%3Ateam%2Fapp%3Apull"), "{requests:?}");
}

#[tokio::test]
async fn wrong_and_right_passwords() {
    let demanded = Some(Some(("ann".to_owned(), "right".to_owned())));
    let (registry, client, repository) = setup(Behaviour { token: demanded, ..Behaviour::default() });
    registry.add_manifest("team/app", "v1", MANIFEST, b"{}".to_vec());
    let error = client.manifest(&repository, "v1", Some(&password("wrong"))).await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }), "{error}");
    let error = client.manifest(&repository, "v1", None).await.unwrap_err();
    assert!(matches!(error, Error::Denied { .. }), "{error}");
    client.manifest(&repository, "v1", Some(&password("right"))).await.unwrap();
    client.check_login(&registry.domain(), &password("right")).await.unwrap();
    let error = client.check_login(&registry.domain(), &password("wrong")).await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }), "{error}");
}

#[tokio::test]
async fn a_blob_goes_on_where_its_connection_broke() {
    for ignore_ranges in [false, true] {
        let content: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[(n % 3) as usize]).collect();
        let break_after = Some(if ignore_ranges { 150_000 } else { 60_000 });
        let (registry, client, repository) = setup(Behaviour { break_after, ignore_ranges, ..Behaviour::default() });
        let digest = registry.add_blob("team/app", content.clone());
        let result = read(&client, &repository, &digest, content.len()).await;
        if ignore_ranges {
            // Never more than 150,000 bytes come: the transfer must end in an error, not hang or lie.
            assert!(matches!(result.unwrap_err(), Error::Transport { .. }));
        } else {
            assert!(result.unwrap() == content);
        }
    }
}

#[tokio::test]
async fn lengths_other_than_promised_are_errors() {
    let (registry, client, repository) = setup(Behaviour::default());
    let digest = registry.add_blob("team/app", vec![7; 1000]);
    let error = read(&client, &repository, &digest, 999).await.unwrap_err();
    assert!(matches!(error, Error::Protocol { .. }), "{error}");
    let error = read(&client, &repository, "sha256:00", 5).await.unwrap_err();
    assert!(matches!(error, Error::BlobUnknown { .. }), "{error}");
}
