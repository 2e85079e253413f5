//! How a credential stands when no process keeps it fresh: what its secrets and its token file say.
//!
//! Reads only, asks nobody, takes no lock. `starting` means here: nothing is wrong as far as files tell, and whoever needs a
//! token asks for one.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::access_file::{AccessKey, family_of};
use super::core::Class;
use super::credential::Credential;
use super::margins::life;
use super::secrets::Secrets;
use super::standing::{Block, Held, Phase, Standing};
use super::status::{Generation, TokenStatus};
use super::token_file::{Stored, TokenFile};
use super::trouble::{Before, Trouble};
use super::view::View;
use crate::clock::{Clock, Reading};
use crate::grant::Asking;

/// The status that the files tell. Blocks for as long as a disk does.
pub fn at_rest(credential: &Credential, tokens_dir: &Path, clock: &Clock) -> TokenStatus {
    let now = clock.read();
    let mut view = View {
        credential: Arc::new(credential.clone()),
        standing: Standing {
            held: None,
            phase: Phase::Resting { at: now.boot },
            refused: None,
            broken_until: None,
            refreshes_ok: 0,
            refreshes_failed: 0,
            found: 0,
        },
        token: None,
        failure: None,
        refresh_token_at: None,
        lock_wait: None,
        skew: None,
    };
    match read(credential, tokens_dir) {
        Ok(Found::Nothing) => {}
        Ok(Found::Personal) => {
            let life = life(now.boot, super::margins::LONGEST_LIFE, 0.0);
            view.standing.held = Some(Held { generation: Generation(0), life });
        }
        Ok(Found::File { stored, key }) => {
            view.refresh_token_at = stored.obtained_at;
            view.standing.held = held(&stored, &key, now, clock.boot_id().as_deref());
        }
        Err(trouble) => {
            view.standing.phase = blocked(&trouble, now.boot);
            view.failure = Some(Arc::new(trouble.explain(credential, Before::Answered)));
        }
    }
    // Nobody is there to try.
    TokenStatus { next_try_at: None, ..view.status(now) }
}

enum Found {
    Nothing,
    /// A personal token, which is the access token.
    Personal,
    File {
        stored: Box<Stored>,
        key: AccessKey,
    },
}

fn read(credential: &Credential, tokens_dir: &Path) -> Result<Found, Trouble> {
    let secrets = Secrets::read(credential, tokens_dir, None)?;
    let (Some(family), Some(key)) = (family_of(credential, &secrets), AccessKey::of(credential, &secrets)) else {
        return Ok(match credential.grant.facts().asking {
            Asking::Nobody => Found::Personal,
            Asking::Free | Asking::UsesUp | Asking::MayLock => Found::Nothing,
        });
    };
    let file = TokenFile::new(tokens_dir, family.clone());
    let stored = file.peek().map_err(|cause| Trouble::TokenFile { reason: cause.to_string() })?;
    let Some(stored) = stored else { return Ok(Found::Nothing) };
    let current = stored.refresh_token.as_ref().unwrap_or(&secrets.main);
    // A user key is tried again; only a token that works once is not.
    let one_use = stored.refresh_token.is_some() || credential.grant.facts().asking == Asking::UsesUp;
    if one_use && stored.refused.as_ref() == Some(&family.name(current)) {
        return Err(Trouble::Spent);
    }
    Ok(Found::File { stored: Box::new(stored), key })
}

fn held(stored: &Stored, key: &AccessKey, now: Reading, boot_id: Option<&str>) -> Option<Held> {
    let access = stored.access.as_ref().filter(|access| access.key == *key)?;
    let aged = access.aged(now, boot_id)?;
    let life = life(aged.issued, aged.length, 0.0);
    (now.boot < life.hard).then_some(Held { generation: Generation(stored.generation), life })
}

fn blocked(trouble: &Trouble, boot: Duration) -> Phase {
    match trouble.class() {
        Class::NeedsLogin => Phase::Blocked { why: Block::NeedsLogin, look_at: boot, at: None },
        Class::BadClient | Class::BadKey | Class::SameToken => {
            Phase::Blocked { why: Block::BadClient, look_at: boot, at: None }
        }
        Class::Transient { .. } | Class::Ambiguous => Phase::Retrying { at: boot },
    }
}
