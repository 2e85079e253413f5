//! An examination as people see it: a line as each step is done, and below it what they need to mend it.

use crate::cli::failure::Failure;
use crate::cli::grid::Tint;
use crate::cli::output::{Out, plain};
use crate::doctor::{Step, Verdict};
use crate::text::{counted, roughly};
use crate::witness::{Came, Exchange};

/// Room for the longest word of each column.
const VERDICT: usize = 9;
const TOPIC: usize = 14;

/// Prints steps as they come.
pub(super) struct Printer<'a> {
    out: &'a mut Out,
    verbose: bool,
    connection: Option<String>,
    failed: Option<std::io::Error>,
}

impl<'a> Printer<'a> {
    pub(super) fn new(out: &'a mut Out, verbose: bool) -> Printer<'a> {
        Printer { out, verbose, connection: None, failed: None }
    }

    /// A failure to print is kept: the examination goes on, for its exit code.
    pub(super) fn step(&mut self, step: &Step) {
        if self.failed.is_none() {
            self.failed = self.print(step).err();
        }
    }

    fn print(&mut self, step: &Step) -> std::io::Result<()> {
        if self.connection.as_deref() != Some(&step.connection) {
            if self.connection.is_some() {
                self.out.line("")?;
            }
            self.out.line(format!("connection `{}`", plain(&step.connection)))?;
            self.connection = Some(step.connection.clone());
        }
        let (tint, word, told) = match step.verdict {
            Verdict::Fine => (Tint::Green, "fine", self.verbose),
            Verdict::Doubt => (Tint::Yellow, "doubt", true),
            Verdict::Fault(_) => (Tint::Red, "FAULT", true),
            Verdict::NotTried => (Tint::None, "-", false),
        };
        let word = format!("{word:<VERDICT$}");
        let subject = step.subject.as_ref().map(|subject| format!("{}: ", plain(subject))).unwrap_or_default();
        let took = step.took.map(|took| format!(" ({})", roughly(took))).unwrap_or_default();
        let topic = step.topic.as_str().replace('_', " ");
        self.out.line(format!("  {}{topic:<TOPIC$}{subject}{}{took}", tint.paint(&word), plain(&step.found)))?;
        if told {
            if let Some(exchange) = &step.exchange {
                self.exchange(exchange)?;
            }
            self.detail("cause", step.cause.as_deref())?;
            self.detail("cure", step.cure.as_deref())?;
        }
        self.out.flush()
    }

    fn exchange(&mut self, exchange: &Exchange) -> std::io::Result<()> {
        self.detail("sent", Some(&exchange.request))?;
        for line in &exchange.sent {
            self.detail("", Some(line))?;
        }
        match &exchange.came {
            Came::Nothing { cause } => self.detail("came", Some(&format!("nothing: {cause}"))),
            Came::Answer(answered) => {
                let kind = answered.content_type.as_deref().unwrap_or("no content type");
                let body = if answered.excerpt.is_empty() { "no body" } else { &answered.excerpt };
                self.detail("came", Some(&format!("{}, {kind}: {body}", answered.status)))
            }
        }
    }

    fn detail(&mut self, name: &str, text: Option<&str>) -> std::io::Result<()> {
        match text {
            Some(text) => self.out.line(format!("  {:VERDICT$}{name:<6}{}", "", plain(text))),
            None => Ok(()),
        }
    }

    /// The last line, which sums up.
    pub(super) fn end(self, steps: &[Step]) -> Result<(), Failure> {
        if let Some(cause) = self.failed {
            return Err(cause.into());
        }
        let count = |wanted: &str| steps.iter().filter(|step| step.verdict.as_str() == wanted).count();
        let (faults, doubts, untried) = (count("fault"), count("doubt"), count("not_tried"));
        let mut parts = vec![counted(steps.len() - untried, "step")];
        parts.push(if faults == 0 { "no fault".to_owned() } else { counted(faults, "fault") });
        if doubts > 0 {
            parts.push(counted(doubts, "doubt"));
        }
        if untried > 0 {
            parts.push(format!("{untried} not tried"));
        }
        self.out.line("")?;
        self.out.line(parts.join(", "))?;
        Ok(())
    }
}
