//! A call of an operation, whose answer is compared with the document.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Document, Operation, Told};
use crate::support::{Answer, Raw, Site};

/// A request to an operation.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) operation: Operation,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Call {
    /// To a path that needs no values, or has these.
    pub(crate) fn new(operation: Operation, values: &[(&str, &str)]) -> Self {
        Self {
            path: operation.at(values),
            operation,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// With this behind the path, from `?` on.
    pub(crate) fn query(mut self, query: &str) -> Self {
        self.path.push_str(query);
        self
    }

    /// With this header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With this body, as JSON.
    pub(crate) fn json(self, body: &Value) -> Self {
        self.bytes("application/json", body.to_string().as_bytes())
    }

    /// With this body.
    pub(crate) fn bytes(self, kind: &str, body: &[u8]) -> Self {
        let mut call = self.header("content-type", kind);
        body.clone_into(&mut call.body);
        call
    }

    /// With the body that the document gives as an example, where there is one.
    pub(crate) fn example(self, document: &Document) -> Self {
        match document.body(&self.operation).map(|body| body["example"].clone()) {
            Some(example) => self.json(&example),
            None => self,
        }
    }

    /// The answer, which keeps to the document.
    pub(crate) async fn send(&self, site: &Site, document: &Document) -> Answer {
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        let raw = Raw {
            method: &self.operation.method,
            path: &self.path,
            headers: &headers,
            body: &self.body,
        };
        let answer = site.raw(raw).await;
        let names = answer.headers.iter();
        let headers: BTreeMap<_, _> = names
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        let (status, json) = (answer.status, &answer.json);
        let headers = &headers;
        document.check(&self.operation, Told { status, headers, json });
        answer
    }
}
