//! Files that cannot be written or should not be read: a full disk, permissions, network file systems.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use punctual::auth::private_file::{FileError, ensure_folder};
use punctual::auth::{Generation, TokenState};
use punctual::durable::network_file_system_of;
use punctual::secret::{Purpose, SecretError, SecretRef};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::server::{House, Said, Seen, when};
use crate::{one_use, secs, text_of, valid};

/// A refresh token is given while its save cannot succeed; later it can.
async fn saved_in_the_end(house: House, heal: impl FnOnce(&House)) {
    let manager = house.manager(house.identity());
    let unsaved = when(&manager, |status| status.state == TokenState::Unsaved).await;
    assert_eq!(unsaved.last_error_code.as_deref(), Some("unsaved"));
    assert_eq!(text_of(&manager).await, "at-1", "it serves all the same");
    for _ in 0..5 {
        let before = manager.status();
        house.hand.advance(secs(1));
        when(&manager, |status| status.next_try_at != before.next_try_at && status.next_try_at.is_some()).await;
    }
    assert_eq!(manager.status().state, TokenState::Unsaved);
    assert_eq!(house.server.count(), 1);
    heal(&house);
    house.hand.advance(secs(1));
    valid(&manager).await;
    assert_eq!(house.stored("refresh-0").refresh_token.unwrap().expose(), "refresh-1");
    house.hand.advance(secs(3_600));
    when(&manager, |status| status.generation == Some(Generation(2))).await;
    assert_eq!(house.server.seen()[1].field("refresh_token").unwrap(), "refresh-1");
}

#[tokio::test]
async fn a_login_whose_file_cannot_be_replaced_is_saved_when_it_can() {
    let house = House::new(one_use("refresh-0")).await;
    let path = house.token_file("refresh-0").path().to_owned();
    let (mut inner, blocked) = (one_use("refresh-0"), path.clone());
    house.server.answer_with(move |number, seen| {
        if number == 1 {
            // A folder cannot be replaced by a file.
            std::fs::rename(&blocked, blocked.with_extension("aside")).unwrap();
            std::fs::create_dir(&blocked).unwrap();
        }
        inner(number, seen)
    });
    saved_in_the_end(house, |_| {
        std::fs::remove_dir(&path).unwrap();
        std::fs::rename(path.with_extension("aside"), &path).unwrap();
    })
    .await;
}

fn limit_files(bytes: Option<u64>) {
    let Rlimit { maximum, .. } = getrlimit(Resource::Fsize);
    setrlimit(Resource::Fsize, Rlimit { current: bytes, maximum }).unwrap();
}

/// The limit is the whole process's, so this test is a process of its own: it runs itself once more.
#[tokio::test]
async fn a_login_that_does_not_fit_on_the_disk_is_saved_when_there_is_room() {
    const NAME: &str = "disk::a_login_that_does_not_fit_on_the_disk_is_saved_when_there_is_room";
    if std::env::var_os("PUNCTUAL_TEST_CHILD").is_none() {
        // Without the trap, the first byte too many ends the process instead of failing to be written.
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; exec \"$0\" --exact \"$1\""]).arg(std::env::current_exe().unwrap());
        let output = command.arg(NAME).env("PUNCTUAL_TEST_CHILD", "1").output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let house = House::new(one_use("refresh-0")).await;
    let mut inner = one_use("refresh-0");
    house.server.answer_with(move |number, seen| {
        if number == 1 {
            limit_files(Some(100));
        }
        inner(number, seen)
    });
    saved_in_the_end(house, |house| {
        let old = house.token_file("refresh-0").peek().unwrap().unwrap();
        assert!(old.refresh_token.is_none() && old.pending.is_some(), "the old file is whole");
        limit_files(None);
    })
    .await;
}

#[test]
fn folders_on_network_file_systems_are_refused_by_their_name() {
    let refused = [(0x6969, "NFS"), (0xFF53_4D42, "CIFS"), (0xFE53_4D42, "SMB"), (0x00C3_6400, "Ceph")];
    // The state folder was refused there before; what is in it is no safer.
    let also = [(0x5346_414F, "AFS"), (0x6573_5546, "FUSE"), (0x0102_1997, "9p")];
    for (number, name) in refused.into_iter().chain(also) {
        assert_eq!(network_file_system_of(number), Some(name));
        // As a signed 32-bit number, which some machines have.
        assert_eq!(network_file_system_of(i64::from((number as u32).cast_signed())), Some(name));
    }
    // ext4, btrfs, xfs, tmpfs, overlay, zfs
    for number in [0xEF53, 0x9123_683E, 0x5846_5342, 0x0102_1994, 0x794C_7630, 0x2FC1_2FC1] {
        assert_eq!(network_file_system_of(number), None);
    }
    let refused = FileError::Network { path: PathBuf::from("/mnt/tokens"), system: "NFS" };
    insta::assert_snapshot!(refused, @"`/mnt/tokens` lies on a network file system (NFS), where a lock or a flush may not hold; choose a state folder on a local disk");
}

fn secret(path: &Path, mode: u32, group: Option<u32>) -> Result<String, SecretError> {
    std::fs::write(path, "secret-1\n").unwrap();
    std::os::unix::fs::chown(path, None, group).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    SecretRef::File(path.to_owned()).read(Purpose::ClientSecret).map(|secret| secret.expose().to_owned())
}

#[test]
fn a_secret_file_may_be_read_by_the_service_s_own_group_and_by_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    for mode in [0o400, 0o600, 0o440, 0o640] {
        assert_eq!(secret(&path, mode, None).unwrap(), "secret-1", "{mode:o}");
    }
    for mode in [0o620, 0o660, 0o604, 0o602, 0o666, 0o644] {
        let refused = secret(&path, mode, None).unwrap_err();
        assert!(matches!(refused, SecretError::Open { .. }), "{mode:o}: {refused}");
    }
    let ours = rustix::process::geteuid();
    if !ours.is_root() {
        // Only root can give a file away.
        return;
    }
    let stranger = 54_321;
    assert_eq!(secret(&path, 0o600, Some(stranger)).unwrap(), "secret-1", "the group may not read it");
    let refused = secret(&path, 0o640, Some(stranger)).unwrap_err().to_string();
    let shown = |text: String| text.replace(&folder.path().display().to_string(), "/etc");
    insta::assert_snapshot!(shown(refused), @"the secret in `/etc/secret` can be read by group 54321, which this service does not belong to; run `chmod 600 /etc/secret`");
    secret(&path, 0o600, Some(0)).unwrap();
    std::os::unix::fs::chown(&path, Some(stranger), None).unwrap();
    let refused = SecretRef::File(path.clone()).read(Purpose::ClientSecret).unwrap_err().to_string();
    insta::assert_snapshot!(shown(refused), @"the secret in `/etc/secret` belongs to user 54321, neither user 0, who asks, nor root; if it is for a service that runs as a user of its own, leave it and ask as that user; if for one that runs as root, run `chown root /etc/secret`");
    // The folder of tokens, too.
    let tokens = folder.path().join("tokens");
    ensure_folder(&tokens).unwrap();
    std::os::unix::fs::chown(&tokens, Some(stranger), None).unwrap();
    assert!(matches!(ensure_folder(&tokens), Err(FileError::Owner { owner: 54_321, .. })));
    assert_eq!(std::fs::metadata(&tokens).unwrap().uid(), stranger);
}

#[test]
fn a_secret_may_be_a_link_and_never_a_pipe_or_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    secret(&path, 0o600, None).unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert_eq!(SecretRef::File(link).read(Purpose::ClientSecret).unwrap().expose(), "secret-1");
    let pipe = folder.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    for odd in [pipe, folder.path().to_owned()] {
        assert!(matches!(SecretRef::File(odd).read(Purpose::ClientSecret), Err(SecretError::Odd { .. })));
    }
}

#[tokio::test]
async fn a_damaged_file_stops_a_one_use_login_and_nothing_else() {
    for (grant, stops) in [(0, true), (1, false), (2, false)] {
        let house = House::new(|number, _: &Seen| Said::token(&format!("at-{number}"))).await;
        let grant = [house.identity(), house.account(), house.client_credentials()][grant].clone();
        let manager = house.manager(grant.clone());
        valid(&manager).await;
        manager.stop().await;
        let file = std::fs::read_dir(house.tokens()).unwrap().map(|entry| entry.unwrap().path());
        let file = file.into_iter().find(|path| path.extension().is_some_and(|end| end == "token")).unwrap();
        let whole = std::fs::read(&file).unwrap();
        std::fs::write(&file, &whole[..whole.len() - 5]).unwrap();
        let manager = house.manager(grant);
        let status = when(&manager, |status| status.refreshes_ok + status.refreshes_failed == 1).await;
        if stops {
            assert_eq!(status.last_error_code.as_deref(), Some("token_file_damaged"));
            assert_eq!(house.server.count(), 1);
        } else {
            assert_eq!(text_of(&manager).await, "at-2");
        }
    }
}
