//! Files that people name as `tls.ca`, and the command for each that is no list of certificates.

use std::path::Path;

use punctual::http::{Authorities, Unusable};

use crate::server::sh;

/// The command in backticks that the cure gives.
fn command(cure: &str) -> &str {
    cure.split('`').find(|part| part.starts_with("openssl ")).unwrap_or_else(|| panic!("no command: {cure}"))
}

fn unusable(path: &Path) -> Unusable {
    Authorities::read(path).expect_err("it was taken")
}

#[test]
fn each_shape_of_a_certificate_is_named_with_the_command_that_makes_it_right() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let make = "openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=acme -keyout key.pem -out cert.pem \
                && openssl x509 -in cert.pem -outform DER -out 'in der.cer' \
                && openssl pkcs12 -export -in cert.pem -inkey key.pem -passout pass: -out server.pfx \
                && openssl crl2pkcs7 -nocrl -certfile cert.pem -out bundle.p7b \
                && openssl x509 -in cert.pem -trustout -out trusted.pem \
                && cat key.pem cert.pem > both.pem && cat cert.pem cert.pem > two.pem";
    if !sh(folder.path(), make) {
        return;
    }
    assert!(Authorities::read(&at("cert.pem")).is_ok());
    assert!(Authorities::read(&at("two.pem")).is_ok());
    let table = [
        ("in der.cer", "binary form (DER)", "in der-certificates.pem"),
        ("server.pfx", "`.pfx`", "server-certificates.pem"),
        ("bundle.p7b", "PKCS #7", "bundle-certificates.pem"),
        ("trusted.pem", "TRUSTED CERTIFICATE", "trusted-certificates.pem"),
        ("both.pem", "a private key", "both-certificates.pem"),
    ];
    for (name, what, made) in table {
        let told = unusable(&at(name));
        assert!(told.what.contains(what), "{told:?}");
        // The password of the test's own file is empty; a person is asked for it.
        let ask = if name == "server.pfx" { " -passin pass:" } else { "" };
        assert!(sh(folder.path(), &format!("{}{ask}", command(&told.cure))));
        assert!(Authorities::read(&at(made)).is_ok(), "{name}: {}", command(&told.cure));
        assert!(!std::fs::read_to_string(at(made)).unwrap().contains("PRIVATE"), "{name}");
    }
    let told = unusable(&at("key.pem"));
    assert!(told.what.contains("private key") && told.cure.contains("belongs on the server"), "{told:?}");
}

#[test]
fn a_file_without_a_certificate_is_told_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let with = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        unusable(&path)
    };
    let cut = "-----BEGIN CERTIFICATE-----\nMIIB\n";
    let table = [
        (with("notes.txt", "ask Bob for the certificate\n"), "holds no certificate", "BEGIN CERTIFICATE"),
        (with("empty.pem", ""), "holds no certificate", "BEGIN CERTIFICATE"),
        (with("cut.pem", cut), "cut off", "export"),
        (with("odd.pem", &format!("{cut}-----END CERTIFICATE-----\n")), "number 1", "export"),
        (with("large.pem", &"x".repeat(1024 * 1024 + 1)), "larger than 1 MiB", "alone"),
        (unusable(&folder.path().join("nowhere.pem")), "cannot be read", "relative to the schedule file"),
        (unusable(folder.path()), "is no file", "certificates in it"),
    ];
    for (told, what, cure) in table {
        assert!(told.what.contains(what) && told.cure.contains(cure), "{told:?}");
    }
}
