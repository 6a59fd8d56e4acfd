//! What a broker may say, spoilt: however it is cut, the same comes out, and a second mending changes nothing.

use sealpost_fuzz::{ITERATIONS, near};

use super::tests::{deliver, frame, header, nested, through};

fn seeds() -> Vec<Vec<u8>> {
    let all = [deliver(b"caf\xe9"), header(b"caf\xe9 \xc3"), frame(3, b"\xff body"), frame(8, b"")].concat();
    vec![all, header(b"x"), nested(31, b"", b"caf\xe9"), nested(40, b"x", b""), b"AMQP\0\0\x09\x01".to_vec()]
}

#[test]
fn spoilt_frames_come_out_the_same_however_they_are_cut_and_differ_in_what_was_mended_alone() {
    bolero::check!().with_iterations(ITERATIONS).with_generator(near(seeds())).for_each(|bytes| {
        let whole = through([bytes.clone()].into_iter());
        assert!(whole.len() <= bytes.len());
        let changed = whole.iter().zip(bytes).filter(|(mended, came)| mended != came);
        assert!(changed.into_iter().all(|(mended, _)| b"?x".contains(mended)), "{whole:?}");
        for size in [1, 7, 50] {
            assert_eq!(through(bytes.chunks(size).map(<[u8]>::to_vec)), whole, "in pieces of {size}");
        }
        assert_eq!(through([whole.clone()].into_iter()), whole, "mended already");
    });
}
