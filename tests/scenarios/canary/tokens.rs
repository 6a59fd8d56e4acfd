//! The parts of a token that are secrets themselves.

/// The token; of a JWT also its claims and its signature, since its head is like every other one's.
pub(super) fn parts<'a>(name: &str, token: &'a str) -> impl Iterator<Item = (String, &'a str)> + use<'a> {
    let jwt = match token.split('.').collect::<Vec<_>>()[..] {
        [head, claims, signature] if head.starts_with("eyJ") => Some((claims, signature)),
        _ => None,
    };
    let of = move |what: &str| format!("{name}{what}");
    let (whole, claims, signature) = (of(""), of("'s claims"), of("'s signature"));
    let more = jwt.into_iter().flat_map(move |(first, second)| [(claims.clone(), first), (signature.clone(), second)]);
    std::iter::once((whole, token)).chain(more)
}
