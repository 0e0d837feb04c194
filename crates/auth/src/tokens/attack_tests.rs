//! Tokens as an attacker would make them; each is refused, for its own reason.

mod bench;
mod claims;
mod header;
mod signature;
