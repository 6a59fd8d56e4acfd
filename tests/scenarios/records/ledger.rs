//! The ledger's scripts: what each leaves behind, on a single Redis and on a cluster.

use std::time::Duration;

use sealpost_schemas::{Code, Owner};
use sealpost_shared::{
    ids,
    records::{
        Begun, ClaimOf, Cursor, EntryId, Expected, Held, Marked, Metadata, Outcome, ReadyIf, RecordId, SealedResult,
        Settled, Standing, Word,
    },
};
use secrecy::ExposeSecret;

use super::world::{LONG, Named, World, metadata, on_both, time};
use sealpost_tests::until;

on_both! {
    an_entry_is_begun_sent_settled_and_answered_again
    a_request_is_marked_with_the_claim_where_the_delivery_is_to_act_and_only_there
    a_request_is_marked_at_once_only_for_a_record_that_can_be_used_as_it_is
    a_doubt_is_repeated_by_one_and_its_refusal_proves_nothing
    an_operators_word_waits_for_the_claim_and_yields_to_the_truth
    a_workers_word_on_a_doubt_counts_only_while_nobody_acted_since
    what_is_declined_in_doubt_yields_to_the_truth
    a_result_moves_between_the_held_sets_when_it_is_sealed_anew
    what_may_be_forgotten_is_forgotten_with_its_place_in_the_held_set
}

/// Long enough that nothing expires meanwhile, where nothing is to.
const HOLDS: Duration = Duration::from_mins(5);

struct Entry<'a> {
    world: &'a World,
    owner: Owner,
    id: EntryId,
}

impl<'a> Entry<'a> {
    fn of(world: &'a World) -> Self {
        let connection = world.connection("ada");
        let owner = Owner { tenant: connection.tenant, user: connection.user };
        let id = world.store.entry("publish-job", &owner, ids::fresh());
        Self { world, owner, id }
    }

    async fn begin(&self, claim: &ClaimOf, body: &[u8]) -> Begun {
        let (store, place) = (&self.world.store, (&self.id, &self.owner));
        store.ledger_begin(place, &store.fingerprint(body), claim).await.unwrap()
    }

    async fn begin_sending(&self, claim: &ClaimOf, body: &[u8]) -> Result<(u64, bool), Begun> {
        let marked = self.begin_if(claim, body, (&self.world.ready_if("ada"), &self.world.old)).await;
        marked.map(|marked| (marked.number, marked.again))
    }

    async fn begin_if(
        &self,
        claim: &ClaimOf,
        body: &[u8],
        (wanted, under): (&ReadyIf, &Named),
    ) -> Result<Marked, Begun> {
        let (store, place) = (&self.world.store, (&self.id, &self.owner));
        let wanted = (wanted, &under.name);
        store.ledger_begin_sending(place, &store.fingerprint(body), claim, wanted).await.unwrap()
    }

    async fn send(&self, claim: &ClaimOf) -> Option<u64> {
        self.world.store.ledger_sending(&self.id, claim, None).await.unwrap()
    }

    async fn say(&self, claim: &ClaimOf, word: Word<'_>) -> Option<Settled> {
        self.world.store.ledger_settle(&self.id, claim.owner, word, true).await.unwrap()
    }

    async fn tell(&self, outcome: Outcome, result: SealedResult<'_>) -> bool {
        self.world.store.ledger_tell((&self.id, None), outcome, result).await.unwrap()
    }

    async fn repeat(&self, claim: &ClaimOf, sent: u64) -> bool {
        self.world.store.ledger_repeat(&self.id, claim, true, sent).await.unwrap()
    }

    async fn held(&self, under: &Named) -> Vec<Held> {
        // the entry's shard is the owner's
        let shard = self.world.store.locate(&self.world.connection("ada")).shard;
        self.world.store.walk_held(shard, &under.name, Cursor::default(), 10).await.unwrap().0
    }
}

fn claim(length: Duration) -> ClaimOf {
    ClaimOf { owner: ids::fresh(), length }
}

fn sealed<'a>(under: &'a Named, bytes: &'a [u8]) -> SealedResult<'a> {
    SealedResult { key: &under.name, bytes }
}

async fn an_entry_is_begun_sent_settled_and_answered_again(world: World) {
    let (entry, first, second) = (Entry::of(&world), claim(HOLDS), claim(HOLDS));
    assert!(matches!(entry.begin(&first, b"body").await, Begun::Act { epoch: 0, again: false }));
    assert!(matches!(entry.begin(&second, b"body").await, Begun::Busy(left) if !left.is_zero()));
    assert!(matches!(entry.begin(&second, b"another").await, Begun::Reused));
    assert_eq!(entry.send(&second).await, None, "the claim is not its own");
    assert_eq!(entry.send(&first).await, Some(1));
    let answered = Word::Answered(1, Outcome::Happened, sealed(&world.old, b"told"));
    assert!(entry.say(&first, answered).await.is_none(), "done, as it was said");
    assert!(entry.say(&first, answered).await.is_none(), "said again it is the same");
    let otherwise = Word::Answered(1, Outcome::Happened, sealed(&world.new, b"later"));
    let stands = entry.say(&first, otherwise).await;
    assert!(matches!(stands, Some(Settled::Done(Outcome::Happened, _, bytes)) if bytes == b"told"), "the first truth");
    let again = entry.begin(&second, b"body").await;
    assert!(matches!(again, Begun::Settled(Settled::Done(_, key, bytes)) if key == world.old.name && bytes == b"told"));
}

async fn a_request_is_marked_with_the_claim_where_the_delivery_is_to_act_and_only_there(world: World) {
    world.saved("ada").await;
    let (entry, first, second) = (Entry::of(&world), claim(HOLDS), claim(HOLDS));
    assert!(matches!(entry.begin_sending(&first, b"body").await, Ok((1, false))));
    assert!(matches!(entry.begin_sending(&second, b"body").await, Err(Begun::Busy(_))));
    assert!(matches!(entry.begin_sending(&second, b"another").await, Err(Begun::Reused)));
    assert_eq!(entry.send(&first).await, None, "it is marked");
    // known not to have been sent: the next one is the second request
    entry.say(&first, Word::Unsent(1)).await;
    assert!(matches!(entry.begin_sending(&second, b"body").await, Ok((2, true))));
    entry.say(&second, Word::Lost(2)).await;
    assert!(matches!(entry.begin_sending(&first, b"body").await, Err(Begun::Doubt { sent: 2, .. })));
    let posted = Word::Answered(2, Outcome::Happened, sealed(&world.old, b"posted"));
    assert!(entry.say(&second, posted).await.is_none());
    let again = entry.begin_sending(&first, b"body").await;
    assert!(matches!(again, Err(Begun::Settled(Settled::Done(_, _, bytes))) if bytes == b"posted"));
}

async fn a_request_is_marked_at_once_only_for_a_record_that_can_be_used_as_it_is(world: World) {
    let usable = Metadata { request: Some(ids::fresh()), ..metadata() };
    let with = |change: fn(&mut Metadata)| {
        let mut other = usable.clone();
        change(&mut other);
        other
    };
    // its access token lives from 0 to 200 s
    let long = with(|m| (m.refreshed_at, m.access_expires_at) = (time(0), Some(time(200))));
    let cases = [
        ("no time of expiry", with(|m| m.access_expires_at = None), 1_000_000, true),
        ("a good while left", long.clone(), 169, true),
        ("about to expire", long, 171, false),
        (
            "short-lived, and fresh",
            with(|m| (m.refreshed_at, m.access_expires_at) = (time(0), Some(time(20)))),
            14,
            true,
        ),
        (
            "a quarter of its life left",
            with(|m| (m.refreshed_at, m.access_expires_at) = (time(0), Some(time(20)))),
            15,
            false,
        ),
        ("needs consent", with(|m| m.standing = Standing::needs_consent(time(1), Code::NeedsConsent)), 1, false),
        ("in quarantine", with(|m| m.standing = Standing::quarantined(time(1), Code::Quarantined)), 1, false),
    ];
    let save = async |metadata: &Metadata| {
        let expected = world.store.load(&world.ready_if("ada").record).await.unwrap();
        let expected = expected.map_or(Expected::Absent, |record| Expected::Revision(record.revision));
        world.store.save(&world.draft_with("ada", metadata.clone()), expected).await.unwrap();
    };
    for (what, metadata, now, usable) in cases {
        save(&metadata).await;
        let (entry, claim) = (Entry::of(&world), claim(HOLDS));
        let wanted = ReadyIf { now: time(now), ..world.ready_if("ada") };
        match entry.begin_if(&claim, b"body", (&wanted, &world.old)).await {
            Ok(Marked { number: 1, again: false, ready: Some(ready) }) if usable => {
                assert_eq!((ready.generation, ready.consent), (metadata.generation, metadata.request), "{what}");
                let content = ready.open(&world.old.key).unwrap();
                assert_eq!(content.tokens.access_token.unwrap().expose_secret(), "access-1");
            }
            Err(Begun::Act { again: false, .. }) if !usable => assert_eq!(entry.send(&claim).await, Some(1), "{what}"),
            other => panic!("{what}: {other:?}"),
        }
    }
    save(&usable).await;
    let (entry, first) = (Entry::of(&world), claim(HOLDS));
    let another_key = (&world.ready_if("ada"), &world.new);
    assert!(matches!(entry.begin_if(&first, b"body", another_key).await, Err(Begun::Act { .. })));
    let (entry, ada) = (Entry::of(&world), world.ready_if("ada"));
    // a record lies in the shard of its owner's entries
    let nobodys = ReadyIf { record: RecordId { shard: ada.record.shard, ..world.ready_if("grace").record }, ..ada };
    assert!(matches!(entry.begin_if(&claim(HOLDS), b"body", (&nobodys, &world.old)).await, Err(Begun::Act { .. })));
}

async fn a_doubt_is_repeated_by_one_and_its_refusal_proves_nothing(world: World) {
    let (entry, first, [one, two]) = (Entry::of(&world), claim(HOLDS), [claim(HOLDS), claim(HOLDS)]);
    entry.begin(&first, b"body").await;
    entry.send(&first).await;
    entry.say(&first, Word::Lost(1)).await;
    assert!(matches!(entry.begin(&one, b"body").await, Begun::Doubt { sent: 1, .. }));
    assert!(!entry.repeat(&one, 0).await, "somebody else sent a request since");
    assert!(entry.repeat(&one, 1).await);
    assert!(!entry.repeat(&two, 1).await, "its claim lives");
    assert_eq!(entry.send(&one).await, Some(2));
    let refused = Word::Answered(2, Outcome::Refused, sealed(&world.old, b"no"));
    assert!(matches!(entry.say(&one, refused).await, Some(Settled::Unknown)));
    let posted = Word::Answered(1, Outcome::Happened, sealed(&world.old, b"yes"));
    assert!(entry.say(&first, posted).await.is_none(), "done, as it was said");
}

async fn an_operators_word_waits_for_the_claim_and_yields_to_the_truth(world: World) {
    let (entry, first) = (Entry::of(&world), claim(Duration::from_millis(300)));
    let said = sealed(&world.old, b"nothing was posted");
    assert!(!entry.tell(Outcome::Refused, said).await, "there is no such entry");
    entry.begin(&first, b"body").await;
    entry.send(&first).await;
    until("the claim is over", LONG, async || {
        entry.begin(&claim(HOLDS), b"body").await;
        entry.tell(Outcome::Refused, said).await
    })
    .await;
    assert!(!entry.tell(Outcome::Happened, said).await, "it was told already");
    let posted = Word::Answered(1, Outcome::Happened, sealed(&world.old, b"it was"));
    let stands = entry.say(&first, posted).await;
    assert!(matches!(stands, Some(Settled::Conflict(_, bytes)) if bytes == b"it was"));
}

async fn a_workers_word_on_a_doubt_counts_only_while_nobody_acted_since(world: World) {
    let (entry, first, second) = (Entry::of(&world), claim(HOLDS), claim(HOLDS));
    let said = sealed(&world.old, b"it is lost");
    let counts = async |sent| world.store.ledger_tell((&entry.id, Some(sent)), Outcome::Refused, said).await.unwrap();
    entry.begin(&first, b"body").await;
    entry.send(&first).await;
    assert!(matches!(entry.say(&first, Word::Unsent(1)).await, Some(Settled::Open)));
    entry.begin(&second, b"body").await;
    entry.send(&second).await;
    assert!(!counts(2).await, "its claim lives");
    assert!(matches!(entry.say(&second, Word::Lost(2)).await, Some(Settled::Unknown)));
    assert!(!counts(1).await, "it is about the first request, and there was another");
    assert!(counts(2).await);
}

async fn what_is_declined_in_doubt_yields_to_the_truth(world: World) {
    let (entry, first, second) = (Entry::of(&world), claim(HOLDS), claim(HOLDS));
    entry.begin(&first, b"body").await;
    entry.send(&first).await;
    entry.say(&first, Word::Lost(1)).await;
    assert!(entry.repeat(&second, 1).await);
    let declined = Word::Declined(sealed(&world.old, b"no"));
    assert!(
        matches!(entry.say(&second, declined).await, Some(Settled::Done(Outcome::Refused, _, bytes)) if bytes == b"no")
    );
    let stored = Word::Answered(1, Outcome::Happened, sealed(&world.old, b"yes"));
    assert!(matches!(entry.say(&first, stored).await, Some(Settled::Conflict(_, bytes)) if bytes == b"yes"));
}

async fn a_result_moves_between_the_held_sets_when_it_is_sealed_anew(world: World) {
    let (entry, first) = (Entry::of(&world), claim(HOLDS));
    entry.begin(&first, b"body").await;
    entry.send(&first).await;
    entry.say(&first, Word::Answered(1, Outcome::Happened, sealed(&world.old, b"old"))).await;
    assert_eq!(entry.held(&world.old).await, [Held::Entry(entry.id)]);
    let stored = world.store.ledger_result(&entry.id).await.unwrap().expect("a result");
    assert!(world.store.ledger_reseal(&stored, sealed(&world.new, b"new")).await.unwrap());
    assert!(
        !world.store.ledger_reseal(&stored, sealed(&world.new, b"newer")).await.unwrap(),
        "it is another one by now"
    );
    assert_eq!((entry.held(&world.old).await, entry.held(&world.new).await), (vec![], vec![Held::Entry(entry.id)]));
    let again = entry.begin(&claim(HOLDS), b"body").await;
    assert!(matches!(again, Begun::Settled(Settled::Done(_, key, bytes)) if key == world.new.name && bytes == b"new"));
}

async fn what_may_be_forgotten_is_forgotten_with_its_place_in_the_held_set(world: World) {
    let (old, young) = (Entry::of(&world), Entry::of(&world));
    for (entry, under) in [(&old, &world.old), (&young, &world.new)] {
        let claim = claim(HOLDS);
        entry.begin(&claim, b"body").await;
        entry.send(&claim).await;
        entry.say(&claim, Word::Answered(1, Outcome::Happened, sealed(under, b"told"))).await;
    }
    let shard = world.store.locate(&world.connection("ada")).shard;
    world.raw.tell(&["ZADD", &format!("{{sp:{shard:03}}}:forget"), "1", &old.id.key.to_string()]).await;
    until("the old one is forgotten", LONG, async || {
        Entry::of(&world).begin(&claim(HOLDS), b"body").await;
        world.store.ledger_entry(&old.id).await.unwrap().is_none()
    })
    .await;
    assert!(old.held(&world.old).await.is_empty());
    assert_eq!(young.held(&world.new).await, [Held::Entry(young.id)]);
}
