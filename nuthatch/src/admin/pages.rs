//! The pages by HTTP: one table, for the answers and for the reference page.
//!
//! A response repeats nothing of the request, and no page changes anything.

use super::collect::Collector;
use super::document::Members;
use super::exposition::Form;
use super::http::{self, Status};
use crate::io::json_text;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Page {
    /// The document that readers of plain TCP get.
    Bare,
    /// The document with our members.
    Stats,
    Shards,
    Metrics,
    Live,
    Ready,
}

pub struct Row {
    pub path: &'static str,
    pub page: Page,
    pub about: &'static str,
}

const fn row(path: &'static str, page: Page, about: &'static str) -> Row {
    Row { path, page, about }
}

pub static PAGES: [Row; 6] = [
    row("/", Page::Bare, "the document as in twemproxy; the same as by plain TCP"),
    row("/stats", Page::Stats, "the document with the members that nuthatch adds"),
    row("/shards", Page::Shards, "each shard's primary and replicas, and its last switch"),
    row("/metrics", Page::Metrics, "for Prometheus: [metrics](metrics.md)"),
    row("/live", Page::Live, "200 while the process serves"),
    row(
        "/ready",
        Page::Ready,
        "200 when every pool has a server that may answer, or soon will; otherwise, and while the process ends, \
         503 and the reason",
    ),
];

/// The response to a request for this path. `bare` are the members of the bare document.
pub async fn answer(
    (method, path, accept): (&str, &str, &str),
    collector: &Collector,
    bare: Members,
) -> String {
    let is_head = method == "HEAD";
    if !is_head && method != "GET" {
        return http::refusal(Status::MethodNotAllowed, "only GET and HEAD are served");
    }
    let Some(row) = PAGES.iter().find(|row| row.path == path) else {
        return http::refusal(Status::NotFound, &list_of_pages());
    };
    match row.page {
        Page::Bare => http::response(Status::Ok, &collector.document(bare).await, is_head),
        Page::Stats => http::response(Status::Ok, &collector.document(Members::All).await, is_head),
        Page::Shards => http::response(Status::Ok, &collector.shards().await, is_head),
        Page::Metrics => {
            let form = Form::accepted(accept);
            let body = collector.metrics(form).await;
            http::response_of(Status::Ok, form.content_type(), &body, is_head)
        }
        Page::Live => http::response(Status::Ok, "{\"live\":true}\n", is_head),
        Page::Ready => match collector.unready() {
            None => http::response(Status::Ok, "{\"ready\":true}\n", is_head),
            Some(why) => {
                let body = format!("{{\"ready\":false, \"reason\":{}}}\n", json_text(&why));
                http::response(Status::Unavailable, &body, is_head)
            }
        },
    }
}

fn list_of_pages() -> String {
    let paths: Vec<&str> = PAGES.iter().map(|row| row.path).collect();
    format!("the pages are {}", paths.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_has_a_description_and_a_path_of_its_own() {
        for (at, row) in PAGES.iter().enumerate() {
            assert!(row.path.starts_with('/') && !row.about.is_empty());
            assert!(PAGES[..at].iter().all(|other| other.path != row.path));
            assert!(list_of_pages().split(' ').any(|word| word == row.path));
        }
    }
}
