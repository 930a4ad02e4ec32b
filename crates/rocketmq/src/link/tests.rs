//! A link against a server that answers, falls silent, drops the line, or talks nonsense.

use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

/// Long enough that a busy machine answers in time.
const TIMEOUT: Duration = Duration::from_secs(2);

struct Rig {
    link: Arc<Link>,
    listener: TcpListener,
    stop: CancellationToken,
}

async fn rig(change: impl FnOnce(&mut Config)) -> Rig {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    let mut config = Config::new([address.clone()]);
    config.request_timeout = TIMEOUT;
    change(&mut config);
    let stop = CancellationToken::new();
    let watcher = Watcher { came_up: Arc::default(), went_down: Arc::default() };
    let link = Link::open(address.into(), &config, &TaskTracker::new(), stop.clone(), watcher);
    Rig { link, listener, stop }
}

async fn read_frame(stream: &mut TcpStream) -> Frame {
    let mut buffer = BytesMut::new();
    loop {
        if let Some(frame) = Frame::decode(&mut buffer, 1 << 20).expect("a frame") {
            return frame;
        }
        assert_ne!(stream.read_buf(&mut buffer).await.expect("readable"), 0, "the client left");
    }
}

async fn answer(stream: &mut TcpStream, opaque: i32) {
    let header = format!(r#"{{"code":0,"flag":1,"opaque":{opaque}}}"#);
    let mut bytes = (header.len() as u32 + 4).to_be_bytes().to_vec();
    bytes.extend((header.len() as u32).to_be_bytes());
    bytes.extend(header.as_bytes());
    stream.write_all(&bytes).await.expect("writable");
}

#[tokio::test]
async fn nothing_is_connected_before_somebody_asks() {
    let rig = rig(|_| {}).await;
    let early = timeout(Duration::from_millis(150), rig.listener.accept()).await;
    assert!(early.is_err(), "a link that nobody used has connected");
}

#[tokio::test]
async fn answers_find_their_requests_in_any_order() {
    let rig = rig(|_| {}).await;
    let server = async {
        let (mut stream, _) = rig.listener.accept().await.expect("a client");
        let (mut seen, mut buffer) = (Vec::new(), BytesMut::new());
        while seen.len() < 2 {
            seen.extend(Frame::decode(&mut buffer, 1 << 20).expect("a frame"));
            if seen.len() < 2 {
                stream.read_buf(&mut buffer).await.expect("readable");
            }
        }
        for frame in seen.iter().rev() {
            answer(&mut stream, frame.opaque).await;
        }
        stream
    };
    let (one, two) = (Request::new(1), Request::new(2));
    let (one, two, _stream) = tokio::join!(
        rig.link.call(&one, Patience::UntilDeadline),
        rig.link.call(&two, Patience::UntilDeadline),
        server
    );
    assert_eq!(one.expect("answered").code, 0);
    assert_eq!(two.expect("answered").code, 0);
}

#[tokio::test]
async fn a_lost_connection_is_an_uncertain_end_and_the_next_call_opens_another() {
    let rig = rig(|_| {}).await;
    let request = Request::new(1);
    let drops = async {
        let (mut stream, _) = rig.listener.accept().await.expect("a client");
        read_frame(&mut stream).await;
    };
    let (lost, ()) = tokio::join!(rig.link.call(&request, Patience::UntilDeadline), drops);
    let lost = lost.expect_err("no answer came");
    assert!(matches!(lost, Error::ConnectionLost { .. }) && lost.may_have_happened(), "{lost}");
    let answers = async {
        let (mut stream, _) = rig.listener.accept().await.expect("a client again");
        let frame = read_frame(&mut stream).await;
        answer(&mut stream, frame.opaque).await;
        stream
    };
    let (again, _stream) = tokio::join!(rig.link.call(&request, Patience::UntilDeadline), answers);
    again.expect("answered");
}

#[tokio::test]
async fn a_server_that_says_nothing_costs_one_time_out_and_its_connection() {
    let rig = rig(|_| {}).await;
    let request = Request::new(1);
    let silent = async { rig.listener.accept().await.expect("a client") };
    let (late, (mut stream, _)) = tokio::join!(rig.link.call(&request, Patience::UntilDeadline), silent);
    assert!(matches!(late, Err(Error::TimedOut { .. })), "{late:?}");
    read_frame(&mut stream).await;
    assert_eq!(stream.read(&mut [0]).await.expect("closed politely"), 0, "the silent connection was kept");
}

#[tokio::test]
async fn nobody_listening_is_a_certain_failure_within_the_time_out() {
    let rig = rig(|_| {}).await;
    let Rig { link, listener, stop: _stop } = rig;
    drop(listener);
    let begun = Instant::now();
    let error = link.call(&Request::new(1), Patience::UntilDeadline).await.expect_err("nobody is there");
    assert!(matches!(error, Error::Unreachable { .. }) && !error.may_have_happened(), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
    assert!(begun.elapsed() < 5 * TIMEOUT, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn one_attempt_does_not_wait_for_somebody_to_listen() {
    let rig = rig(|config| config.request_timeout = 30 * TIMEOUT).await;
    let Rig { link, listener, stop: _stop } = rig;
    drop(listener);
    let begun = Instant::now();
    link.call(&Request::new(1), Patience::OneAttempt).await.expect_err("nobody is there");
    assert!(begun.elapsed() < 15 * TIMEOUT, "one attempt took {:?}", begun.elapsed());
}

#[tokio::test]
async fn more_requests_than_allowed_wait_for_their_turn_and_then_say_that_nothing_was_sent() {
    let rig = rig(|config| config.in_flight_max = 1).await;
    let (first, second) = (Request::new(1), Request::new(2));
    let server = async {
        let (mut stream, _) = rig.listener.accept().await.expect("a client");
        read_frame(&mut stream).await;
        let more = timeout(Duration::from_millis(100), stream.read(&mut [0; 1])).await;
        assert!(more.is_err(), "a second request was sent");
        stream
    };
    let longer = 2 * TIMEOUT;
    let (first, second, _stream) = tokio::join!(
        rig.link.call_within(&first, Patience::UntilDeadline, longer),
        rig.link.call(&second, Patience::UntilDeadline),
        server
    );
    assert!(matches!(first, Err(Error::TimedOut { .. })), "{first:?}");
    assert!(matches!(second, Err(Error::Overloaded { .. })), "{second:?}");
}

#[tokio::test]
async fn a_frame_that_is_too_large_ends_the_connection_and_not_the_process() {
    let rig = rig(|config| config.frame_bytes_max = 1000).await;
    let request = Request::new(1);
    let server = async {
        let (mut stream, _) = rig.listener.accept().await.expect("a client");
        read_frame(&mut stream).await;
        stream.write_all(&[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]).await.expect("writable");
        assert_eq!(stream.read(&mut [0]).await.expect("closed"), 0);
    };
    let (lost, ()) = tokio::join!(rig.link.call(&request, Patience::UntilDeadline), server);
    assert!(matches!(lost, Err(Error::ConnectionLost { .. })), "{lost:?}");
}

#[tokio::test]
async fn a_stopped_link_closes_its_connection_and_wakes_who_waits() {
    let rig = rig(|config| config.request_timeout = Duration::from_secs(30)).await;
    let request = Request::new(1);
    let server = async {
        let (mut stream, _) = rig.listener.accept().await.expect("a client");
        read_frame(&mut stream).await;
        rig.stop.cancel();
        assert_eq!(stream.read(&mut [0]).await.expect("closed"), 0);
    };
    let (ended, ()) = tokio::join!(rig.link.call(&request, Patience::UntilDeadline), server);
    assert!(ended.is_err());
    let after = rig.link.call(&request, Patience::UntilDeadline).await.expect_err("closed");
    assert!(matches!(after, Error::Closed), "{after}");
}
