//! The door over TCP (RFC 3261, 18): requests framed by their Content-Length, and answered on their connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bellwether_sip::{Framed, Framer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{Sender, channel};

use super::{RedirectRules, is_peer, respond};
use crate::patient::Patient;
use crate::state::State;

/// Connections at once. Switches hold few and long ones.
const MAX_CONNECTIONS: usize = 64;

/// Requests of one connection under way at once. A further one waits in the connection.
const MAX_UNDER_WAY: usize = 64;

/// A connection without a request ends after this time.
const IDLE: Duration = Duration::from_secs(600);

/// Wait after an accept that failed: the process has no descriptor left.
const PAUSE: Duration = Duration::from_millis(200);

/// The answer to a keep-alive (RFC 5626, 4.4.1).
const PONG: &[u8] = b"\r\n";

/// Answers on the connections of a listener until the task is dropped.
pub(super) async fn run(listener: TcpListener, rules: Arc<RedirectRules>, state: Arc<State>) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok((stream, from)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        if !is_peer(&rules, from.ip()) {
            continue;
        }
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else { continue };
        let (rules, state) = (Arc::clone(&rules), Arc::clone(&state));
        tokio::spawn(async move {
            converse(stream, from, &rules, &state).await;
            drop(place);
        });
    }
}

/// Answers the requests of one connection, each as soon as its answer is known.
async fn converse(stream: TcpStream, from: SocketAddr, rules: &Arc<RedirectRules>, state: &Arc<State>) {
    let (mut reader, mut writer) = tokio::io::split(Patient::new(stream));
    let (answers, mut answered) = channel::<Vec<u8>>(MAX_UNDER_WAY);
    let writing = async {
        while let Some(answer) = answered.recv().await {
            if writer.write_all(&answer).await.is_err() {
                return;
            }
        }
    };
    let reading = read(&mut reader, answers, |request| {
        let (rules, state) = (Arc::clone(rules), Arc::clone(state));
        async move { respond(&request, from, &rules, &state).await }
    });
    tokio::pin!(writing);
    // A peer that takes no answer ends the connection. One that sends nothing more still gets its answers.
    tokio::select! {
        () = &mut writing => {}
        () = reading => writing.await,
    }
}

/// Reads requests until the connection ends or has something else. `ask` makes the answer to a request.
async fn read<S, F>(stream: &mut ReadHalf<S>, answers: Sender<Vec<u8>>, ask: impl Fn(Vec<u8>) -> F)
where
    S: AsyncRead,
    F: Future<Output = Option<Vec<u8>>> + Send + 'static,
{
    let room = Arc::new(Semaphore::new(MAX_UNDER_WAY));
    let (mut framer, mut unread) = (Framer::default(), Vec::new());
    let mut part = [0; 4096];
    loop {
        loop {
            match framer.next(&unread) {
                Framed::Message { len } => {
                    let request: Vec<u8> = unread.drain(..len).collect();
                    let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
                    let (asked, answers) = (ask(request), answers.clone());
                    tokio::spawn(async move {
                        if let Some(answer) = asked.await {
                            // The connection may have ended meanwhile.
                            let _ = answers.send(answer).await;
                        }
                        drop(place);
                    });
                }
                Framed::KeepAlive { len } => {
                    unread.drain(..len);
                    // A ping is two line ends; one more may follow a message.
                    if len >= 4 && answers.send(PONG.to_vec()).await.is_err() {
                        return;
                    }
                }
                Framed::Pass { len } => drop(unread.drain(..len)),
                Framed::Cut { .. } | Framed::NotSip => return,
                Framed::Incomplete => break,
            }
        }
        match tokio::time::timeout(IDLE, stream.read(&mut part)).await {
            Ok(Ok(len)) if len > 0 => unread.extend_from_slice(part.get(..len).unwrap_or_default()),
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::duplex;

    fn run<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
    }

    const REQUEST: &str =
        "OPTIONS sip:a@b SIP/2.0\r\nCall-ID: N\r\nCSeq: 1 OPTIONS\r\nContent-Length: 4\r\n\r\nbody";

    /// What a connection answers to octets that come in parts, and whether it goes on.
    async fn answers(parts: &[&[u8]]) -> (Vec<Vec<u8>>, bool) {
        let (mut peer, ours) = duplex(64);
        let (mut reader, _writer) = tokio::io::split(ours);
        let (to, mut from) = channel(MAX_UNDER_WAY);
        let task = tokio::spawn(async move {
            read(&mut reader, to, |request| std::future::ready(Some(request))).await;
        });
        for part in parts {
            let _ = peer.write_all(part).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        let goes_on = !task.is_finished();
        drop(peer);
        let mut all = Vec::new();
        while let Some(answer) = from.recv().await {
            all.push(answer);
        }
        (all, goes_on)
    }

    #[test]
    fn requests_are_told_apart_however_they_come() {
        run(async {
            let [one, two] = ["1", "2"].map(|n| REQUEST.replace('N', n).into_bytes());
            let both = [one.clone(), b"\r\n".to_vec(), two.clone()].concat();
            let whole = answers(&[&both]).await;
            assert_eq!(whole, (vec![one, two], true));
            let octets: Vec<&[u8]> = both.chunks(1).collect();
            assert_eq!(answers(&octets).await, whole);
        });
    }

    #[test]
    fn a_ping_gets_its_pong_and_what_is_no_sip_ends_the_connection() {
        run(async {
            assert_eq!(answers(&[b"\r\n\r\n"]).await, (vec![PONG.to_vec()], true));
            let (nothing, goes_on) = answers(&[b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"]).await;
            assert!(nothing.is_empty() && !goes_on);
        });
    }
}
