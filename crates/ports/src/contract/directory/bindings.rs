//! Checks of [`Directory::locate`](crate::Directory::locate) and of how the directory says that it is.

use super::{DirectoryBed, Stage, done};

pub(super) async fn check_bindings(bed: &dyn DirectoryBed) {
    users_are_located_in_the_order_given_however_many(bed).await;
    a_directory_that_answers_is_up(bed).await;
}

/// Those without a session and those named twice too.
pub async fn users_are_located_in_the_order_given_however_many(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let (boot, absent) = (stage.boot(), stage.user());
    let mut users = Vec::new();
    for number in 0..600 {
        users.push(stage.user());
        if number % 3 == 0 {
            stage.claim(&stage.login(&users[number], &boot)).await;
        }
    }
    users.extend([absent.clone(), users[0].clone(), absent]);
    let located = done("locate", stage.directory.locate(&users).await);
    assert_eq!(located.len(), users.len());
    for (number, (user, bindings)) in users.iter().zip(&located).enumerate() {
        let is_bound = number == 601 || number < 600 && number % 3 == 0;
        assert_eq!(bindings.len(), usize::from(is_bound), "number {number}: {bindings:?}");
        assert!(bindings.iter().all(|binding| binding.user == *user), "number {number}: {bindings:?}");
    }
    assert_eq!(done("locate", stage.directory.locate(&[]).await), Vec::<Vec<_>>::new());
}

/// Also after a call that was refused.
pub async fn a_directory_that_answers_is_up(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let late = crate::directory::Claim { deadline_us: 0, ..stage.login(&stage.user(), &stage.boot()) };
    assert!(stage.directory.claim(&late).await.is_err());
    assert!(stage.directory.state().up, "{:?}", stage.directory.state());
}
