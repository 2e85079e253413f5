//! A name with two addresses, of which one drops every packet.

use std::net::SocketAddr;
use std::time::Duration;

use punctual::clock::Clock;
use punctual::http::{Names, Source};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::server::answer_plainly;

/// A place where nobody ever answers: a socket whose queue of new connections is full, as a firewall that drops packets.
struct BlackHole {
    address: SocketAddr,
    /// What fills it must stay open.
    _listener: TcpListener,
    _queue: Vec<TcpStream>,
}

impl BlackHole {
    async fn new(port: u16) -> BlackHole {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 9], port))).unwrap();
        let listener = socket.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let (clock, mut queue) = (Clock::system(), Vec::new());
        loop {
            let full = tokio::select! {
                opened = TcpStream::connect(address) => { queue.push(opened.unwrap()); false }
                () = clock.sleep(Duration::from_millis(300)) => true,
            };
            if full {
                return BlackHole { address, _listener: listener, _queue: queue };
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_address_is_tried_in_time_and_the_first_is_not_waited_for_again() {
    let port = answer_plainly("127.0.0.1:0").await;
    let hole = BlackHole::new(port).await;
    let good = SocketAddr::from(([127, 0, 0, 1], port));
    let names = Names::of(Source::Fixed(vec![hole.address, good]));
    let client = reqwest::Client::builder()
        .no_proxy()
        .connect_timeout(Duration::from_secs(4))
        .pool_max_idle_per_host(0)
        .dns_resolver(names.clone())
        .build()
        .unwrap();
    let clock = Clock::system();
    let ask = async || {
        let began = clock.boottime();
        #[expect(clippy::disallowed_methods, reason = "the resolver is tried as the client uses it")]
        let answer = client.get(format!("http://two.example:{port}/")).send().await.unwrap();
        (answer.remote_addr().unwrap(), clock.boottime() - began)
    };
    let (address, took) = ask().await;
    assert_eq!(address, good);
    assert!(
        took >= Duration::from_secs(1) && took < Duration::from_secs(4),
        "{took:?}: half of the time is the hole's"
    );
    names.answered(address.ip());
    let (address, took) = ask().await;
    assert_eq!(address, good);
    assert!(took < Duration::from_secs(1), "{took:?}: the hole was waited for again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_was_tried_in_vain_is_tried_last() {
    // It takes the connection, and never says a word of the handshake: the time for connecting runs out as a whole.
    let silent = TcpListener::bind("127.0.0.9:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    answer_plainly(&format!("127.0.0.1:{port}")).await;
    let names = Names::of(Source::Fixed(vec![silent.local_addr().unwrap(), SocketAddr::from(([127, 0, 0, 1], port))]));
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_millis(500))
        .pool_max_idle_per_host(0)
        .dns_resolver(names.clone())
        .build()
        .unwrap();
    let url = format!("http://two.example:{port}/");
    #[expect(clippy::disallowed_methods, reason = "the resolver is tried as the client uses it")]
    let ask = async || client.get(url.as_str()).send().await;
    ask().await.unwrap_err();
    names.failed();
    let answer = ask().await.unwrap();
    assert_eq!(answer.remote_addr().unwrap().ip().to_string(), "127.0.0.1");
}
