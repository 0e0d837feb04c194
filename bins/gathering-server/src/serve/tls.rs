//! HTTPS: the certificate and its key, read at start and again whenever their files change.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use tokio::io::AsyncReadExt as _;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::settings::TlsFiles;
use crate::telemetry::chain;

/// How often the files are looked at. A change counts once two looks have seen the same, so that two files which are written one after the other
/// are not taken for a pair that does not fit.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The most that is read of a file.
const LARGEST: u64 = 1 << 20;

/// Why a certificate and a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file cannot be read.
    #[error("{setting}: cannot read {}", .path.display())]
    Unreadable {
        /// Which of the two.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// The answer of the operating system.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{setting}: {} holds no {missing} in PEM", .path.display())]
    NotPem {
        /// Which of the two.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What it should hold.
        missing: &'static str,
        /// What was found.
        source: pem::Error,
    },
    /// They do not belong together, or are of a kind that is not spoken.
    #[error("tls_certificate and tls_key: {} and {} cannot be used together", .files.certificate.display(), .files.key.display())]
    Unusable {
        /// The files.
        files: TlsFiles,
        /// What is wrong with them.
        source: rustls::Error,
    },
    /// The protocol itself cannot be set up.
    #[error("TLS cannot be spoken")]
    Protocol(#[source] rustls::Error),
}

/// What new connections are shown.
#[derive(Debug)]
struct Shown(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// A certificate and its key, as their files say now.
pub(super) struct Tls {
    files: TlsFiles,
    provider: Arc<CryptoProvider>,
    shown: Arc<Shown>,
    used: u64,
}

impl Tls {
    /// Reads them for the first time: what is wrong with them is told at start.
    pub(super) async fn read(files: &TlsFiles) -> Result<Self, Error> {
        let provider = Arc::new(ring::default_provider());
        let found = Found::read(files).await?;
        let key = found.pair(files, &provider)?;
        Ok(Self {
            files: files.clone(),
            provider,
            shown: Arc::new(Shown(RwLock::new(Arc::new(key)))),
            used: found.mark(),
        })
    }

    /// TLS 1.2 and 1.3; the listener adds HTTP/2 and HTTP/1.1 as what is spoken within.
    pub(super) fn config(&self) -> Result<rustls::ServerConfig, Error> {
        let builder = rustls::ServerConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(Error::Protocol)?;
        Ok(builder.with_no_client_auth().with_cert_resolver(self.shown.clone()))
    }

    /// Looks at the files until the set is dropped.
    pub(super) fn keep_up(self, tasks: &mut JoinSet<()>) {
        tasks.spawn(async move {
            let mut looks = interval(LOOK_EVERY);
            looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut watch = Watch {
                seen: Some(self.used),
                judged: Some(self.used),
            };
            loop {
                looks.tick().await;
                let found = Found::read(&self.files).await;
                if watch.is_new(found.as_ref().ok().map(Found::mark)) {
                    self.renew(found);
                }
            }
        });
    }

    fn renew(&self, found: Result<Found, Error>) {
        match found.and_then(|found| found.pair(&self.files, &self.provider)) {
            Ok(key) => {
                *self.shown.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
                tracing::info!(certificate = %self.files.certificate.display(), "the certificate was read again");
            }
            Err(error) => tracing::warn!(
                error = chain(&error),
                "the new certificate cannot be used, the one before is shown on"
            ),
        }
    }
}

/// What was seen of the files, by hashes; `None` for files that cannot be read.
struct Watch {
    seen: Option<u64>,
    judged: Option<u64>,
}

impl Watch {
    /// Whether these are other files than those that were judged last, and no longer being written.
    fn is_new(&mut self, found: Option<u64>) -> bool {
        let settled = self.seen == found;
        self.seen = found;
        let new = settled && self.judged != found;
        if new {
            self.judged = found;
        }
        new
    }
}

/// What the two files hold.
struct Found {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Found {
    async fn read(files: &TlsFiles) -> Result<Self, Error> {
        Ok(Self {
            certificate: read("tls_certificate", &files.certificate).await?,
            key: read("tls_key", &files.key).await?,
        })
    }

    fn mark(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.certificate, &self.key).hash(&mut hasher);
        hasher.finish()
    }

    fn pair(&self, files: &TlsFiles, provider: &CryptoProvider) -> Result<CertifiedKey, Error> {
        let not_pem = |setting, path: &Path, missing| {
            let path = path.to_owned();
            move |source| Error::NotPem {
                setting,
                path,
                missing,
                source,
            }
        };
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<_, _>>()
            .and_then(|chain: Vec<_>| {
                if chain.is_empty() {
                    Err(pem::Error::NoItemsFound)
                } else {
                    Ok(chain)
                }
            })
            .map_err(not_pem("tls_certificate", &files.certificate, "certificate"))?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(not_pem("tls_key", &files.key, "private key"))?;
        CertifiedKey::from_der(chain, key, provider).map_err(|source| Error::Unusable {
            files: files.clone(),
            source,
        })
    }
}

async fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, Error> {
    let reading = async {
        let mut bytes = Vec::new();
        let file = tokio::fs::File::open(path).await?;
        let length = file.take(LARGEST + 1).read_to_end(&mut bytes).await?;
        if length as u64 > LARGEST {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 1 MiB"));
        }
        Ok(bytes)
    };
    reading.await.map_err(|source| Error::Unreadable {
        setting,
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_counts_once_and_only_when_it_was_seen_twice() {
        let mut watch = Watch {
            seen: Some(1),
            judged: Some(1),
        };
        let looks = [
            Some(1),
            Some(2),
            Some(3),
            Some(3),
            Some(3),
            None,
            None,
            None,
            Some(3),
            Some(3),
        ];
        let new = looks.map(|found| watch.is_new(found));
        let expected = [false, false, false, true, false, false, true, false, false, true];
        assert_eq!(new, expected);
    }
}
