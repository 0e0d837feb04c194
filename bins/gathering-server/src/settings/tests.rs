//! What holds for the settings, without a file or a variable of this process.

use super::*;

fn with_variables(variables: &[(&str, &str)]) -> Loaded {
    let variables = variables
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    load(&Inputs {
        variables: variables.collect(),
        ..Inputs::default()
    })
}

fn problems(loaded: &Loaded) -> Vec<String> {
    match &loaded.settings {
        Ok(_) => Vec::new(),
        Err(refused) => refused.problems.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn the_defaults_are_right_by_themselves() {
    let loaded = with_variables(&[]);
    assert_eq!(problems(&loaded), Vec::<String>::new());
    let settings = loaded.settings.unwrap();
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.http_body_limit, 2 << 20);
    assert_eq!(settings.shutdown_deadline, Duration::from_secs(30));
}

#[test]
fn registration_is_open_only_on_the_embedded_database_and_a_loopback_address() {
    let registration = |variables: &[(&str, &str)]| with_variables(variables).settings.unwrap().registration;
    let shared = ("DATABASE_URL", "postgres://db/x");
    let public = ("GATHERING_LISTEN", "0.0.0.0:80");
    assert_eq!(registration(&[]), Registration::Open);
    assert_eq!(registration(&[shared]), Registration::Closed);
    assert_eq!(registration(&[public]), Registration::Closed);
    assert_eq!(
        registration(&[shared, ("GATHERING_REGISTRATION", "open")]),
        Registration::Open
    );
}

#[test]
fn a_flag_wins_over_a_variable_and_a_variable_over_the_default() {
    let mut inputs = Inputs {
        variables: vec![("GATHERING_LISTEN".to_owned(), "127.0.0.1:1".to_owned())],
        ..Inputs::default()
    };
    assert_eq!(load(&inputs).settings.unwrap().listen.port(), 1);
    inputs.flags.push((&table::LISTEN, "127.0.0.1:2".to_owned()));
    assert_eq!(load(&inputs).settings.unwrap().listen.port(), 2);
}

#[test]
fn every_problem_is_told_at_once_with_the_nearest_right_name() {
    let loaded = with_variables(&[
        ("GATHERING_LISTN", "x"),
        ("GATHERING_DATABASE_URL", "postgres://db/x"),
        ("GATHERING_COLOUR", "red"),
        ("GATHERING_LISTEN", "nowhere"),
        ("GATHERING_REGISTRATION", "opne"),
        ("GATHERING_ACCESS_TOKEN_TTL", "16m"),
        ("GATHERING_HTTP_BODY_LIMIT", "2GB"),
        ("GATHERING_MAX_RUNS_IN_MEMORY", "0"),
        ("DATABASE_URL", "mysql://me:secret@db/x"),
        ("UNRELATED", "x"),
    ]);
    assert_eq!(
        problems(&loaded),
        [
            "GATHERING_LISTN: is no setting; did you mean `GATHERING_LISTEN`?",
            "GATHERING_DATABASE_URL: is no setting; did you mean `DATABASE_URL`?",
            "GATHERING_COLOUR: is no setting",
            "GATHERING_LISTEN: `nowhere` is no address with a port, such as 127.0.0.1:8080 or [::1]:0",
            "DATABASE_URL: must look like postgres://USER:PASSWORD@HOST:PORT/DATABASE",
            "GATHERING_REGISTRATION: `opne` is none of open, invite, closed; did you mean `open`?",
            "GATHERING_MAX_RUNS_IN_MEMORY: `0` is no whole number from 1 to 1000000",
            "GATHERING_HTTP_BODY_LIMIT: `2GB` is no size from 1024 to 67108864 bytes, such as 2097152, 512KiB or 2MiB",
            "GATHERING_ACCESS_TOKEN_TTL: `16m` is not from 1s to 15m",
        ]
    );
}

#[test]
fn every_setting_has_its_own_name_and_variable() {
    for (index, setting) in table::ALL.iter().enumerate() {
        for other in &table::ALL[..index] {
            assert_ne!(setting.name, other.name);
            assert_ne!(setting.variable, other.variable);
        }
    }
}

#[test]
fn every_setting_is_read() {
    // A value that none of the settings would take: each must complain, or it is not read.
    let taken = ["DATABASE_URL", "PG_BIN_DIR", "GATHERING_DATA_DIR"];
    for setting in table::ALL.iter().filter(|setting| !taken.contains(&setting.variable)) {
        let loaded = with_variables(&[(setting.variable, "=/!")]);
        assert_eq!(problems(&loaded).len(), 1, "{}", setting.name);
    }
}
