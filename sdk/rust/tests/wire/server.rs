//! A small HTTP server that answers by a script and keeps what it was asked.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A request as it came in.
#[derive(Clone, Debug)]
pub struct Seen {
    pub line: String,
    pub head: String,
    pub body: String,
    pub at: Instant,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// What the server does with a request.
#[derive(Clone)]
pub enum Reply {
    /// Answers.
    Answer {
        status: u16,
        headers: String,
        body: String,
    },
    /// Closes the connection.
    HangUp,
    /// Says nothing for this long, and closes the connection.
    Silence(Duration),
    /// Says nothing for this long, and then does the other thing.
    Late(Duration, Box<Reply>),
}

/// An answer with a JSON body.
pub fn json(status: u16, body: &str) -> Reply {
    with_headers(status, "", body)
}

/// The same with more headers, each ended by a line break.
pub fn with_headers(status: u16, headers: &str, body: &str) -> Reply {
    Reply::Answer {
        status,
        headers: headers.to_owned(),
        body: body.to_owned(),
    }
}

/// A server on a free port. Where its script has run out it answers 500.
pub struct Server {
    pub url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    script: Arc<Mutex<VecDeque<Reply>>>,
}

impl Server {
    pub fn start(script: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            seen: Arc::default(),
            script: Arc::new(Mutex::new(script.into_iter().collect())),
        };
        let (seen, script) = (Arc::clone(&server.seen), Arc::clone(&server.script));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, script) = (Arc::clone(&seen), Arc::clone(&script));
                std::thread::spawn(move || serve(&stream, &seen, &script));
            }
        });
        server
    }

    pub fn push(&self, reply: Reply) {
        self.script.lock().unwrap().push_back(reply);
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }

    /// Waits for a number of requests, 10 seconds at most.
    pub fn wait_for(&self, count: usize) {
        let began = Instant::now();
        while self.seen.lock().unwrap().len() < count {
            assert!(
                began.elapsed() < Duration::from_secs(10),
                "{:?}",
                self.lines()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn serve(stream: &TcpStream, seen: &Mutex<Vec<Seen>>, script: &Mutex<VecDeque<Reply>>) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader) {
        seen.lock().unwrap().push(request);
        let reply = script.lock().unwrap().pop_front();
        let mut reply = reply.unwrap_or_else(|| json(500, r#"{"code":"script_ended"}"#));
        while let Reply::Late(time, then) = reply {
            std::thread::sleep(time);
            reply = *then;
        }
        match reply {
            Reply::HangUp | Reply::Late(..) => return,
            Reply::Silence(time) => {
                std::thread::sleep(time);
                return;
            }
            Reply::Answer {
                status,
                headers,
                body,
            } => {
                let text = format!(
                    "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n{headers}\r\n{body}",
                    body.len()
                );
                let mut stream = stream;
                if stream.write_all(text.as_bytes()).is_err() {
                    return;
                }
            }
        }
    }
}

fn read(reader: &mut BufReader<&TcpStream>) -> Option<Seen> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let mut head = String::new();
    let mut length = 0;
    loop {
        let mut field = String::new();
        reader.read_line(&mut field).ok()?;
        if field.trim().is_empty() {
            break;
        }
        if let Some(value) = field.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        head.push_str(&field);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Seen {
        line: line.trim().trim_end_matches(" HTTP/1.1").to_owned(),
        head,
        body: String::from_utf8(body).ok()?,
        at: Instant::now(),
    })
}
