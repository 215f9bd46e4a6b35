//! Keeping a node up to date with the others, and finishing what was left undone.

use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::time::{Instant, MissedTickBehavior};

use super::{By, Catalog};
use crate::clock;
use crate::time::UtcTime;

/// How often the number of the last change is looked at. PostgreSQL tells of changes by itself; there it is
/// for the moments when it cannot.
const POLL: Duration = Duration::from_millis(500);
const POLL_WHERE_TOLD: Duration = Duration::from_millis(1500);
/// How often it is looked whether something was left undone.
const TIDY: Duration = Duration::from_secs(5);
/// An operation is abandoned if it is not finished after this long, milliseconds.
const ABANDONED_MILLISECONDS: u64 = 10_000;

/// Who finishes what others have left.
const NODE: &str = "headwater";

impl Catalog {
    /// Keeps the snapshot up to date for as long as this future is polled: changes of other nodes and
    /// processes show within two seconds. What goes wrong is logged, and tried again.
    pub async fn follow(self) {
        let mut listener = self.listener().await;
        let mut ticks = tokio::time::interval(if listener.is_some() { POLL_WHERE_TOLD } else { POLL });
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut tidied = Instant::now();
        let mut healthy = true;
        loop {
            match &mut listener {
                None => {
                    ticks.tick().await;
                    if self.is_shared() {
                        listener = self.listener().await;
                    }
                }
                Some(told) => {
                    let lost = tokio::select! {
                        _ = ticks.tick() => false,
                        notice = told.try_recv() => !matches!(notice, Ok(Some(_))),
                    };
                    // One look serves all that was said.
                    while told.next_buffered().is_some() {}
                    if lost {
                        // What was said meanwhile is not known: looked at now, and listened anew later.
                        listener = None;
                    }
                }
            }
            match self.refresh().await {
                Ok(changed) => {
                    if changed {
                        tracing::info!(locators = self.snapshot().len(), "the catalogue has changed");
                    }
                    if !healthy {
                        tracing::info!("the catalogue's database is there again");
                    }
                    healthy = true;
                }
                Err(error) if healthy => {
                    tracing::error!(%error, "what is published stays as it was");
                    healthy = false;
                }
                Err(_) => {}
            }
            if healthy && tidied.elapsed() > TIDY {
                self.tidy().await;
                tidied = Instant::now();
            }
        }
    }

    async fn listener(&self) -> Option<PgListener> {
        match self.database().listen().await {
            Ok(listener) => listener,
            Err(error) => {
                tracing::debug!(%error, "PostgreSQL does not tell of changes now");
                None
            }
        }
    }

    /// Finishes operations of processes that have ended, and removes containers of deleted assets.
    pub(super) async fn tidy(&self) {
        let now = clock::now();
        let before = UtcTime { unix_millis: now.unix_millis.saturating_sub(ABANDONED_MILLISECONDS) };
        if let Err(error) = self.settle_abandoned(By::new(NODE, now), before).await {
            tracing::warn!(%error, "operations that were left undone stay so for now");
        }
        if let Err(error) = self.remove_containers(now).await {
            tracing::warn!(%error, "containers of deleted assets stay for now");
        }
    }

    /// After a change of this node's own.
    pub(super) async fn committed(&self) {
        if let Err(error) = self.refresh().await {
            tracing::warn!(%error, "a change is made, but not seen by requests yet");
        }
    }
}
