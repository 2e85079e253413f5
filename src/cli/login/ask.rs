//! Asks for a secret at the terminal without showing it.
//!
//! Read letter by letter, not by line: the kernel's line would end at 4095 bytes, which long tokens exceed, and Ctrl-C would
//! end the program with the echo still off.

use std::io::{self, IsTerminal, Read, Write};

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use secrecy::zeroize::Zeroizing;

use super::super::failure::{Exit, Failure};
use crate::secret::Secret;

/// Far above any token.
const LONGEST: usize = 64 * 1024;

const CTRL_C: u8 = 0x03;
const CTRL_D: u8 = 0x04;
const CTRL_U: u8 = 0x15;
const BACKSPACE: u8 = 0x08;
const DELETE: u8 = 0x7f;

/// Puts the terminal back as it was.
struct Quiet(Termios);

impl Quiet {
    fn begin() -> rustix::io::Result<Quiet> {
        let before = tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG | LocalModes::IEXTEN);
        quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(io::stdin(), OptionalActions::Flush, &quiet)?;
        Ok(Quiet(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that is gone.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

/// Asks, and gives what was typed up to the end of the line.
pub(super) fn hidden(prompt: &str) -> Result<Secret, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::new(Exit::Usage, "there is no terminal at which to ask for the secret")
            .hint("pipe it in with `--stdin`, such as `punctual login NAME --stdin < file`"));
    }
    let failed = |cause: io::Error| Failure::new(Exit::Usage, format!("failed to ask at the terminal: {cause}"));
    let quiet = Quiet::begin().map_err(|errno| failed(errno.into()))?;
    let mut err = io::stderr().lock();
    write!(err, "{prompt}").and_then(|()| err.flush()).map_err(failed)?;
    let typed = read_line();
    drop(quiet);
    let _ = writeln!(err);
    match typed.map_err(failed)? {
        Some(bytes) => {
            let text =
                std::str::from_utf8(&bytes).map_err(|_| Failure::new(Exit::Usage, "what was typed is not text"))?;
            Ok(Secret::new(text.trim()))
        }
        None => Err(Failure::new(Exit::Usage, "nothing was given, and nothing was changed")),
    }
}

/// None: given up.
fn read_line() -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut typed = Zeroizing::new(Vec::with_capacity(LONGEST));
    // Unbuffered: std's own buffer would keep a copy.
    let mut terminal = std::fs::File::open("/dev/stdin")?;
    let mut letter = [0_u8; 1];
    loop {
        if terminal.read(&mut letter)? == 0 {
            return Ok(None);
        }
        match letter[0] {
            b'\n' | b'\r' => return Ok(Some(typed)),
            CTRL_C => return Ok(None),
            CTRL_D if typed.is_empty() => return Ok(None),
            CTRL_D => return Ok(Some(typed)),
            CTRL_U => typed.clear(),
            BACKSPACE | DELETE => {
                // A letter of several bytes goes whole.
                while typed.pop().is_some_and(|byte| byte & 0xC0 == 0x80) {}
            }
            byte if typed.len() < LONGEST => typed.push(byte),
            _ => {}
        }
    }
}
