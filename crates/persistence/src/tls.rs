//! TLS to the database: what `libpq` users write in a URL, on rustls.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::Error;

/// Takes out of a connection URL what the driver does not know: `sslrootcert`, and `sslmode=verify-…`, which is what `require`
/// means with rustls. Gives the rest, and the file with the root certificates.
pub(crate) fn split(url: &str) -> (String, Option<String>) {
    let is_url = url.starts_with("postgres://") || url.starts_with("postgresql://");
    let (head, settings, separator) = match url.split_once('?') {
        Some((head, query)) if is_url => (format!("{head}?"), query, '&'),
        _ if is_url => return (url.to_owned(), None),
        _ => (String::new(), url, ' '),
    };
    let mut root = None;
    let kept: Vec<&str> = settings
        .split(separator)
        .filter_map(|setting| match setting.split_once('=') {
            Some(("sslrootcert", file)) => {
                root = Some(file.to_owned());
                None
            }
            Some(("sslmode", "verify-full" | "verify-ca")) => Some("sslmode=require"),
            _ => Some(setting),
        })
        .collect();
    (head + &kept.join(&separator.to_string()), root)
}

/// Whether plain text would leave this machine: then a server without TLS must not be taken silently.
pub(crate) fn must_be_encrypted(config: &Config) -> bool {
    let local = |host: &Host| match host {
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback()),
        Host::Unix(_) => true,
    };
    config.get_ssl_mode() == SslMode::Prefer && !config.get_hosts().iter().all(local)
}

/// Verifies the server's name and certificate, against the given file or else the system's roots.
pub(crate) fn connector(root_certificate: Option<&str>) -> Result<MakeRustlsConnect, Error> {
    let mut roots = RootCertStore::empty();
    match root_certificate {
        Some(file) => {
            for certificate in read(Path::new(file))? {
                roots
                    .add(certificate)
                    .map_err(|error| Error::Tls(format!("sslrootcert {file}: {error}")))?;
            }
        }
        // A machine without any is no error: it may never speak TLS.
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Tls(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

fn read(file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let wrong = |error| Error::Tls(format!("sslrootcert {}: {error}", file.display()));
    CertificateDer::pem_file_iter(file)
        .map_err(wrong)?
        .collect::<Result<_, _>>()
        .map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_keeps_everything_but_what_the_driver_does_not_know() {
        let (url, root) = split("postgres://u:p@db/x?sslmode=verify-full&sslrootcert=/etc/ca.pem&connect_timeout=3");
        assert_eq!(url, "postgres://u:p@db/x?sslmode=require&connect_timeout=3");
        assert_eq!(root.as_deref(), Some("/etc/ca.pem"));
        assert_eq!(split("host=/run user=u").0, "host=/run user=u");
        assert_eq!(split("postgres://db/x").0, "postgres://db/x");
    }

    #[test]
    fn only_what_stays_on_this_machine_may_be_plain() {
        let encrypted = |url: &str| must_be_encrypted(&url.parse().expect("a URL"));
        assert!(encrypted("postgres://u@db.example.com/x"));
        assert!(!encrypted("postgres://u@db.example.com/x?sslmode=disable"));
        assert!(!encrypted("postgres://u@127.0.0.1/x"));
        assert!(!encrypted("host=/run/postgresql user=u"));
    }
}
