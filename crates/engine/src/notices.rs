//! What the keeper reports, delivered to whom it concerns.

use teu_keeper::protocol::{Event, ProcessRef};
use tokio::sync::mpsc;

use crate::Engine;
use crate::backend::Notice;
use crate::container::Command;

/// Delivers until the link ends.
pub(crate) async fn serve(engine: Engine, mut notices: mpsc::UnboundedReceiver<Notice>) {
    while let Some(notice) = notices.recv().await {
        match notice {
            Notice::Event(Event::Exited { process: ProcessRef { container, exec: None }, record }) => {
                match engine.containers().get(&container) {
                    Some(handle) => handle.tell(Command::Exited(record)),
                    // Removed by force meanwhile: nobody waits for it any more.
                    None => {
                        let engine = engine.clone();
                        tokio::spawn(async move { engine.forget_stranger(&container).await });
                    }
                }
            }
            Notice::Event(Event::Exited { process, record }) => engine.exec_exited(process, record),
            Notice::Event(Event::LogStalled { container, reason }) => {
                tracing::error!(container, reason, "the log cannot be written; the container waits");
            }
            Notice::Event(Event::LogResumed { container, after }) => {
                tracing::warn!(container, ?after, "the log is written again");
            }
            Notice::Event(Event::KeeperGone) => {}
            Notice::Replaced(epoch) => {
                if let Err(error) = engine.adopt(epoch).await {
                    tracing::error!(%error, "the new keeper could not be given what the old one held");
                }
            }
        }
    }
}
