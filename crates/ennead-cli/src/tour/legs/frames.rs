//! Messages on a stream of bytes: a 32-bit little-endian length before each.

use std::io::{Read, Write};

use crate::tour::line::{BULK, Line, LineError};
use crate::tour::protocol::LONGEST_MESSAGE;

/// A line over any two streams. What has been read ahead is given to whoever reads next, message or file.
pub struct Frames<R, W> {
    input: std::io::BufReader<R>,
    output: W,
    frame: Vec<u8>,
}

impl<R: Read, W: Write> Frames<R, W> {
    /// Begins one.
    pub fn new(input: R, output: W) -> Frames<R, W> {
        Frames { input: std::io::BufReader::with_capacity(64 * 1024, input), output, frame: Vec::new() }
    }
}

impl<R: Read, W: Write> Line for Frames<R, W> {
    fn send(&mut self, message: &[u8]) -> Result<(), LineError> {
        let length = u32::try_from(message.len()).ok().filter(|_| message.len() <= LONGEST_MESSAGE);
        let length = length.ok_or_else(|| LineError::new("the message is too long to send"))?;
        self.frame.clear();
        self.frame.extend(length.to_le_bytes());
        self.frame.extend(message);
        self.output.write_all(&self.frame)?;
        Ok(self.output.flush()?)
    }

    fn receive(&mut self, message: &mut Vec<u8>) -> Result<(), LineError> {
        let mut length = [0; 4];
        self.input.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > LONGEST_MESSAGE {
            return Err(LineError::new(format!(
                "the peer announced a message of {length} bytes, and at most {LONGEST_MESSAGE} were agreed"
            )));
        }
        message.resize(length, 0);
        Ok(self.input.read_exact(message)?)
    }

    fn send_bulk(&mut self, source: &mut dyn Read, length: u64) -> Result<(), LineError> {
        send_pieces(source, length, &mut |piece| Ok(self.output.write_all(piece)?))?;
        Ok(self.output.flush()?)
    }

    fn receive_bulk(&mut self, length: u64, sink: &mut dyn FnMut(&[u8])) -> Result<(), LineError> {
        receive_pieces(length, sink, &mut |room| Ok(self.input.read(room)?))
    }
}

/// Reads a file's stream piece by piece, and says when the file has become shorter.
pub fn send_pieces(
    source: &mut dyn Read,
    length: u64,
    send: &mut dyn FnMut(&[u8]) -> Result<(), LineError>,
) -> Result<(), LineError> {
    let mut buffer = vec![0; BULK];
    let mut left = length;
    while left > 0 {
        let room = usize::try_from(left).unwrap_or(usize::MAX).min(BULK);
        let bytes = match source.read(&mut buffer[..room]) {
            Ok(0) => {
                return Err(LineError::new(format!(
                    "the file ended {left} bytes early: did it change meanwhile?"
                )));
            }
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(LineError::new(format!("the file cannot be read: {error}"))),
        };
        send(&buffer[..bytes])?;
        left -= bytes as u64;
    }
    Ok(())
}

/// Receives a file's stream piece by piece.
pub fn receive_pieces(
    length: u64,
    sink: &mut dyn FnMut(&[u8]),
    receive: &mut dyn FnMut(&mut [u8]) -> Result<usize, LineError>,
) -> Result<(), LineError> {
    let mut buffer = vec![0; BULK];
    let mut left = length;
    while left > 0 {
        let room = usize::try_from(left).unwrap_or(usize::MAX).min(BULK);
        let bytes = receive(&mut buffer[..room])?;
        if bytes == 0 {
            let reason = format!("the stream ended {left} bytes before the file did");
            return Err(LineError { reason, peer_gone: true });
        }
        sink(&buffer[..bytes]);
        left -= bytes as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_that_announces_too_much_is_refused_unread() {
        let mut line = Frames::new(&[255u8, 255, 255, 255, 1][..], Vec::new());
        let error = line.receive(&mut Vec::new()).unwrap_err();
        assert!(error.reason.contains("4294967295") && !error.peer_gone, "{error}");
    }

    #[test]
    fn an_early_end_is_the_peers() {
        let mut line = Frames::new(&[5u8, 0, 0, 0, b'a'][..], Vec::new());
        assert!(line.receive(&mut Vec::new()).unwrap_err().peer_gone);
        let mut line = Frames::new(&[1u8, 2][..], Vec::new());
        let mut got: Vec<u8> = Vec::new();
        assert!(line.receive_bulk(3, &mut |piece| got.extend(piece)).unwrap_err().peer_gone);
        assert_eq!(got, [1, 2]);
        let mut line = Frames::new(&[][..], Vec::new());
        assert!(line.send_bulk(&mut &[1u8][..], 2).unwrap_err().reason.contains("1 bytes early"));
    }

    #[test]
    fn messages_and_a_stream_share_one_line() {
        let mut there = Frames::new(&[][..], Vec::new());
        there.send(b"head").unwrap();
        there.send_bulk(&mut &b"stream"[..], 6).unwrap();
        there.send(b"").unwrap();
        let mut here = Frames::new(there.output.as_slice(), Vec::new());
        let (mut message, mut stream): (Vec<u8>, Vec<u8>) = (Vec::new(), Vec::new());
        here.receive(&mut message).unwrap();
        here.receive_bulk(6, &mut |piece| stream.extend(piece)).unwrap();
        assert_eq!((message.as_slice(), stream.as_slice()), (&b"head"[..], &b"stream"[..]));
        here.receive(&mut message).unwrap();
        assert!(message.is_empty());
    }
}
