//! Containers that come and go while all of them are watched.

use teu_api::client::{Client, JsonStream};
use teu_api::event::{Event, Options};
use teu_api::filters::Filters;

use super::board::Board;
use crate::error::Error;

/// Begins to listen.
pub(super) async fn open(client: &Client) -> Result<JsonStream<Event>, Error> {
    let mut filters = Filters::default();
    filters.add("type", "container");
    let options = Options { since: String::new(), until: String::new(), filters };
    Ok(client.events(&options).await?)
}

/// Enters what comes and takes out what goes. With `all`, containers that end stay until they are removed.
pub(super) async fn run(mut events: JsonStream<Event>, client: Client, board: Board, all: bool) {
    // The engine went away: the samples say so, too.
    while let Ok(Some(event)) = events.next().await {
        let id = &event.actor.id;
        match event.action.as_str() {
            "create" if all => drop(board.follow(&client, id)),
            "start" => drop(board.follow(&client, id)),
            "die" if !all => board.drop_container(id),
            "destroy" => board.drop_container(id),
            _ => {}
        }
    }
}
