#![doc = include_str!("../README.md")]

mod account;
mod binaries;
mod cluster;
mod command;
mod deadline;
mod error;
mod home;
mod initdb;
mod launch;
mod log;
mod options;
mod pid_file;
mod postmaster;
mod process;
mod search;
mod socket;

pub use binaries::Binaries;
pub use cluster::{Cluster, check_data_dir, has_cluster};
pub use error::Error;
pub use options::{Durability, Options, default_data_dir};
pub use search::find_binaries;
