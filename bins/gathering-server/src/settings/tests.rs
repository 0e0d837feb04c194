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
fn a_certificate_and_its_key_are_set_both_or_neither() {
    let certificate = ("GATHERING_TLS_CERTIFICATE", "/tls/chain.pem");
    let key = ("GATHERING_TLS_KEY", "/tls/key.pem");
    assert_eq!(
        problems(&with_variables(&[certificate])),
        ["GATHERING_TLS_CERTIFICATE: goes with tls_key (GATHERING_TLS_KEY): set both, or neither"]
    );
    assert_eq!(
        problems(&with_variables(&[key])),
        ["GATHERING_TLS_KEY: goes with tls_certificate (GATHERING_TLS_CERTIFICATE): set both, or neither"]
    );
    let files = with_variables(&[certificate, key]).settings.unwrap().tls.unwrap();
    assert_eq!(files.certificate.display().to_string(), "/tls/chain.pem");
    assert_eq!(files.key.display().to_string(), "/tls/key.pem");
}

#[test]
fn origins_are_taken_as_browsers_send_them_and_in_no_other_way() {
    let origins = |text: &str| with_variables(&[("GATHERING_CORS_ALLOWED_ORIGINS", text)]);
    let these = ["https://app.example.org", "http://localhost:3000", "http://[::1]:8080"];
    assert_eq!(
        origins(&these.join(", ")).settings.unwrap().cors,
        Origins::These(these.map(str::to_owned).to_vec())
    );
    assert_eq!(origins("*").settings.unwrap().cors, Origins::Everybody);
    for (wrong, told) in [
        (
            "https://app.example.org/",
            "`https://app.example.org/` is not as browsers send it; did you mean `https://app.example.org`?",
        ),
        (
            "https://App.example.org:443",
            "`https://App.example.org:443` is not as browsers send it; did you mean `https://app.example.org`?",
        ),
        (
            "null",
            "`null` is no origin such as https://app.example.org or http://localhost:3000",
        ),
        (
            "app.example.org",
            "`app.example.org` is no origin such as https://app.example.org or http://localhost:3000",
        ),
        ("https://app.example.org,*", "`*` is everybody: write nothing beside it"),
    ] {
        let loaded = origins(wrong);
        assert_eq!(problems(&loaded), [format!("GATHERING_CORS_ALLOWED_ORIGINS: {told}")]);
    }
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

#[test]
fn routes_with_a_limit_of_their_own_are_routes_behind_a_login_each_once() {
    let told = |text| problems(&with_variables(&[("GATHERING_RATE_LIMIT_ROUTES", text)]));
    let good = "POST /api/v1/runs/cancel=10/1m, GET /api/v1/runs/{id}/journal = 50/1s";
    assert!(told(good).is_empty());
    for (text, wanted) in [
        ("POST /api/v1/runs/cancel", "is not of the form"),
        ("POST /api/v1/runs/cancel=many", "`many` is no rate"),
        (
            "POST /api/v1/nothing=10/1m",
            "there is no route `POST /api/v1/nothing` behind a login",
        ),
        (
            "POST /api/v1/auth/login=10/1m",
            "there is no route `POST /api/v1/auth/login` behind a login",
        ),
        (
            "POST /api/v1/runs/cancel=1/1m,POST /api/v1/runs/cancel=2/1m",
            "is there more than once",
        ),
    ] {
        let told = told(text);
        assert!(told.len() == 1 && told[0].contains(wanted), "{text}: {told:?}");
    }
}
