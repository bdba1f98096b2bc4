//! The text of a statement: how long it is, and how deep a tree a parser can make of it.
//!
//! A tree grows by at least one token a level, and a comma puts things beside each other, except for set operations, whose
//! queries have commas of their own. So the longest row of tokens without a comma, with what encloses it, is never less than
//! the depth of the tree. Not here: how deep it really is ([`super::syntax`]).

use datafusion::sql::sqlparser::dialect::Dialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use super::{BYTES_MAX, Figure, Limits, TOKENS_MAX, TooComplex};

/// See the module. A text that has no tokens is left to the parser, which says what is wrong.
pub(super) fn check(text: &str, dialect: &dyn Dialect, limits: Limits) -> Result<(), TooComplex> {
    let bytes = text.len() as u64;
    Figure::Bytes.within(bytes, BYTES_MAX)?;
    // A token has a byte at least.
    if bytes <= limits.stretch_tokens {
        return Ok(());
    }
    let Ok(tokens) = Tokenizer::new(dialect, text).tokenize() else { return Ok(()) };
    let (mut count, mut deepest) = (0, 0);
    let mut open = vec![Bracket::default()];
    for token in tokens.iter().filter(|token| !matches!(token, Token::Whitespace(_))) {
        count += 1;
        match token {
            Token::LParen | Token::LBracket | Token::LBrace => open.push(Bracket { stretch: 1, ..Bracket::default() }),
            Token::RParen | Token::RBracket | Token::RBrace if open.len() > 1 => close(&mut open),
            Token::SemiColon => {
                deepest = deepest.max(height(&mut open));
                open.push(Bracket::default());
            }
            token => {
                if let Some(bracket) = open.last_mut() {
                    bracket.take(token);
                }
            }
        }
    }
    deepest = deepest.max(height(&mut open));
    Figure::Tokens.within(count, TOKENS_MAX)?;
    Figure::Stretch.within(deepest, limits.stretch_tokens)
}

/// What stands within a pair of brackets, or within none.
#[derive(Debug, Default, Clone, Copy)]
struct Bracket {
    set_operations: u64,
    /// Since the last comma: tokens, and the highest brackets among them.
    stretch: u64,
    within: u64,
    /// The highest of the stretches that have ended.
    ended: u64,
}

impl Bracket {
    fn take(&mut self, token: &Token) {
        match token {
            Token::Comma => {
                self.ended = self.height_of_stretch();
                (self.stretch, self.within) = (0, 0);
            }
            Token::Word(word)
                if matches!(word.keyword, Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT | Keyword::MINUS) =>
            {
                self.set_operations += 1;
                self.stretch += 1;
            }
            _ => self.stretch += 1,
        }
    }

    fn height_of_stretch(&self) -> u64 {
        self.ended.max(self.stretch + self.within)
    }

    fn height(&self) -> u64 {
        self.set_operations + self.height_of_stretch()
    }
}

fn close(open: &mut Vec<Bracket>) {
    let Some(closed) = open.pop() else { return };
    if let Some(around) = open.last_mut() {
        around.stretch += 1;
        around.within = around.within.max(closed.height());
    }
}

/// The height of all that is open, which is closed.
fn height(open: &mut Vec<Bracket>) -> u64 {
    while open.len() > 1 {
        close(open);
    }
    open.pop().map_or(0, |all| all.height())
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;

    use super::*;

    fn check(text: &str, stretch: u64) {
        let limits = |stretch_tokens| Limits { stretch_tokens, levels: 0, parts: 0 };
        let padded = format!("{text} -- {}", "x".repeat(100));
        let found = |limit| super::check(&padded, &GenericDialect {}, limits(limit));
        assert_eq!(found(stretch), Ok(()), "{text}");
        let beyond = TooComplex { figure: Figure::Stretch, found: stretch, limit: stretch - 1 };
        assert_eq!(found(stretch - 1), Err(beyond), "{text}");
    }

    #[test]
    fn what_stands_beside_each_other_does_not_add_up() {
        check("a + b + c", 5);
        check("a, b, c + d", 3);
        check("f(a, b, c + d)", 5);
        check("f((a), (b))", 6);
        check("f(a), g(b)", 4);
        check("in (1, 2, 3, 4, 5, 6, 7, 8, 9)", 4);
        check("select 1, 2 union select 3, 4 union select 5, 6", 6);
        check("a; b c; d", 2);
        check("((((", 8);
    }

    #[test]
    fn length_is_bounded_whatever_it_says() {
        let long = "x".repeat(BYTES_MAX as usize + 1);
        let found = super::check(&long, &GenericDialect {}, super::super::READ).unwrap_err();
        assert_eq!(found, TooComplex { figure: Figure::Bytes, found: BYTES_MAX + 1, limit: BYTES_MAX });
        let many = "1,".repeat(TOKENS_MAX as usize / 2 + 1);
        let found = super::check(&many, &GenericDialect {}, super::super::READ).unwrap_err();
        assert_eq!((found.figure, found.limit), (Figure::Tokens, TOKENS_MAX));
    }
}
