//! The fuzz corpus, replayed without a fuzzer: every input that was kept is read again, and what once went wrong stays right.
//!
//! The checks are the fuzz targets' own (`fuzz/src/checks.rs`). New inputs come from `cargo fuzz` (CONTRIBUTING.md).

#[expect(unreachable_pub, reason = "the fuzz targets are another package")]
#[path = "../fuzz/src/checks.rs"]
mod checks;

use std::fs;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

/// The promise for one input is a second of the processor's time; this is a build without optimisation.
const AT_ONCE: Duration = Duration::from_secs(2);

#[test]
fn every_input_of_the_corpus_is_read_in_time_and_without_a_panic() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (target, check) in checks::ALL {
        let mut inputs: Vec<_> =
            fs::read_dir(corpus.join(target)).unwrap().map(|entry| entry.unwrap().path()).collect();
        inputs.sort();
        assert!(inputs.len() >= 10, "the corpus of `{target}` has only {} inputs", inputs.len());
        for path in inputs {
            let input = fs::read(&path).unwrap();
            let (sender, receiver) = mpsc::channel();
            let reading = std::thread::spawn(move || {
                check(&input);
                sender.send(())
            });
            match receiver.recv_timeout(AT_ONCE) {
                Ok(()) => {}
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("{} takes longer than {AT_ONCE:?}", path.display()),
                Err(mpsc::RecvTimeoutError::Disconnected) => panic!("{}: {:?}", path.display(), reading.join()),
            }
        }
    }
}
