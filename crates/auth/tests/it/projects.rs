//! Projects and their members.

use gathering_auth::{Accounts, Error, Identity, StillNeeded};
use gathering_domain::policy::{ProjectRole, Standing};
use gathering_domain::{ProjectId, UserId};
use uuid::Uuid;

use crate::support::{Bench, first_page, problems, somebody};

async fn with_project() -> (Bench, Accounts, [Identity; 2], ProjectId) {
    let bench = Bench::new().await;
    let accounts = bench.instance(1).await;
    let ada = somebody(&accounts, "ada@example.org").await;
    let bob = somebody(&accounts, "bob@example.org").await;
    let project = accounts.create_project(&ada, " shared ").await.unwrap().id;
    (bench, accounts, [ada, bob], project)
}

fn still_needed<T>(outcome: &Result<T, Error>) -> Option<StillNeeded> {
    match outcome {
        Err(Error::StillNeeded(what)) => Some(*what),
        Ok(_) | Err(_) => None,
    }
}

#[tokio::test]
async fn whoever_makes_a_project_owns_it_and_members_see_it_with_their_role() {
    let (_bench, accounts, [ada, bob], project) = with_project().await;
    let of = async |who: &Identity| {
        let found = accounts.projects(who, false, first_page()).await.unwrap().items;
        let mut found: Vec<_> = found.into_iter().map(|project| (project.name, project.role)).collect();
        // All were made in the same millisecond.
        found.sort();
        found
    };
    let personal = || ("Personal".to_owned(), Some(ProjectRole::Owner));
    assert_eq!(
        of(&ada).await,
        [personal(), ("shared".to_owned(), Some(ProjectRole::Owner))]
    );
    assert_eq!(of(&bob).await, [personal()]);
    assert_eq!(accounts.standing(&bob, project).await.unwrap(), Standing::Stranger);

    let member = accounts
        .add_member(&ada, project, bob.user_id, ProjectRole::Viewer)
        .await;
    assert_eq!(member.unwrap().unwrap().email, "bob@example.org");
    assert_eq!(
        of(&bob).await,
        [personal(), ("shared".to_owned(), Some(ProjectRole::Viewer))]
    );
    let again = accounts
        .add_member(&ada, project, bob.user_id, ProjectRole::Owner)
        .await;
    assert!(
        matches!(
            again,
            Err(Error::AlreadyMember {
                role: ProjectRole::Viewer,
                ..
            })
        ),
        "{again:?}"
    );
    let put = accounts
        .put_member(&ada, project, bob.user_id, ProjectRole::Editor)
        .await;
    assert!(!put.unwrap().unwrap().added);
    let standing = accounts.standing(&bob, project).await.unwrap();
    assert_eq!(standing, Standing::Member(ProjectRole::Editor));
    assert_eq!(accounts.members(project, first_page()).await.unwrap().items.len(), 2);

    assert!(accounts.remove_member(&ada, project, bob.user_id).await.unwrap());
    assert!(!accounts.remove_member(&ada, project, bob.user_id).await.unwrap());
    assert_eq!(accounts.standing(&bob, project).await.unwrap(), Standing::Stranger);
}

#[tokio::test]
async fn a_project_never_loses_its_last_owner_also_when_two_owners_go_at_once() {
    let (_bench, accounts, [ada, bob], project) = with_project().await;
    let gone = accounts.remove_member(&ada, project, ada.user_id).await;
    assert_eq!(still_needed(&gone), Some(StillNeeded::LastOwner));
    let lowered = accounts
        .put_member(&ada, project, ada.user_id, ProjectRole::Viewer)
        .await;
    assert_eq!(still_needed(&lowered), Some(StillNeeded::LastOwner));

    accounts
        .put_member(&ada, project, bob.user_id, ProjectRole::Owner)
        .await
        .unwrap();
    let (one, other) = tokio::join!(
        accounts.remove_member(&ada, project, ada.user_id),
        accounts.remove_member(&bob, project, bob.user_id)
    );
    let refused = [still_needed(&one), still_needed(&other)];
    assert_eq!(refused.iter().flatten().count(), 1, "{refused:?}");
    assert_eq!(accounts.members(project, first_page()).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn the_own_project_of_a_user_stays_theirs() {
    let (_bench, accounts, [ada, bob], _) = with_project().await;
    let own = ada.default_project_id;
    accounts
        .put_member(&ada, own, bob.user_id, ProjectRole::Owner)
        .await
        .unwrap();
    let needed = Some(StillNeeded::OwnProject);
    let (user, role) = (ada.user_id, ProjectRole::Editor);
    assert_eq!(still_needed(&accounts.remove_member(&bob, own, user).await), needed);
    assert_eq!(still_needed(&accounts.put_member(&bob, own, user, role).await), needed);
    assert_eq!(still_needed(&accounts.delete_project(&ada, own).await), needed);
    assert!(accounts.remove_member(&ada, own, bob.user_id).await.unwrap());
}

#[tokio::test]
async fn a_deleted_project_is_there_for_nobody_any_more() {
    let (_bench, accounts, [ada, bob], project) = with_project().await;
    accounts
        .put_member(&ada, project, bob.user_id, ProjectRole::Editor)
        .await
        .unwrap();
    assert!(accounts.delete_project(&ada, project).await.unwrap());
    assert!(!accounts.delete_project(&ada, project).await.unwrap());
    for who in [&ada, &bob] {
        assert_eq!(accounts.standing(who, project).await.unwrap(), Standing::Stranger);
        assert_eq!(
            accounts.projects(who, false, first_page()).await.unwrap().items.len(),
            1
        );
    }
    assert!(!accounts.rename_project(&ada, project, "another").await.unwrap());
    let role = ProjectRole::Viewer;
    assert!(
        accounts
            .put_member(&ada, project, bob.user_id, role)
            .await
            .unwrap()
            .is_none()
    );
    assert!(!accounts.project_exists(project).await.unwrap());
}

#[tokio::test]
async fn who_is_unknown_or_disabled_cannot_become_a_member_and_names_are_checked() {
    let (bench, accounts, [ada, bob], project) = with_project().await;
    let unknown = UserId::from(Uuid::from_u128(7));
    let refused = accounts.add_member(&ada, project, unknown, ProjectRole::Viewer).await;
    assert_eq!(problems(&refused), [("user_id", "unknown")]);
    let refused = accounts.put_member(&ada, project, unknown, ProjectRole::Viewer).await;
    assert!(matches!(refused, Err(Error::UnknownUser(user)) if user == unknown));
    bench
        .execute("UPDATE users SET disabled_at = created_at WHERE email LIKE 'bob%'")
        .await;
    let refused = accounts
        .add_member(&ada, project, bob.user_id, ProjectRole::Viewer)
        .await;
    assert_eq!(problems(&refused), [("user_id", "unknown")]);
    for name in ["", " ", "a\nb", &"x".repeat(201)] {
        let refused = accounts.create_project(&ada, name).await;
        assert_eq!(problems(&refused), [("name", "invalid_value")]);
    }
}
