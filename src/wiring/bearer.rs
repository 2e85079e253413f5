//! Lets the client ask the token manager, which it does not know.

use crate::auth::{AccessToken, AuthUnavailable, Generation, TokenManager};
use crate::orchestrator::{Bearer, BoxFuture, Token, TokenUnavailable};

#[derive(Debug)]
pub(super) struct TokenBearer {
    manager: TokenManager,
}

impl TokenBearer {
    pub(super) fn new(manager: TokenManager) -> TokenBearer {
        TokenBearer { manager }
    }
}

impl Bearer for TokenBearer {
    fn token(&self) -> BoxFuture<'_, Result<Token, TokenUnavailable>> {
        Box::pin(async move { self.manager.token().await.map(given).map_err(refused) })
    }

    fn renewed(&self, generation: u64) -> BoxFuture<'_, Result<Token, TokenUnavailable>> {
        Box::pin(async move { self.manager.renewed(Generation(generation)).await.map(given).map_err(refused) })
    }
}

fn given(token: AccessToken) -> Token {
    let AccessToken { generation, secret } = token;
    Token { generation: generation.0, secret }
}

fn refused(cause: AuthUnavailable) -> TokenUnavailable {
    // Whoever shows it has named the connection already.
    TokenUnavailable { message: format!("{}; {}", cause.message, cause.cure), retry_at: cause.retry_at }
}
