//! How fast providers may be called, and which of them do not answer: what all workers share of it. No record is touched.

use std::sync::LazyLock;
use std::time::Duration;

use sealpost_schemas::ProviderId;

use super::error::StoreError;
use super::layout;
use super::link::Script;
use super::store::Store;

static PACE: LazyLock<Script> = LazyLock::new(|| Script::new("pace", include_str!("scripts/pace.lua")));
static PAUSE: LazyLock<Script> = LazyLock::new(|| Script::new("pace_pause", include_str!("scripts/pace_pause.lua")));
static BREAKER: LazyLock<Script> = LazyLock::new(|| Script::new("breaker", include_str!("scripts/breaker.lua")));
static BREAKERS: LazyLock<Script> = LazyLock::new(|| Script::new("breakers", include_str!("scripts/breakers.lua")));

/// What a call asks of its provider's pace.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// Between two calls, in the long run.
    pub apart: Duration,
    /// How many may come at once.
    pub burst: u32,
    /// How long it would wait where it is.
    pub longest: Duration,
    /// How it comes to its turn.
    pub line: Line,
}

/// How a call comes to its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// A job, at the end of the line.
    Joins {
        /// Within how long its place is of use to it; `None`: whenever that is.
        within: Option<Duration>,
    },
    /// A job whose place in the line has come.
    LinedUp {
        /// The same for another one.
        within: Option<Duration>,
    },
    /// Without lining up, as what comes seldom.
    Beside,
    /// The next call of an act that had its turn: it goes out now, and what comes after it waits for longer.
    Follows,
}

impl Line {
    const fn word(self) -> &'static str {
        match self {
            Self::Joins { .. } => "joins",
            Self::LinedUp { .. } => "lined-up",
            Self::Beside => "beside",
            Self::Follows => "follows",
        }
    }

    fn within(self) -> Duration {
        match self {
            Self::Joins { within } | Self::LinedUp { within } => within.unwrap_or(EVER),
            Self::Beside | Self::Follows => EVER,
        }
    }
}

/// As long as no place is off: ten years.
const EVER: Duration = Duration::from_hours(10 * 365 * 24);

/// When a call has its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// After so long, and nobody else then.
    In(Duration),
    /// It is to ask again after so long.
    AskIn(Duration),
    /// The same, and that is its place in the line.
    PlaceIn(Duration),
}

/// What one breaker is told or asked.
#[derive(Clone, Copy, Debug)]
pub enum Word {
    /// A call failed.
    Failed,
    /// May this call be the one that tries whether it may close?
    Try,
    /// The call that tried failed.
    TryFailed,
    /// The call that was to try was not made.
    Untried,
}

/// When breakers open, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// So many failures in a row open it.
    pub failures: u32,
    /// Failures further apart are not in a row.
    pub apart: Duration,
    /// How long it is open for at first; twice as long each time after that.
    pub first: Duration,
    /// And at most.
    pub most: Duration,
    /// How long the call may take that tries.
    pub takes: Duration,
}

/// How one breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breaker {
    /// Calls go out.
    Closed,
    /// This call may try.
    Trying,
    /// No call goes out for so long.
    Open(Duration),
}

/// A breaker of which something is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its name, which tells nobody's.
    pub name: String,
    /// For how long it is still open; `None`: it is closed, and failures are counted.
    pub open: Option<Duration>,
}

impl Store {
    /// Asks when a call of this provider has its turn.
    pub async fn ask_turn(&self, provider: &ProviderId, asked: &Asked) -> Result<Due, StoreError> {
        let Asked { apart, burst, longest, line } = asked;
        let (apart, burst, longest) = (micros(*apart).to_string(), burst.to_string(), micros(*longest).to_string());
        let within = micros(line.within()).to_string();
        let args = [apart, burst, longest, line.word().into(), within].map(String::into_bytes);
        let answer = self.link().run(&PACE, &[layout::pace(&self.hash_of_provider(provider))], &args).await;
        let doing = || format!("ask for a turn at {provider}");
        let (has, after): (u8, u64) = answer.map_err(|trouble| StoreError::new(doing(), trouble))?;
        let after = Duration::from_micros(after);
        Ok(match has {
            1 => Due::In(after),
            2 => Due::PlaceIn(after),
            _ => Due::AskIn(after),
        })
    }

    /// Notes that a provider asks for no call within so long.
    pub async fn pause_calls(&self, provider: &ProviderId, pause: Duration) -> Result<(), StoreError> {
        let (keys, args) = ([layout::pace(&self.hash_of_provider(provider))], [micros(pause).to_string().into()]);
        let noted: Result<u8, _> = self.link().run(&PAUSE, &keys, &args).await;
        noted.map(|_| ()).map_err(|trouble| StoreError::new(format!("pause the calls of {provider}"), trouble))
    }

    /// Tells or asks a breaker.
    pub async fn breaker(&self, name: &str, word: Word, rules: &Rules) -> Result<Breaker, StoreError> {
        let word = match word {
            Word::Failed => "failed",
            Word::Try => "try",
            Word::TryFailed => "try-failed",
            Word::Untried => "untried",
        };
        let times = [rules.apart, rules.first, rules.most, rules.takes].map(|time| millis(time).to_string().into());
        let args = [name.into(), word.into(), rules.failures.to_string().into()].into_iter().chain(times);
        let args: Vec<Vec<u8>> = args.collect();
        let answer = self.link().run(&BREAKER, &[layout::BREAKERS.into()], &args).await;
        let (state, left): (u8, u64) =
            answer.map_err(|trouble| StoreError::new(format!("ask the breaker of {name}"), trouble))?;
        Ok(match state {
            0 => Breaker::Closed,
            1 => Breaker::Trying,
            _ => Breaker::Open(Duration::from_millis(left)),
        })
    }

    /// Closes a breaker: the endpoint answers.
    pub async fn close_breaker(&self, name: &str) -> Result<(), StoreError> {
        let mut forget = redis::cmd("HDEL");
        self.query::<u64>(format!("close the breaker of {name}"), forget.arg(layout::BREAKERS).arg(name))
            .await
            .map(|_| ())
    }

    /// Every breaker of which something is known.
    pub async fn breakers(&self) -> Result<Vec<Known>, StoreError> {
        let known: Result<Vec<(String, u8, u64)>, _> =
            self.link().run(&BREAKERS, &[layout::BREAKERS.into()], &[]).await;
        let known = known.map_err(|trouble| StoreError::new("read the breakers", trouble))?;
        let one = |(name, open, left)| Known { name, open: (open == 1).then(|| Duration::from_millis(left)) };
        Ok(known.into_iter().map(one).collect())
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
