//! The small page that a browser ends on. What is on it is escaped here, and nothing on it runs.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

const STYLE: &str = include_str!("page.css");

/// The code is still in the address: nothing may load, and nobody is told the address.
const HEADERS: [(header::HeaderName, HeaderValue); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
        ),
    ),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
];

/// How it went, for the person at the browser.
#[derive(Debug)]
pub(crate) struct Page {
    status: StatusCode,
    mark: &'static str,
    title: String,
    text: String,
}

impl Page {
    /// It went well.
    pub(crate) fn good(title: impl Into<String>, text: impl Into<String>) -> Self {
        Self { status: StatusCode::OK, mark: "good", title: title.into(), text: text.into() }
    }

    /// It did not.
    pub(crate) fn bad(title: impl Into<String>, text: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, mark: "bad", title: title.into(), text: text.into() }
    }

    /// Something came that is no answer to the question that was asked.
    pub(super) fn stranger() -> Self {
        let text = "It does not belong to the question that is open here (another state), so nothing was done with it. \
                    Go on in the page that was opened for you, or begin anew.";
        Self::bad("This answer was not asked for", text)
    }

    /// The same answer a second time.
    pub(super) fn again() -> Self {
        let text = "It is used once. The page that came first, and the program that asked, say how it went.";
        Self { status: StatusCode::CONFLICT, ..Self::bad("This answer was here already", text) }
    }

    /// The program ended meanwhile.
    pub(super) fn interrupted() -> Self {
        Self::bad("Nobody waits for this answer any more", "The program that asked has ended. Begin anew.")
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let (mark, title, text) = (self.mark, escape(&self.title), escape(&self.text));
        let html = format!(include_str!("page.html"), style = STYLE, mark = mark, title = title, text = text);
        (self.status, HEADERS, Html(html)).into_response()
    }
}

/// For text between tags.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use axum::response::IntoResponse;

    use super::Page;

    #[tokio::test]
    async fn outside_words_are_text_on_the_page() {
        let page = Page::bad("<b>&amp;", "</p><script>alert(1)</script>{style}").into_response();
        let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        let html = String::from_utf8(to_bytes(page.into_body(), 10_000).await.unwrap().to_vec()).unwrap();
        assert!(html.contains("<h1>&lt;b&gt;&amp;amp;</h1>"), "{html}");
        assert!(html.contains("&lt;/p&gt;&lt;script&gt;alert(1)&lt;/script&gt;{style}"), "{html}");
    }
}
