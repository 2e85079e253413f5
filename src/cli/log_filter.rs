//! What `PUNCTUAL_LOG` means.

/// A bare level is about this program: only a directive that names another crate lets it say more.
pub fn directives(asked: &str) -> String {
    let mut all = "warn,punctual=info".to_owned();
    for directive in asked.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
        all.push(',');
        if directive.parse::<tracing_subscriber::filter::LevelFilter>().is_ok() {
            all.push_str("punctual=");
        }
        all.push_str(directive);
    }
    all
}
