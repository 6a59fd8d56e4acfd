//! The console of `sealpost dev`: one page that shows the pipeline as it runs, and lets a person act on it.
//!
//! For this machine only: it listens on 127.0.0.1, and acts for nobody but its own page. No token, code or key is on it.

mod act;
mod board;
mod caller;
mod events;
mod measured;
mod phone;
mod sample;
mod serve;
mod trouble;
mod view;
mod world;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};

use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use self::board::Board;
use self::caller::Caller;
use self::view::Phase;
pub(super) use self::world::SharedStack;
use self::world::World;
use super::play::Player;

/// A running console. Dropping it closes the page's port.
pub(super) struct Console {
    address: SocketAddr,
    page: Arc<Page>,
    tasks: Vec<AbortOnDropHandle<()>>,
}

/// What the page's handlers share.
struct Page {
    board: Board,
    caller: Caller,
    /// What is acted on, once everything runs.
    world: OnceLock<Arc<World>>,
}

impl Console {
    /// Opens the page, before anything else runs: it shows how the rest starts.
    ///
    /// # Errors
    /// In words, if no port or no randomness can be had.
    pub(super) async fn open() -> Result<Self, String> {
        let problem = |error| format!("cannot serve the console on loopback: {error}");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(problem)?;
        let address = listener.local_addr().map_err(problem)?;
        let page = Page { board: Board::new(), caller: Caller::new(address)?, world: OnceLock::new() };
        let page = Arc::new(page);
        let serving = AbortOnDropHandle::new(tokio::spawn(serve::serve(listener, Arc::clone(&page))));
        Ok(Self { address, page, tasks: vec![serving] })
    }

    /// Where it is.
    #[must_use]
    pub(super) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Connects it with what runs; from then on it shows every event.
    ///
    /// # Errors
    /// In words, if broker or store cannot be used.
    pub(super) async fn attach(&mut self, stack: &SharedStack, player: Arc<Player>) -> Result<(), String> {
        let world = Arc::new(World::of(stack, player).await?);
        self.page.board.links(world.practice(), &stack.lock().await.operations);
        let heard = world.player.producer.listen(&["#"]).await?;
        let board = &self.page.board;
        let listening = tokio::spawn(events::listen(heard, board.clone()));
        let sampling = tokio::spawn(sample::sample(board.clone(), Arc::clone(&world)));
        self.tasks.extend([listening, sampling].map(AbortOnDropHandle::new));
        let _ = self.page.world.set(world);
        Ok(())
    }

    /// From now on the buttons act.
    pub(super) fn begin(&self) {
        self.page.board.phase(Phase::Running);
    }

    /// From now on they do not.
    pub(super) fn end(&self) {
        self.page.board.phase(Phase::Ending);
    }
}
