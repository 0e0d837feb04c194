//! Prints every setting with its value, default, unit and source, for people and for programs.

use std::fmt::Write;

use super::layers::Source;
use super::table::{ALL, DATA_DIR, DATABASE_URL, LOG_FORMAT, REDIS_URL, REGISTRATION, Setting};
use super::{Loaded, Settings};
use crate::columns::aligned;
use crate::telemetry::LogFormat;
use gathering::Registration;

/// The settings as aligned columns, each with its description below.
pub(crate) fn table(loaded: &Loaded) -> String {
    let mut rows = vec![["SETTING", "VALUE", "DEFAULT", "UNIT", "SOURCE"].map(str::to_owned)];
    for setting in ALL {
        rows.push([
            setting.name.to_owned(),
            or_none(loaded.shown(setting)),
            or_none(setting.default_text().to_owned()),
            setting.unit.to_owned(),
            loaded.source(setting).to_string(),
        ]);
    }
    aligned(&rows) + &descriptions()
}

/// The settings as JSON: a list of objects.
pub(crate) fn json(loaded: &Loaded) -> serde_json::Value {
    let rows = ALL.iter().map(|setting| {
        serde_json::json!({
            "setting": setting.name,
            "value": loaded.shown(setting),
            "default": setting.default_text(),
            "unit": setting.unit,
            "source": loaded.source(setting).to_string(),
            "variable": setting.variable,
            "flag": setting.flag,
            "description": setting.description,
        })
    });
    serde_json::Value::Array(rows.collect())
}

/// An empty text as a word, so that no column looks empty.
fn or_none(text: String) -> String {
    if text.is_empty() { "(none)".to_owned() } else { text }
}

/// How each is set, and what it is for.
fn descriptions() -> String {
    let width = ALL.iter().map(|setting| setting.variable.len()).max().unwrap_or(0);
    let mut text = String::new();
    for setting in ALL {
        let flag = setting.flag.unwrap_or("");
        let _ = write!(
            text,
            "\n{:width$}  {flag:12}  {}",
            setting.variable, setting.description
        );
    }
    text.push('\n');
    text
}

impl Loaded {
    fn source(&self, setting: &Setting) -> Source {
        self.values
            .get(setting.name)
            .map_or(Source::Default, |given| given.source.clone())
    }

    fn shown(&self, setting: &Setting) -> String {
        match self.values.get(setting.name) {
            Some(given) if [DATABASE_URL.name, REDIS_URL.name].contains(&setting.name) => without_password(&given.text),
            Some(given) => given.text.clone(),
            None => match &self.settings {
                Ok(settings) => decided(setting, settings),
                Err(_) => setting.default_text().to_owned(),
            },
        }
    }
}

/// What an unset setting comes to on this machine.
fn decided(setting: &Setting, settings: &Settings) -> String {
    match setting.name {
        name if name == REGISTRATION.name => match settings.registration {
            Registration::Open => "open",
            Registration::Invite => "invite",
            Registration::Closed => "closed",
        }
        .to_owned(),
        name if name == LOG_FORMAT.name => match settings.log_format {
            LogFormat::Json => "json",
            LogFormat::Text => "text",
        }
        .to_owned(),
        name if name == DATA_DIR.name => gathering_embedded_postgres::default_data_dir().display().to_string(),
        _ => match setting.default {
            super::Default::Value(text) => text.to_owned(),
            super::Default::Decided(_) => "-".to_owned(),
        },
    }
}

/// The URL with its password hidden; a text of another form is hidden whole.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return "(hidden)".to_owned();
    };
    // A password may also stand in a parameter, so those are left out.
    let rest = rest.split_once('?').map_or(rest, |(before, _)| before);
    match rest.rsplit_once('@') {
        Some((user, host)) => {
            let name = user.split_once(':').map_or(user, |(name, _)| name);
            format!("{scheme}://{name}:***@{host}")
        }
        None => format!("{scheme}://{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::without_password;

    #[test]
    fn a_password_is_never_shown() {
        assert_eq!(
            without_password("postgres://me:se@cret@db:5432/x"),
            "postgres://me:***@db:5432/x"
        );
        assert_eq!(without_password("postgres://db/x?password=secret"), "postgres://db/x");
        assert_eq!(
            without_password("rediss://:se@cret@redis:6380/1"),
            "rediss://:***@redis:6380/1"
        );
        assert_eq!(without_password("host=db password=secret"), "(hidden)");
    }
}
