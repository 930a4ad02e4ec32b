//! The web pages, embedded: the chat page, its modules, and the JavaScript client that it uses.

use std::sync::Arc;

use bytes::Bytes;
use gateway::{Page, Pages};
use http::{HeaderName, HeaderValue, header};

/// What a page may load and where it may connect: nothing but itself. `connect-src` names the WebSocket of the same host.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
                      connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file under `web/chat` or `clients/js/src`, with the path that it is served at.
macro_rules! files {
    ($($at:literal => $file:literal,)*) => {
        /// Every file that is served, by path.
        const FILES: &[(&str, &[u8])] = &[$(($at, include_bytes!(concat!("../../../", $file)))),*];
    };
}

files! {
    "/" => "web/chat/index.html",
    "/chat/banner-view.js" => "web/chat/banner-view.js",
    "/chat/chat.css" => "web/chat/chat.css",
    "/chat/chat.js" => "web/chat/chat.js",
    "/chat/composer.js" => "web/chat/composer.js",
    "/chat/content.js" => "web/chat/content.js",
    "/chat/conversation-view.js" => "web/chat/conversation-view.js",
    "/chat/conversation.js" => "web/chat/conversation.js",
    "/chat/dialogs.js" => "web/chat/dialogs.js",
    "/chat/drawn.js" => "web/chat/drawn.js",
    "/chat/elements.js" => "web/chat/elements.js",
    "/chat/ended-view.js" => "web/chat/ended-view.js",
    "/chat/icon.svg" => "web/chat/icon.svg",
    "/chat/list-view.js" => "web/chat/list-view.js",
    "/chat/main.js" => "web/chat/main.js",
    "/chat/message-view.js" => "web/chat/message-view.js",
    "/chat/names.js" => "web/chat/names.js",
    "/chat/people.js" => "web/chat/people.js",
    "/chat/sign-in-view.js" => "web/chat/sign-in-view.js",
    "/chat/tab.js" => "web/chat/tab.js",
    "/chat/timeline.js" => "web/chat/timeline.js",
    "/chat/times.js" => "web/chat/times.js",
    "/chat/words.js" => "web/chat/words.js",
    "/client/backoff.js" => "clients/js/src/backoff.js",
    "/client/catch-up.js" => "clients/js/src/catch-up.js",
    "/client/client.js" => "clients/js/src/client.js",
    "/client/clock.js" => "clients/js/src/clock.js",
    "/client/connection.js" => "clients/js/src/connection.js",
    "/client/draft.js" => "clients/js/src/draft.js",
    "/client/emitter.js" => "clients/js/src/emitter.js",
    "/client/environment.js" => "clients/js/src/environment.js",
    "/client/fault.js" => "clients/js/src/fault.js",
    "/client/frames.js" => "clients/js/src/frames.js",
    "/client/ids.js" => "clients/js/src/ids.js",
    "/client/index.js" => "clients/js/src/index.js",
    "/client/limits.js" => "clients/js/src/limits.js",
    "/client/line.js" => "clients/js/src/line.js",
    "/client/login.js" => "clients/js/src/login.js",
    "/client/memory.js" => "clients/js/src/memory.js",
    "/client/outbox.js" => "clients/js/src/outbox.js",
    "/client/pace.js" => "clients/js/src/pace.js",
    "/client/positions.js" => "clients/js/src/positions.js",
    "/client/reads.js" => "clients/js/src/reads.js",
    "/client/recent-messages.js" => "clients/js/src/recent-messages.js",
    "/client/renewal.js" => "clients/js/src/renewal.js",
    "/client/requests.js" => "clients/js/src/requests.js",
    "/client/token.js" => "clients/js/src/token.js",
}

/// The pages, as a gateway serves them.
pub fn pages() -> Pages {
    Arc::new(|path| {
        let (at, body) = FILES.iter().find(|(at, _)| *at == path)?;
        Some(Page {
            content_type: HeaderValue::from_static(content_type(at)),
            headers: headers(),
            body: Bytes::from_static(body),
        })
    })
}

fn headers() -> Vec<(HeaderName, HeaderValue)> {
    vec![
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        // The page changes with the binary, and is small.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ]
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/html; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn files_of(folder: &str, served_below: &str) -> BTreeSet<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
        let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let names = names.map(|name| name.into_string().unwrap());
        names
            .filter(|name| !name.ends_with(".d.ts"))
            .map(|name| if name == "index.html" { "/".to_owned() } else { format!("{served_below}{name}") })
            .collect()
    }

    #[test]
    fn every_file_of_the_page_and_of_the_client_is_served() {
        let there: BTreeSet<String> =
            files_of("web/chat", "/chat/").union(&files_of("clients/js/src", "/client/")).cloned().collect();
        let served: BTreeSet<String> = FILES.iter().map(|(at, _)| (*at).to_owned()).collect();
        assert_eq!(served, there);
    }

    #[test]
    fn the_page_needs_nothing_that_its_policy_forbids() {
        let page = pages()("/").unwrap();
        let html = std::str::from_utf8(&page.body).unwrap();
        assert!(!html.contains("style="), "inline style");
        assert!(!html.contains("<script>"), "inline script");
        assert!(!html.contains("//"), "something from elsewhere");
        assert!(pages()("/chat/../index.html").is_none());
    }
}
