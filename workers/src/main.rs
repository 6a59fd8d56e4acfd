//! The one binary.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::{Shell, generate};
use sealpost::dev;
use sealpost::dev::guard::{self, GuardArgs};
use sealpost::ops::import::ImportArgs;
use sealpost::ops::{self, Common, Ops};
use sealpost::worker::{self, StepName};
use sealpost_shared::plain::plain;
use tokio::runtime::{Builder, Runtime};

/// A job is many small pieces of memory, made on one thread and let go on another, which costs the system's allocator a sixth
/// of a worker's CPU.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Workers that hold the OAuth 2 tokens of an application's users and act with them.
#[derive(Parser)]
#[command(name = "sealpost", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs steps until SIGTERM, then finishes what is in flight.
    Work {
        /// The steps.
        #[arg(required = true)]
        steps: Vec<StepName>,
        #[command(flatten)]
        common: Common,
    },
    /// Publishes rotation ticks on schedule until SIGTERM.
    Schedule {
        #[command(flatten)]
        common: Common,
    },
    /// Makes connections of the refresh tokens that another system held.
    Import {
        #[command(flatten)]
        args: ImportArgs,
        #[command(flatten)]
        common: Common,
    },
    #[command(flatten)]
    Ops(Ops),
    /// Runs the whole pipeline on this machine, with private servers that end with it.
    Dev {
        /// Plays the tour, unattended, and ends; fails if anything is not as expected.
        #[arg(long)]
        tour: bool,
        /// Keys in a practice vault, users of a practice tenant: Azure Key Vault and the Microsoft identity platform, as a
        /// process on this machine.
        #[arg(long)]
        azure: bool,
        /// Where data and logs go.
        #[arg(long, default_value = ".sealpost")]
        data: PathBuf,
    },
    /// Prints a completion script, as for: source <(sealpost completion bash)
    Completion {
        /// The shell.
        shell: Shell,
    },
    /// Runs a program and ends it when the caller is gone.
    #[command(hide = true)]
    Guard(GuardArgs),
}

fn main() -> ExitCode {
    let command = match Cli::parse().command {
        // without a runtime: it is only there to end another program
        Command::Guard(args) => return guard::run(&args),
        Command::Completion { shell } => {
            // what nobody should type is not offered
            let all = Cli::command();
            let shown = all.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
            let mut shown = clap::Command::new("sealpost").version(env!("CARGO_PKG_VERSION")).subcommands(shown);
            generate(shell, &mut shown, "sealpost", &mut std::io::stdout());
            return ExitCode::SUCCESS;
        }
        command => command,
    };
    let ended =
        runtime(&command).map_err(|e| format!("cannot start: {e}")).and_then(|runtime| runtime.block_on(run(command)));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => complain(&problem),
    }
}

fn runtime(command: &Command) -> std::io::Result<Runtime> {
    let mut runtime = Builder::new_multi_thread();
    if let Command::Work { .. } | Command::Schedule { .. } = command {
        // steps wait far more than they reckon: threads would cost more by waking each other than they bring, and whoever has
        // more to do runs more workers
        runtime.worker_threads(1);
    }
    runtime.enable_all().build()
}

async fn run(command: Command) -> Result<(), String> {
    match command {
        Command::Work { steps, common } => worker::work(&common.config, &steps).await,
        Command::Schedule { common } => worker::schedule(&common.config).await,
        Command::Import { args, common } => ops::import::import(&common.config, &args).await,
        Command::Ops(command) => ops::run(command).await,
        Command::Dev { tour, azure, data } => Box::pin(dev::run(&data, tour, azure)).await,
        Command::Completion { .. } | Command::Guard(_) => Ok(()),
    }
}

/// Tells why a command ends. What others said in it steers no terminal, and that nobody listens any more is no defect.
fn complain(problem: &str) -> ExitCode {
    let lines: Vec<_> = problem.lines().map(plain).collect();
    let _ = writeln!(std::io::stderr(), "sealpost: {}", lines.join("\n"));
    ExitCode::FAILURE
}
