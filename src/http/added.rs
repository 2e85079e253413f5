//! What is said of a server whose issuer is missing in the file of `tls.ca`.
//!
//! A file that is there, is read and holds a good certificate is the last thing that a person doubts. So the text names both
//! sides, who signed the server's certificate and whose certificates are in the file, and gives the command that shows each.

use super::authorities::Authorities;
use super::certificate::Certificate;
use super::fragments::{Trouble, trouble};
use crate::text;
use crate::witness::masked;

/// How many certificates of the file are named.
const MOST_NAMED: usize = 3;

/// The file of `tls.ca`, for texts.
#[derive(Debug)]
pub(super) struct Added {
    file: String,
    /// As a shell takes it.
    quoted: String,
    subjects: Vec<String>,
}

impl Added {
    pub(super) fn of(authorities: &Authorities) -> Added {
        Added {
            file: masked(&authorities.file().display().to_string(), &[]),
            quoted: authorities.quoted(),
            subjects: authorities.subjects(),
        }
    }

    fn named(&self) -> String {
        text::listed(&self.subjects, MOST_NAMED)
    }

    /// Who does not trust a certificate that signed itself.
    pub(super) fn and_machine(&self) -> String {
        format!("`tls.ca` (`{}`) does not include it, but {}, so this machine", self.file, self.named())
    }

    /// The server's certificate is by an authority that is not in the file.
    pub(super) fn without(&self, server: &str, issuer: &str, chain: &[Certificate]) -> Trouble {
        // Any of the chain would do; its last issuer is the one whose certificate people have.
        let last = chain.last().map(|one| one.issuer.as_str()).filter(|last| *last != issuer);
        let or_last = last.map(|last| format!(" or `{last}`")).unwrap_or_default();
        let ends = last.map(|last| format!(", nor `{last}`, by which its chain ends")).unwrap_or_default();
        let alone = if chain.len() == 1 { "; the server sent no other one" } else { "" };
        let found = format!(
            "the certificate is by `{issuer}`, and `tls.ca` (`{}`) does not include that authority{ends}, but {}{alone}",
            self.file,
            self.named()
        );
        let show = format!(
            "`openssl s_client -connect {server} -showcerts </dev/null` shows by whom each is (`i:`), and `openssl crl2pkcs7 -nocrl \
             -certfile {} | openssl pkcs7 -print_certs -noout` what is in the file",
            self.quoted
        );
        match chain {
            [_] => trouble(
                found,
                "the server does not send its intermediate certificate, or the file is of another authority than the server's",
                format!(
                    "have the server send its full chain, or write the certificate of `{issuer}` into the file; {show}"
                ),
            ),
            _ => trouble(
                found,
                "the file is of another authority than the server's",
                format!("write the certificate of `{issuer}`{or_last} into the file; {show}"),
            ),
        }
    }
}
