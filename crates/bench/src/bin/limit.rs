//! The floor under every figure: a server that only upgrades, reads and writes frames, one send for each message.
//!
//! `limit ADDRESS`. It knows no users: `/fan` is shown to all other connections of `/fan`, `/pair/N` to the other connection of that number,
//! `/echo` comes back. One thread; nothing is allocated for a message but its frame.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bench::frame::{CLOSE, Head, PING, PONG, TEXT, server_frame, unmask};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use ring::digest;

const LISTENER: Token = Token(usize::MAX - 1);
const EVENTS: usize = 1_024;
const SCRATCH_BYTES: usize = 64 * 1_024;
/// What RFC 6455 appends to a client's key.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Whom a connection's messages are for.
#[derive(Clone, Copy, PartialEq)]
enum Room {
    /// It has not asked yet.
    None,
    Fan,
    Pair(u32),
    Echo,
}

struct Connection {
    socket: TcpStream,
    room: Room,
    unread: Vec<u8>,
    unwritten: Vec<u8>,
}

#[derive(Default)]
struct Rooms {
    connections: HashMap<usize, Connection>,
    fan: Vec<usize>,
    pairs: HashMap<u32, Vec<usize>>,
}

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let address = address.parse().map_err(|_| io::Error::other("usage: limit ADDRESS"))?;
    let mut listener = TcpListener::bind(address)?;
    writeln!(io::stdout(), "READY {}", listener.local_addr()?)?;
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let (mut events, mut rooms, mut next) = (Events::with_capacity(EVENTS), Rooms::default(), 0);
    let mut scratch = vec![0; SCRATCH_BYTES];
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            other => other?,
        }
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut socket, _)) = listener.accept() {
                    socket.set_nodelay(true)?;
                    let both = Interest::READABLE | Interest::WRITABLE;
                    poll.registry().register(&mut socket, Token(next), both)?;
                    let connection =
                        Connection { socket, room: Room::None, unread: Vec::new(), unwritten: Vec::new() };
                    rooms.connections.insert(next, connection);
                    next += 1;
                }
                continue;
            }
            let who = event.token().0;
            if event.is_writable() {
                rooms.write(who, &[]);
            }
            if event.is_readable() {
                rooms.read(who, &mut scratch);
            }
        }
    }
}

impl Rooms {
    fn read(&mut self, who: usize, scratch: &mut [u8]) {
        loop {
            let Some(connection) = self.connections.get_mut(&who) else { return };
            let read = match connection.socket.read(scratch) {
                Ok(0) => return self.remove(who),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => return self.remove(who),
            };
            let mut unread = std::mem::take(&mut connection.unread);
            let used = if unread.is_empty() {
                let used = self.understand(who, &mut scratch[..read]);
                unread.extend_from_slice(&scratch[used..read]);
                0
            } else {
                unread.extend_from_slice(&scratch[..read]);
                self.understand(who, &mut unread)
            };
            unread.drain(..used);
            if let Some(connection) = self.connections.get_mut(&who) {
                connection.unread = unread;
            }
            // A read that was not filled has emptied the socket.
            if read < scratch.len() {
                return;
            }
        }
    }

    /// Takes whole frames off the front; how many bytes they were.
    fn understand(&mut self, who: usize, bytes: &mut [u8]) -> usize {
        let mut at = 0;
        if self.connections.get(&who).is_some_and(|connection| connection.room == Room::None) {
            match bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(end) => {
                    at = end + 4;
                    self.upgrade(who, &String::from_utf8_lossy(&bytes[..at]));
                }
                None => return 0,
            }
        }
        while let Some(head) = Head::of(&bytes[at..]) {
            let payload = &mut bytes[at + head.payload_at..at + head.end];
            at += head.end;
            if let Some(mask) = head.mask {
                unmask(payload, mask);
            }
            match head.opcode {
                TEXT => self.pass_on(who, &server_frame(TEXT, payload)),
                PING => self.write(who, &server_frame(PONG, payload)),
                CLOSE => self.remove(who),
                _ => {}
            }
        }
        at
    }

    fn upgrade(&mut self, who: usize, request: &str) {
        let path = request.split(' ').nth(1).unwrap_or_default();
        let room = match path.trim_start_matches('/').split_once('/') {
            Some(("pair", number)) => Room::Pair(number.parse().unwrap_or_default()),
            _ if path == "/echo" => Room::Echo,
            _ => Room::Fan,
        };
        let named = request.lines().filter_map(|line| line.split_once(':'));
        let key = named.filter(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"));
        let key = key.map(|(_, key)| key.trim()).next().unwrap_or_default();
        let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, format!("{key}{GUID}").as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n\r\n",
            STANDARD.encode(hash)
        );
        match room {
            Room::Fan => self.fan.push(who),
            Room::Pair(number) => self.pairs.entry(number).or_default().push(who),
            Room::Echo | Room::None => {}
        }
        if let Some(connection) = self.connections.get_mut(&who) {
            connection.room = room;
        }
        self.write(who, answer.as_bytes());
    }

    fn pass_on(&mut self, who: usize, frame: &[u8]) {
        let Some(connection) = self.connections.get(&who) else { return };
        match connection.room {
            Room::Echo => self.write(who, frame),
            Room::Pair(number) => {
                let both = self.pairs.get(&number);
                let other = both.and_then(|both| both.iter().find(|other| **other != who)).copied();
                other.into_iter().for_each(|other| self.write(other, frame));
            }
            Room::Fan => {
                for idx in 0..self.fan.len() {
                    if self.fan[idx] != who {
                        self.write(self.fan[idx], frame);
                    }
                }
            }
            Room::None => {}
        }
    }

    /// Sends, after what the socket has not taken yet; keeps what it does not take now.
    fn write(&mut self, who: usize, bytes: &[u8]) {
        let Some(connection) = self.connections.get_mut(&who) else { return };
        if !connection.unwritten.is_empty() {
            connection.unwritten.extend_from_slice(bytes);
            let taken = connection.socket.write(&connection.unwritten).unwrap_or_default();
            connection.unwritten.drain(..taken);
        } else if !bytes.is_empty() {
            let taken = connection.socket.write(bytes).unwrap_or_default();
            connection.unwritten.extend_from_slice(&bytes[taken..]);
        }
    }

    fn remove(&mut self, who: usize) {
        let Some(connection) = self.connections.remove(&who) else { return };
        self.fan.retain(|other| *other != who);
        if let Room::Pair(number) = connection.room
            && let Some(both) = self.pairs.get_mut(&number)
        {
            both.retain(|other| *other != who);
        }
    }
}
