//! Rebuilds the crate when a migration is added: `embed_migrations!` itself only notices changed ones.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
