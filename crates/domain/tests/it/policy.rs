//! Who may do what, as one snapshot, and what must hold of every row of it.

use gathering_domain::policy::{
    AccountAction, Actor, Key, Missing, ProjectAction, ProjectRole, Role, Scope, Scopes, ServerAction, Standing,
    Verdict,
};

const STANDINGS: [(&str, Standing); 4] = [
    ("stranger", Standing::Stranger),
    ("viewer", Standing::Member(ProjectRole::Viewer)),
    ("editor", Standing::Member(ProjectRole::Editor)),
    ("owner", Standing::Member(ProjectRole::Owner)),
];

fn user(role: Role) -> Actor {
    Actor { role, key: None }
}

fn keys() -> Vec<(String, Option<Key>)> {
    let mut keys = vec![("login".to_owned(), None)];
    for scope in Scope::ALL {
        let scopes = Scopes::from_iter([scope]);
        let confined = false;
        keys.push((format!("key({scope})"), Some(Key { scopes, confined })));
    }
    let (scopes, confined) = (Scopes::from_iter(Scope::ALL), true);
    keys.push(("key(all) for one project".to_owned(), Some(Key { scopes, confined })));
    keys
}

fn word(verdict: Verdict) -> String {
    match verdict {
        Verdict::Allowed => "yes".to_owned(),
        Verdict::Hidden => "404".to_owned(),
        Verdict::Denied(Missing::Role(role)) => format!("role {role}"),
        Verdict::Denied(Missing::ProjectRole(role)) => format!("be {role}"),
        Verdict::Denied(Missing::Scope(scope)) => format!("key {scope}"),
        Verdict::Denied(Missing::Login) => "log in".to_owned(),
        Verdict::Denied(Missing::WholeKey) => "whole key".to_owned(),
    }
}

fn row(name: &str, cells: impl IntoIterator<Item = String>) -> String {
    let cells: String = cells.into_iter().map(|cell| padded(&cell, 14)).collect();
    let line = padded(name, 20) + &cells;
    line.trim_end().to_owned() + "\n"
}

fn padded(text: &str, width: usize) -> String {
    format!("{text:<width$}")
}

#[test]
fn the_whole_table() {
    let mut table = String::new();
    for (how, key) in keys() {
        for role in Role::ALL {
            let actor = Actor { role: *role, key };
            table.push_str(&(["== ", role.as_str(), ", ", &how, "\n"].concat()));
            table.push_str(&row("in a project", STANDINGS.map(|(name, _)| name.to_owned())));
            for action in ProjectAction::ALL {
                let cells = STANDINGS.map(|(_, standing)| word(actor.in_project(*action, standing)));
                table.push_str(&row(action.as_str(), cells));
            }
            table.push_str("on the server\n");
            for action in ServerAction::ALL {
                table.push_str(&row(action.as_str(), [word(actor.on_server(*action))]));
            }
            table.push_str("to the own account\n");
            for action in AccountAction::ALL {
                table.push_str(&row(action.as_str(), [word(actor.on_account(*action))]));
            }
            table.push('\n');
        }
    }
    insta::assert_snapshot!("policy", table);
}

#[test]
fn a_stranger_never_learns_that_a_project_is_there() {
    for (_, key) in keys() {
        for role in [Role::Viewer, Role::Member] {
            for action in ProjectAction::ALL {
                let verdict = Actor { role, key }.in_project(*action, Standing::Stranger);
                assert_eq!(verdict, Verdict::Hidden, "{role} {action:?}");
            }
        }
    }
}

#[test]
fn a_key_for_one_project_sees_no_other_whoever_has_it() {
    for (_, key) in keys() {
        for role in Role::ALL {
            for action in ProjectAction::ALL {
                let verdict = Actor { role: *role, key }.in_project(*action, Standing::Elsewhere);
                assert_eq!(verdict, Verdict::Hidden, "{role} {action:?}");
            }
        }
    }
}

#[test]
fn a_key_never_allows_more_than_its_user_may() {
    for (_, key) in keys() {
        for role in Role::ALL {
            let (with_key, without) = (Actor { role: *role, key }, user(*role));
            for (_, standing) in STANDINGS {
                for action in ProjectAction::ALL {
                    let allowed = with_key.in_project(*action, standing) == Verdict::Allowed;
                    assert!(!allowed || without.in_project(*action, standing) == Verdict::Allowed);
                }
            }
            for action in ServerAction::ALL {
                let allowed = with_key.on_server(*action) == Verdict::Allowed;
                assert!(!allowed || without.on_server(*action) == Verdict::Allowed);
            }
        }
    }
}

#[test]
fn a_greater_role_may_do_all_that_a_lesser_one_may() {
    for action in ProjectAction::ALL {
        for (_, standing) in STANDINGS {
            let allowed = Role::ALL
                .iter()
                .map(|role| user(*role).in_project(*action, standing) == Verdict::Allowed);
            assert!(allowed.is_sorted(), "{action:?}");
        }
        for role in Role::ALL {
            let allowed = STANDINGS.map(|(_, standing)| user(*role).in_project(*action, standing) == Verdict::Allowed);
            assert!(allowed.is_sorted(), "{action:?}");
        }
    }
    for action in ServerAction::ALL {
        let allowed = Role::ALL
            .iter()
            .map(|role| user(*role).on_server(*action) == Verdict::Allowed);
        assert!(allowed.is_sorted(), "{action:?}");
    }
}

#[test]
fn no_key_can_keep_its_user_out() {
    let all = Some(Key {
        scopes: Scopes::from_iter(Scope::ALL),
        confined: false,
    });
    for action in [
        AccountAction::ManageSessions,
        AccountAction::ChangePassword,
        AccountAction::ManageApiKeys,
        AccountAction::ManageSecondFactor,
    ] {
        let actor = Actor {
            role: Role::Admin,
            key: all,
        };
        assert_eq!(actor.on_account(action), Verdict::Denied(Missing::Login));
    }
}

/// A row of Markdown for an action: from which role on it may be done, and with which scope.
fn for_people(action: &str, role: &str, scope: Option<Scope>) -> String {
    let scope = scope.map_or("none", Scope::as_str);
    format!("| `{action}` | {role} | {scope} |\n")
}

#[test]
fn what_people_read_of_it_is_what_holds() {
    let projects = ProjectAction::ALL.iter();
    let projects = projects.map(|action| for_people(action.as_str(), action.role().as_str(), action.scope()));
    let server = ServerAction::ALL.iter();
    let server = server.map(|action| for_people(action.as_str(), action.role().as_str(), action.scope()));
    let account = AccountAction::ALL.iter();
    let account = account.map(|action| for_people(action.as_str(), "everybody", action.scope()));
    let page = include_str!("../../../../docs/roles.md");
    for table in [projects.collect::<String>(), server.collect(), account.collect()] {
        assert!(page.contains(&table), "docs/roles.md lacks this table:\n{table}");
    }
}

#[test]
fn a_key_for_one_project_does_nothing_to_the_server() {
    let key = Key {
        scopes: Scopes::from_iter(Scope::ALL),
        confined: true,
    };
    let admin = Actor {
        role: Role::Admin,
        key: Some(key),
    };
    for action in ServerAction::ALL {
        let allowed = admin.on_server(*action) == Verdict::Allowed;
        assert_eq!(allowed, *action == ServerAction::ValidatePipeline, "{action:?}");
    }
}
