//! HTTP as bytes: a request as it was written, an answer that may be anything, and a call to the sandbox.
//!
//! Written by hand, because a server library would refuse to send most of what the adversary sends.

use std::io;
use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A request of the daemon.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// With its query, as sent.
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// An answer: what the sandbox said, or what is made up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) framing: Framing,
}

/// How the length of a body is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Framing {
    #[default]
    Length,
    Chunked,
    /// By the end of the connection.
    UntilClosed,
    /// A length that is so much longer than the body.
    TooLong(usize),
    /// A length that is so much shorter.
    TooShort(usize),
}

/// The last part of the path that tells what is asked.
const START: &str = "UiPath.Server.Configuration.OData.StartJobs";

impl Request {
    /// The next request on a connection; none when it was closed. `seen` keeps what came after it.
    pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin), seen: &mut Vec<u8>) -> io::Result<Option<Request>> {
        let head = loop {
            if let Some(end) = seen.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            if stream.read_buf(seen).await? == 0 {
                return Ok(None);
            }
        };
        let text = String::from_utf8_lossy(&seen[..head]).into_owned();
        let mut lines = text.split("\r\n");
        let mut first = lines.next().unwrap_or_default().split(' ');
        let method = first.next().unwrap_or_default().to_owned();
        let target = first.next().unwrap_or_default().to_owned();
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut request = Request { method, target, headers, body: Vec::new() };
        let length: usize = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        while seen.len() < head + 4 + length {
            if stream.read_buf(seen).await? == 0 {
                return Ok(None);
            }
        }
        request.body = seen[head + 4..head + 4 + length].to_vec();
        seen.drain(..head + 4 + length);
        Ok(Some(request))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The query, decoded.
    pub(crate) fn query(&self) -> String {
        let query = self.target.split_once('?').map(|(_, query)| query).unwrap_or_default();
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    }

    /// The folder it stands in, by the number that the daemon knows.
    pub(crate) fn folder(&self) -> Option<i64> {
        self.header("x-uipath-organizationunitid").and_then(|number| number.parse().ok())
    }

    pub(crate) fn is_start(&self) -> bool {
        self.path().ends_with(START)
    }

    /// The Reference of a start.
    pub(crate) fn reference(&self) -> Option<String> {
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        Some(body["startInfo"]["Reference"].as_str()?.to_owned())
    }

    /// All References that a look-up names.
    pub(crate) fn references_asked(&self) -> Vec<String> {
        let query = self.query();
        query
            .match_indices("'p1.")
            .filter_map(|(at, _)| query[at + 1..].split('\'').next())
            .filter(|text| text.len() > 16)
            .map(str::to_owned)
            .collect()
    }

    /// The same with another number of the folder.
    pub(crate) fn in_folder(&self, number: i64) -> Request {
        let mut request = self.clone();
        for (name, value) in &mut request.headers {
            if name == "x-uipath-organizationunitid" {
                *value = number.to_string();
            }
        }
        request
    }

    /// The same without its filter: a server that does not take it.
    pub(crate) fn without_filter(&self) -> Request {
        let mut request = self.clone();
        if let Some((path, query)) = self.target.split_once('?') {
            let kept: Vec<&str> = query
                .split('&')
                .filter(|pair| !pair.starts_with("%24filter") && !pair.starts_with("$filter"))
                .collect();
            request.target = format!("{path}?{}", kept.join("&"));
        }
        request
    }
}

impl Answer {
    pub(crate) fn new(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> Answer {
        let headers = if kind.is_empty() { Vec::new() } else { vec![("Content-Type".to_owned(), kind.to_owned())] };
        Answer { status, headers, body: body.into(), framing: Framing::Length }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Answer {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The same with this header in the place of any of that name.
    pub(crate) fn set(mut self, name: &str, value: impl Into<String>) -> Answer {
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self.with(name, value)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Whether the connection can be used again afterwards.
    pub(crate) fn keeps_alive(&self) -> bool {
        matches!(self.framing, Framing::Length | Framing::Chunked) && self.status >= 200
    }

    /// As it goes over the wire.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let Answer { status, headers, body, framing } = self;
        let mut bytes = format!("HTTP/1.1 {status} {}\r\n", reason(*status)).into_bytes();
        for (name, value) in headers {
            let framed = ["content-length", "transfer-encoding", "connection"];
            if !framed.iter().any(|framed| name.eq_ignore_ascii_case(framed)) {
                bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
            }
        }
        let length = match framing {
            Framing::Length => Some(body.len()),
            Framing::TooLong(more) => Some(body.len() + more),
            Framing::TooShort(less) => Some(body.len().saturating_sub(*less)),
            Framing::Chunked | Framing::UntilClosed => None,
        };
        if let Some(length) = length {
            bytes.extend_from_slice(format!("Content-Length: {length}\r\n").as_bytes());
        }
        match framing {
            Framing::Chunked => {
                bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                for chunk in body.chunks(700) {
                    bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                    bytes.extend_from_slice(chunk);
                    bytes.extend_from_slice(b"\r\n");
                }
                bytes.extend_from_slice(b"0\r\n\r\n");
            }
            Framing::Length | Framing::UntilClosed | Framing::TooLong(_) | Framing::TooShort(_) => {
                if !self.keeps_alive() {
                    bytes.extend_from_slice(b"Connection: close\r\n");
                }
                bytes.extend_from_slice(b"\r\n");
                bytes.extend_from_slice(body);
            }
        }
        bytes
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        302 => "Found",
        403 => "Forbidden",
        404 => "Not Found",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "",
    }
}

/// Has the sandbox do it.
pub(crate) async fn forward(sandbox: SocketAddr, request: &Request) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(sandbox).await?;
    let mut bytes = format!("{} {} HTTP/1.1\r\n", request.method, request.target).into_bytes();
    for (name, value) in &request.headers {
        if !["connection", "content-length", "host", "accept-encoding"].contains(&name.as_str()) {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
    }
    let end = format!("host: {sandbox}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", request.body.len());
    bytes.extend_from_slice(end.as_bytes());
    bytes.extend_from_slice(&request.body);
    stream.write_all(&bytes).await?;
    let mut seen = Vec::new();
    stream.read_to_end(&mut seen).await?;
    let unread = || io::Error::new(io::ErrorKind::InvalidData, "the sandbox does not speak HTTP");
    let head = seen.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(unread)?;
    let text = String::from_utf8_lossy(&seen[..head]).into_owned();
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect();
    let status = status.ok_or_else(unread)?;
    Ok(Answer { status, headers, body: seen[head + 4..].to_vec(), framing: Framing::Length })
}
