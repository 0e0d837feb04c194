//! `/docs`: the document of `/openapi.json` to read and to try, from the binary itself and without the internet.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use actix_web::web::{Path, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};

use super::compression::Fixed;
use super::parameters::NoParameters;
use super::problem::Problem;
use super::route::{methods, no_route, read};

/// The page shows what this server sends, asks nobody else, and may be framed by nobody. Swagger UI puts styles into elements, and small pictures
/// into styles.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// A file below `/docs`.
struct File {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

const PAGE: File = File {
    name: "",
    kind: HTML,
    bytes: br#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>GatheRing API</title>
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"#,
};

const FILES: [File; 5] = [
    PAGE,
    File {
        name: "start.js",
        kind: SCRIPT,
        bytes: b"SwaggerUIBundle({url: '/openapi.json', dom_id: '#docs', deepLinking: true, displayOperationId: true, \
            persistAuthorization: false, queryConfigEnabled: false, validatorUrl: null});\n",
    },
    File {
        name: "swagger-ui-bundle.js",
        kind: SCRIPT,
        bytes: include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui-bundle.js")),
    },
    File {
        name: "swagger-ui.css",
        kind: "text/css; charset=utf-8",
        bytes: include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui.css")),
    },
    File {
        name: "favicon-32x32.png",
        kind: "image/png",
        bytes: include_bytes!(concat!(env!("OUT_DIR"), "/favicon-32x32.png")),
    },
];

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(methods(resource("/docs"), "GET, HEAD").route(read().to(page)))
        .service(methods(resource("/docs/{file:.*}"), "GET, HEAD").route(read().to(file)));
}

async fn page(_: NoParameters) -> HttpResponse {
    sent(&PAGE)
}

async fn file(request: HttpRequest, name: Path<String>, _: NoParameters) -> Result<HttpResponse, Problem> {
    match FILES.iter().find(|file| file.name == name.as_str()) {
        Some(file) => Ok(sent(file)),
        None => Err(no_route(&request)),
    }
}

fn sent(file: &File) -> HttpResponse {
    let mut response = HttpResponse::Ok()
        .content_type(file.kind)
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((CACHE_CONTROL, "public, max-age=300"))
        .body(file.bytes);
    response.extensions_mut().insert(Fixed(file.name));
    response
}
