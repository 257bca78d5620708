//! All routes, with the list of them.

use super::error::ApiError;
use super::{
    App, auth, container, container_files, container_run, container_streams, exec, image, network, prune, system,
    unserved, volume,
};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::routing::{MethodFilter, on};
use http::{Method, StatusCode};

/// Routes being collected: a router, and the list of what is in it.
#[derive(Debug, Default)]
pub(super) struct Routes {
    router: Router<App>,
    list: Vec<(Method, &'static str)>,
}

impl Routes {
    fn on<H: Handler<T, App>, T: 'static>(mut self, method: Method, path: &'static str, handler: H) -> Self {
        // Every method of the API has a filter.
        let filter = MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::GET);
        self.router = self.router.route(path, on(filter, handler));
        self.list.push((method, path));
        self
    }

    pub(super) fn get<H: Handler<T, App>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.on(Method::GET, path, handler)
    }

    pub(super) fn post<H: Handler<T, App>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.on(Method::POST, path, handler)
    }

    pub(super) fn put<H: Handler<T, App>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.on(Method::PUT, path, handler)
    }

    pub(super) fn delete<H: Handler<T, App>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.on(Method::DELETE, path, handler)
    }

    pub(super) fn head<H: Handler<T, App>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.on(Method::HEAD, path, handler)
    }

    /// A route that is known and always refuses.
    pub(super) fn refused(self, method: Method, path: &'static str, status: StatusCode, message: String) -> Self {
        let handler = move || {
            let error = ApiError::new(status, message.clone());
            std::future::ready(error)
        };
        self.on(method, path, handler)
    }

    fn join(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.list.extend(other.list);
        self
    }

    /// The routes as a service. Archives have no size limit; JSON bodies have their own (see `body`).
    pub(super) fn into_router(self) -> Router<App> {
        self.router
            .fallback(|| std::future::ready(ApiError::page_not_found()))
            .method_not_allowed_fallback(|| std::future::ready(ApiError::page_not_found()))
            .layer(DefaultBodyLimit::disable())
    }
}

/// All routes of the API.
pub(super) fn all() -> Routes {
    Routes::default()
        .join(system::routes())
        .join(auth::routes())
        .join(container::routes())
        .join(container_files::routes())
        .join(container_run::routes())
        .join(container_streams::routes())
        .join(exec::routes())
        .join(image::routes())
        .join(network::routes())
        .join(volume::routes())
        .join(prune::routes())
        .join(unserved::routes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Method and path of every operation of Docker's API description, version 1.56.
    const DESCRIBED: &str = include_str!("routes-1.56.txt");

    /// What Docker has not.
    const OWN: [&str; 2] = ["POST /containers/run", "POST /containers/{id}/run"];

    /// Where users read which routes there are.
    const COMPATIBILITY: &str = include_str!("../../../../docs/compatibility.md");

    /// Routes about containers, networks, exec and the engine itself.
    fn is_documented(route: &str) -> bool {
        let path = route.split(' ').nth(1).unwrap_or_default();
        let nouns = [
            "/containers",
            "/networks",
            "/exec",
            "/commit",
            "/auth",
            "/info",
            "/version",
            "/_ping",
            "/events",
            "/system",
        ];
        nouns.iter().any(|noun| path.starts_with(noun)) || path.ends_with("/prune") || path == "/session"
    }

    #[test]
    fn the_documentation_says_what_is_served() {
        let unserved: BTreeSet<_> =
            unserved::routes().list.iter().map(|(method, path)| format!("{method} {path}")).collect();
        let cells = |line: &'static str| -> Option<(&str, &str)> {
            let mut cells = line.strip_prefix("| `")?.split('|');
            Some((cells.next()?.trim().trim_end_matches('`'), cells.next()?.trim()))
        };
        let rows: Vec<_> = COMPATIBILITY.lines().filter_map(cells).filter(|(route, _)| route.contains(" /")).collect();
        let documented: BTreeSet<_> = rows.iter().map(|(route, _)| *route).collect();
        let described: BTreeSet<_> = DESCRIBED.lines().filter(|route| is_documented(route)).collect();
        assert_eq!(documented, described);
        assert_eq!(rows.len(), documented.len(), "a route is listed twice");
        for (route, result) in rows {
            assert!(["same", "differs", "not yet"].contains(&result), "{route}: {result}");
            assert_eq!(result == "not yet", unserved.contains(route), "{route}");
        }
    }

    #[test]
    fn every_described_route_is_served_or_answers_that_it_is_not() {
        let routes = all();
        let ours: BTreeSet<_> = routes.list.iter().map(|(method, path)| format!("{method} {path}")).collect();
        let described: BTreeSet<_> = DESCRIBED.lines().map(str::to_owned).collect();
        assert_eq!(ours.len(), routes.list.len(), "a route is listed twice");
        assert_eq!(described.difference(&ours).collect::<Vec<_>>(), Vec::<&String>::new(), "routes without answer");
        assert_eq!(ours.difference(&described).collect::<Vec<_>>(), OWN, "routes Docker has not");
        assert!(OWN.iter().all(|route| COMPATIBILITY.contains(&format!("`{route}`"))), "not documented");
        // Conflicting paths panic here.
        drop(routes.into_router());
    }
}
