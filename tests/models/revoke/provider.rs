//! What the provider does when it gets to a request.

use super::Provider;
use super::world::{Answer, At, Call, TOKENS, Token, World};

impl World {
    fn born(&mut self, family: u8) -> Option<Answer> {
        let free = self.tokens.iter().position(|token| *token == Token::Unborn)?;
        (self.tokens[free], self.family[free]) = (Token::Live, family);
        u8::try_from(free).ok().map(Answer::Given)
    }

    /// The provider gets to a request. `None`: this run is out of tokens, and ends here.
    pub(super) fn provider(&mut self, kind: Provider, call: Call) -> Option<Answer> {
        match call {
            Call::Refresh(token) if self.tokens[usize::from(token)] == Token::Live => {
                let new = self.born(self.family_of(token))?;
                self.tokens[usize::from(token)] = Token::Spent;
                Some(new)
            }
            Call::Refresh(token) => {
                let spent = self.tokens[usize::from(token)] == Token::Spent;
                let held = |at: &At| matches!(at, At::Has(_, of, Answer::Given(_)) if *of == call);
                self.came_twice |= spent && !self.excused && self.at.iter().any(held);
                if spent && kind == Provider::EndsTheGrant {
                    let family = self.family_of(token);
                    self.end(|of| of == family);
                }
                Some(Answer::Denied)
            }
            Call::Code(_) if self.code_used => {
                self.came_twice = true;
                self.end(|family| family == 1);
                Some(Answer::Denied)
            }
            Call::Code(_) => {
                self.code_used = true;
                self.born(1)
            }
            Call::Revoke(token) => {
                self.revoke(kind, token);
                Some(Answer::Revoked)
            }
        }
    }

    /// A token of a grant that has ended says nothing; a spent one of a living grant still names it.
    fn revoke(&mut self, kind: Provider, token: u8) {
        let found = self.tokens[usize::from(token)];
        match kind {
            Provider::EndsTheToken if found == Token::Live => self.tokens[usize::from(token)] = Token::Dead,
            Provider::EndsTheGrant if found != Token::Dead => {
                let live = |token: u8| self.tokens[usize::from(token)] == Token::Live && self.lost & 1 << token == 0;
                let newer = |token: u8| live(token) && !self.is_old(token);
                self.harmed_a_newer |= !self.excused && (0_u8..).take(TOKENS).any(newer);
                self.end(|_| true);
            }
            _ => {}
        }
    }

    fn end(&mut self, ends: impl Fn(u8) -> bool + Copy) {
        for (token, family) in self.tokens.iter_mut().zip(self.family) {
            if ends(family) && *token != Token::Unborn {
                *token = Token::Dead;
            }
        }
    }
}
