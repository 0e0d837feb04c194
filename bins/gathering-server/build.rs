//! Takes the three files that `/docs` needs out of the packed Swagger UI, so that the binary holds them, and nothing else of it.

use std::error::Error;
use std::fs::File;
use std::io::{self, Cursor};
use std::path::Path;

use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::ZipArchive;

const FILES: [&str; 3] = ["swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    let folder = std::env::var_os("OUT_DIR").ok_or("there is no OUT_DIR; cargo sets it")?;
    let mut archive = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
    let mut left = FILES.to_vec();
    for index in 0..archive.len() {
        let mut packed = archive.by_index(index)?;
        let name = packed.name()?.into_owned();
        // Above is a folder with the number of the version in its name.
        let found = left.iter().position(|file| name.ends_with(&format!("/dist/{file}")));
        if let Some(found) = found {
            let file = left.remove(found);
            io::copy(&mut packed, &mut File::create(Path::new(&folder).join(file))?)?;
        }
    }
    if left.is_empty() {
        Ok(())
    } else {
        Err(format!("the packed Swagger UI has no {}", left.join(", ")).into())
    }
}
