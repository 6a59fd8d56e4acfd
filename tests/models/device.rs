//! Tokens that rest with the user: one device that is offline at first, jobs with what it held then, pickups, and somebody who
//! kept its first tokens. Token sets are numbers; each refresh makes the next one, and spends the one before.
//!
//! Left out, since `refresh` explores them: the lease, the marker, and what a lost answer means. One refresh runs at a time.

use std::collections::BTreeSet;

use stateright::{Checker, HasDiscoveries, Model, Property};

/// How many token sets there may be.
const SETS: u8 = 4;

const STRANDED: &str = "the device has the newest tokens, or they wait for it, or consent is asked for";
const REUSED: &str = "no spent token is sent again";
const STOLEN: &str = "what was picked up is owed to nobody who kept what it replaced";
const ALARM: &str = "consent is not asked for while the device is known to have the newest tokens";

/// A rule of the protocol that can be left out, to see that the properties notice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rule {
    ParkWithTheSave,
    EndAfterTheAnswerArrived,
    EndOfItsOwnSet,
    HoldersAddUp,
    HandoverBeginsAnew,
    LateHandoverCounts,
    UseWhatIsParked,
    EndMovesTheRevision,
    ExpiryAsksForConsent,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Park {
    set: u8,
    /// Which sets it is owed to the holder of, as bits.
    from: u8,
}

/// Where a worker stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum At {
    Idle,
    /// Has the answer to a refresh that spent this set.
    Refreshed(u8),
    /// The record is saved, and its park is not (only where a rule is left out).
    Saved(u8),
    /// Read this park for who asked for it.
    Answers {
        set: u8,
        thief: bool,
    },
    /// The answer with this set arrived, and is known to.
    Arrived(u8),
    /// Saw that the park is over, with the record at this revision.
    SawItOver(u8),
}

#[expect(clippy::struct_excessive_bools, reason = "what happened once and for all")]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct World {
    newest: u8,
    revision: u8,
    consent_asked: bool,
    park: Option<Park>,
    device: u8,
    /// The newest set that is known to have arrived.
    known: u8,
    workers: [At; 2],
    crashes: u8,
    /// An answer of the provider was lost with its worker, which only consent heals.
    lost: bool,
    reused: bool,
    stolen: bool,
    alarm: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    /// A job with these tokens refreshes.
    Refresh(u8),
    Save,
    Pickup {
        thief: bool,
    },
    /// The answer reaches its queue; `known`: and the broker's word on that the worker.
    Answer {
        known: bool,
    },
    End,
    LookAtTheClock,
    Expire,
    Crash,
}

struct Protocol(Option<Rule>);

impl Protocol {
    fn lacks(&self, rule: Rule) -> bool {
        self.0 == Some(rule)
    }

    /// The set that a job's tokens stand for now, if they may be used.
    fn in_use(&self, world: &World, brings: u8) -> Option<u8> {
        let parked = world.park.filter(|park| park.from & 1 << brings != 0).map(|park| park.set);
        match parked {
            _ if brings == world.newest => Some(brings),
            _ if self.lacks(Rule::UseWhatIsParked) => Some(brings),
            parked => parked,
        }
    }

    fn save(&self, world: &mut World, spent: u8) {
        let before = world.park.filter(|park| park.set == world.newest && !self.lacks(Rule::HoldersAddUp));
        // what it was owed to before the device got it, where nobody begins anew
        let kept = if self.lacks(Rule::HandoverBeginsAnew) { (1 << spent) - 1 } else { 0 };
        let from = before.map_or(0, |park| park.from) | 1 << spent | kept;
        world.newest = spent + 1;
        world.revision += 1;
        world.park = Some(Park { set: world.newest, from });
    }

    fn end(&self, world: &mut World, set: u8) {
        let is_it = world.park.is_some_and(|park| park.set == set || self.lacks(Rule::EndOfItsOwnSet));
        if is_it {
            world.park = None;
            world.revision += u8::from(!self.lacks(Rule::EndMovesTheRevision));
        } else if let Some(park) = world.park.as_mut().filter(|park| park.from & 1 << set != 0)
            && !self.lacks(Rule::LateHandoverCounts)
        {
            park.from &= !((1 << set) - 1);
        }
    }
}

impl Model for Protocol {
    type State = World;
    type Action = (usize, Step);

    fn init_states(&self) -> Vec<World> {
        vec![World {
            newest: 0,
            revision: 0,
            consent_asked: false,
            park: None,
            device: 0,
            known: 0,
            workers: [At::Idle; 2],
            crashes: 1,
            lost: false,
            reused: false,
            stolen: false,
            alarm: false,
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Self::Action>) {
        let refreshes = world.workers.iter().any(|at| matches!(at, At::Refreshed(_) | At::Saved(_)));
        for (worker, at) in world.workers.iter().enumerate() {
            let mut may = |step| actions.push((worker, step));
            match at {
                At::Idle if !world.consent_asked => {
                    if !refreshes && world.newest + 1 < SETS && !world.lost {
                        may(Step::Refresh(0));
                        may(Step::Refresh(world.device));
                    }
                    may(Step::Pickup { thief: false });
                    may(Step::Pickup { thief: true });
                    may(Step::LookAtTheClock);
                }
                At::Idle => {}
                At::Refreshed(_) | At::Saved(_) => may(Step::Save),
                At::Answers { .. } => {
                    may(Step::Answer { known: true });
                    may(Step::Answer { known: false });
                }
                At::Arrived(_) => may(Step::End),
                At::SawItOver(_) => may(Step::Expire),
            }
            if world.crashes > 0 && *at != At::Idle {
                may(Step::Crash);
            }
        }
    }

    fn next_state(&self, before: &World, (worker, step): Self::Action) -> Option<World> {
        let mut world = *before;
        let at = before.workers[worker];
        let next = match (step, at) {
            (Step::Refresh(brings), _) => {
                let spent = self.in_use(&world, brings)?;
                world.reused |= spent != world.newest;
                At::Refreshed(spent)
            }
            (Step::Save, At::Refreshed(spent)) if self.lacks(Rule::ParkWithTheSave) => {
                world.newest = spent + 1;
                world.park = None;
                At::Saved(spent)
            }
            (Step::Save, At::Refreshed(spent) | At::Saved(spent)) => {
                self.save(&mut world, spent);
                At::Idle
            }
            (Step::Pickup { thief }, _) => {
                let holds = if thief { 0 } else { world.device };
                let park = world.park?;
                (park.from & 1 << holds != 0 || park.set == holds).then_some(())?;
                // who kept what the device still holds is the device, as far as anybody knows
                world.stolen |= thief && world.known > 0;
                if self.lacks(Rule::EndAfterTheAnswerArrived) {
                    self.end(&mut world, park.set);
                }
                At::Answers { set: park.set, thief }
            }
            (Step::Answer { known }, At::Answers { set, thief }) => {
                if thief {
                    At::Idle
                } else {
                    world.device = world.device.max(set);
                    if known { At::Arrived(set) } else { At::Idle }
                }
            }
            (Step::End, At::Arrived(set)) => {
                self.end(&mut world, set);
                world.known = world.known.max(set);
                At::Idle
            }
            (Step::LookAtTheClock, _) => {
                world.park?;
                At::SawItOver(world.revision)
            }
            (Step::Expire, At::SawItOver(revision)) if revision != world.revision => At::Idle,
            (Step::Expire, At::SawItOver(_)) => {
                world.alarm |= world.known == world.newest && world.newest > 0;
                world.park = None;
                world.consent_asked = !self.lacks(Rule::ExpiryAsksForConsent);
                At::Idle
            }
            (Step::Crash, _) => {
                world.crashes -= 1;
                world.lost |= matches!(at, At::Refreshed(_));
                At::Idle
            }
            _ => return None,
        };
        world.workers[worker] = next;
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(STRANDED, |_: &Self, world: &World| {
                let quiet = world.workers == [At::Idle; 2];
                let owed =
                    |park: Park| park.set == world.newest && (park.from | 1 << park.set) & 1 << world.device != 0;
                !quiet
                    || world.lost
                    || world.consent_asked
                    || world.device == world.newest
                    || world.park.is_some_and(owed)
            }),
            Property::always(REUSED, |_, world: &World| !world.reused),
            Property::always(STOLEN, |_, world: &World| !world.stolen),
            Property::always(ALARM, |_, world: &World| !world.alarm),
            Property::sometimes("the device gets the last set", |_, world: &World| world.device == SETS - 1),
            Property::sometimes("consent is asked for", |_, world: &World| world.consent_asked),
        ]
    }
}

#[test]
fn no_order_of_steps_and_faults_leaves_a_device_without_its_tokens_or_gives_them_away() {
    let checker = Protocol(None).checker().threads(2).spawn_bfs().join();
    println!("{} states", checker.unique_state_count());
    let mut seen = BTreeSet::new();
    for (name, path) in checker.discoveries() {
        assert!(![STRANDED, REUSED, STOLEN, ALARM].contains(&name), "{name}: {:?}", path.into_actions());
        seen.insert(name);
    }
    assert_eq!(seen.len(), 2, "what shall happen sometimes: {seen:?}");
}

#[test]
fn every_rule_of_the_park_is_needed() {
    for (rule, property) in [
        (Rule::ParkWithTheSave, STRANDED),
        (Rule::EndAfterTheAnswerArrived, STRANDED),
        (Rule::EndOfItsOwnSet, STRANDED),
        (Rule::HoldersAddUp, STRANDED),
        (Rule::HandoverBeginsAnew, STOLEN),
        (Rule::LateHandoverCounts, STOLEN),
        (Rule::UseWhatIsParked, REUSED),
        (Rule::EndMovesTheRevision, ALARM),
        (Rule::ExpiryAsksForConsent, STRANDED),
    ] {
        let enough = HasDiscoveries::AnyOf([property].into());
        let checker = Protocol(Some(rule)).checker().finish_when(enough).threads(2).spawn_bfs().join();
        let broken = checker.discovery(property).map(|path| format!("{:?}", path.into_actions()));
        println!("without {rule:?}: {property}: {}", broken.as_deref().unwrap_or("nothing breaks"));
        assert!(broken.is_some(), "{rule:?} left out, and nothing notices: {property}");
    }
}
