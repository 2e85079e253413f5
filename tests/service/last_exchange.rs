//! A daemon that is asked to stop while the answer to a refresh token that works once is still to come.

use std::sync::{Arc, Mutex};

use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::place::{FINE, Place, in_time, signal};
use super::{ended, lines};

/// Answers the first request for a token with one that lives for 2 s, and the second when it is let.
struct Identity {
    port: u16,
    asked: watch::Receiver<usize>,
    gate: watch::Sender<bool>,
    sent: Arc<Mutex<Vec<String>>>,
}

impl Identity {
    async fn start() -> Identity {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (count, asked) = watch::channel(0);
        let (gate, opened) = watch::channel(false);
        let sent: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = sent.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (count, mut opened, seen) = (count.clone(), opened.clone(), seen.clone());
                tokio::spawn(async move {
                    let mut request = vec![0; 8192];
                    let mut text = String::new();
                    while !text.contains("refresh_token=") && !text.starts_with("GET") {
                        let read = stream.read(&mut request).await?;
                        if read == 0 {
                            return Ok(());
                        }
                        text.push_str(&String::from_utf8_lossy(&request[..read]));
                    }
                    if text.starts_with("GET") {
                        return stream
                            .write_all(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                            .await;
                    }
                    let number = {
                        let mut seen = seen.lock().unwrap();
                        seen.push(text);
                        seen.len()
                    };
                    count.send_replace(number);
                    if number >= 2 {
                        let _ = opened.wait_for(|open| *open).await;
                    }
                    let body = format!(
                        "{{\"access_token\":\"at-{number}\",\"expires_in\":2,\"token_type\":\"Bearer\",\"refresh_token\":\"rotated-{number}\"}}"
                    );
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n\u{feff}{body}"
                    );
                    stream.write_all(answer.as_bytes()).await
                });
            }
        });
        Identity { port, asked, gate, sent }
    }
}

fn saved(place: &Place) -> String {
    let files = std::fs::read_dir(place.path("state/tokens")).unwrap().map(|entry| entry.unwrap().path());
    let tokens = files.filter(|path| path.extension().is_some_and(|kind| kind == "token"));
    tokens.map(|path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_to_a_one_use_token_is_waited_for_and_the_service_manager_is_told_so() {
    let mut identity = Identity::start().await;
    let place = Place::new(&format!(
        "version: 1\nconnections:\n  cloud:\n    url: http://127.0.0.1:{}/acme/prod/orchestrator_\n    auth: {{ grant: \
         refresh_token, client_id: app, refresh_token: \"file:seed\" }}\nschedules:\n  yearly: {{ cron: \"0 0 29 2 *\", \
         timezone: UTC, start: {{ process: Leap, folder: Shared }} }}\n",
        identity.port
    ));
    place.write("seed", "first-of-its-family");
    let mut log = lines(place.daemon().await);
    in_time("a second request", identity.asked.wait_for(|count| *count >= 2)).await.unwrap();
    signal(&log.daemon, Signal::TERM);
    let told = loop {
        let told = place.told().await;
        if told.contains("EXTEND_TIMEOUT_USEC=") {
            break told;
        }
    };
    let micros: u64 = told.lines().find_map(|line| line.strip_prefix("EXTEND_TIMEOUT_USEC=")).unwrap().parse().unwrap();
    assert!((30_000_000..=115_000_000).contains(&micros), "{told}");
    assert!(
        told.contains("STATUS=Stopping: waits for the token server's answer for connection `cloud`, at most "),
        "{told}"
    );
    // An impatient person changes nothing about this, and is told why.
    signal(&log.daemon, Signal::TERM);
    let line = log.until("All else ends at once").await;
    assert!(line.contains("the login would be lost") && line.contains("kill -9"), "{line}");
    while !place.told().await.contains("EXTEND_TIMEOUT_USEC=") {}
    assert!(!saved(&place).contains("rotated-2"));

    identity.gate.send_replace(true);
    let end = ended(log.daemon).await;
    assert_eq!(end.status.code(), Some(FINE), "{}", log.seen);
    assert!(saved(&place).contains("rotated-2"), "the new token is on the disk: {}", saved(&place));
    assert!(identity.sent.lock().unwrap()[1].contains("refresh_token=rotated-1"));
}
