//! The scripts, hashed once.

use std::sync::LazyLock;

use super::super::link::Script;

pub(super) struct Scripts {
    pub(super) begin: Script,
    pub(super) repeat: Script,
    pub(super) sending: Script,
    pub(super) settle: Script,
    pub(super) tell: Script,
    pub(super) reseal: Script,
    pub(super) look: Script,
}

pub(super) static SCRIPTS: LazyLock<Scripts> = LazyLock::new(|| Scripts {
    begin: Script::new("ledger_begin", include_str!("../scripts/ledger_begin.lua")),
    repeat: Script::new("ledger_repeat", include_str!("../scripts/ledger_repeat.lua")),
    sending: Script::new("ledger_sending", include_str!("../scripts/ledger_sending.lua")),
    settle: Script::new("ledger_settle", include_str!("../scripts/ledger_settle.lua")),
    tell: Script::new("ledger_tell", include_str!("../scripts/ledger_tell.lua")),
    reseal: Script::new("ledger_reseal", include_str!("../scripts/ledger_reseal.lua")),
    look: Script::new("ledger_look", include_str!("../scripts/ledger_look.lua")),
});
