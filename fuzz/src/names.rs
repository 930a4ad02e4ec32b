//! Which names the protocol allows, said once more: whoever counts wrong in the crate that is looked at does not count wrong here.

/// As long as any name may be.
const NAME_BYTES_MAX: usize = 64;

/// True for the name of a user or a group.
pub(crate) fn is_id(text: &str) -> bool {
    is_short(text) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._~@-".contains(&byte))
}

/// True for a client's own name of a request.
pub(crate) fn is_request_name(text: &str) -> bool {
    is_short(text) && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// True for `g:GROUP` and for `d:USER:USER`, the two in order.
pub(crate) fn is_conversation(text: &str) -> bool {
    match *text.split(':').collect::<Vec<_>>() {
        ["g", group] => is_id(group),
        ["d", first, second] => is_id(first) && is_id(second) && first <= second,
        _ => false,
    }
}

fn is_short(text: &str) -> bool {
    !text.is_empty() && text.len() <= NAME_BYTES_MAX
}
