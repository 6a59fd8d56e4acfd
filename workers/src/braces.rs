//! Texts with words in braces, as in `Hello {name}`, taken apart. Which words there are, and what they stand for, is for
//! whoever asks.

/// A part of such a text.
#[derive(Clone, Debug)]
pub(crate) enum Piece<W> {
    /// As it stands.
    Literal(String),
    /// What stands for something else.
    Word(W),
}

/// The parts of a text. Refuses what would not be filled as it looks.
pub(crate) fn pieces<W>(text: &str, named: impl Fn(&str) -> Result<W, String>) -> Result<Vec<Piece<W>>, String> {
    let (mut pieces, mut literal, mut rest) = (Vec::new(), String::new(), text);
    while let Some(at) = rest.find(['{', '}']) {
        literal.push_str(&rest[..at]);
        let (brace, after) = rest[at..].split_at(1);
        rest = if let Some(after) = after.strip_prefix(brace) {
            literal.push_str(brace);
            after
        } else {
            let (name, after) = after
                .split_once('}')
                .filter(|_| brace == "{")
                .ok_or_else(|| format!("a {brace:?} stands alone; a brace that means itself is written twice"))?;
            let word = named(name)?;
            pieces.extend((!literal.is_empty()).then(|| Piece::Literal(std::mem::take(&mut literal))));
            pieces.push(Piece::Word(word));
            after
        };
    }
    literal.push_str(rest);
    pieces.extend((!literal.is_empty()).then_some(Piece::Literal(literal)));
    Ok(pieces)
}
