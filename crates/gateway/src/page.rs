//! A page that the gateway serves itself, such as the chat page of `trunkline up`.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, header};
use http_body_util::Full;

/// A file with its type.
#[derive(Debug, Clone)]
pub struct Page {
    /// Such as `text/html; charset=utf-8`.
    pub content_type: HeaderValue,
    /// Further headers, such as a content security policy.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The file.
    pub body: Bytes,
}

/// Finds the page of a raw path, where there is one.
pub type Pages = Arc<dyn Fn(&str) -> Option<Page> + Send + Sync>;

impl Page {
    pub(crate) fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body));
        response.headers_mut().insert(header::CONTENT_TYPE, self.content_type);
        response.headers_mut().extend(self.headers);
        response
    }
}
