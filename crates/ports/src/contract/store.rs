//! What every [`Store`] must do, as checks that each get an empty one.
//!
//! Only what can be asked through the trait is checked here; that a store forgets nothing in a crash is each adapter's own test.
//! The checks need no clock: times are those of the drafts.

mod appends;
mod conversations;
mod everyone;
mod groups;
mod pages;
mod positions;
mod scene;
mod sends;
mod unread;

use std::pin::Pin;
use std::sync::Arc;

use tokio::task::JoinSet;

use crate::store::Store;
use scene::Scene;

/// A check: its name, which says what must hold, and what it does.
type Check = (&'static str, fn(Scene) -> Pin<Box<dyn Future<Output = ()> + Send>>);

macro_rules! checks {
    ($($module:ident: $($check:ident),+ $(,)?;)+) => {
        const CHECKS: &[Check] = &[$($(
            (stringify!($check), |scene| Box::pin($module::$check(scene))),
        )+)+];
    };
}

checks! {
    appends:
        seqs_have_no_holes_however_many_send_at_once,
        concurrent_appends_of_one_caller_keep_their_order,
        time_never_runs_back_within_a_conversation,
        content_is_kept_byte_for_byte,
        ids_that_look_like_numbers_or_patterns_are_only_text,
        a_direct_message_to_someone_who_never_came_is_kept,
        what_was_appended_is_readable_at_once;
    sends:
        the_same_send_again_gives_the_first_message,
        the_same_send_many_times_at_once_is_kept_once,
        the_same_id_for_other_bytes_is_a_conflict,
        the_same_id_of_another_sender_is_another_send,
        one_of_a_list_is_remembered_for_each_user_on_its_own,
        a_repeated_send_is_answered_after_its_sender_has_left_the_group;
    groups:
        only_members_send_to_a_group_but_the_service_may,
        a_group_that_is_not_there_is_not_found,
        a_group_exists_from_put_on_and_may_be_empty,
        members_are_made_exactly_those_that_are_put,
        adding_makes_the_group_only_where_it_may,
        the_version_grows_with_each_change_and_with_nothing_else,
        a_message_carries_the_version_that_it_was_said_under,
        a_member_sees_only_what_came_after_joining,
        who_joins_again_sees_nothing_of_the_time_between,
        who_has_left_is_shown_nothing,
        a_group_made_again_goes_on_above_its_old_log,
        the_groups_of_users_are_told_in_the_order_asked,
        ten_thousand_members_fit_in_one_call,
        racing_changes_of_a_group_all_count;
    everyone:
        everyone_needs_no_members_and_has_no_roster,
        the_cursor_for_everyone_starts_at_the_head_of_the_first_arrival,
        what_everyone_is_told_counts_while_away,
        the_history_of_everyone_is_open_to_all,
        everyone_is_listed_once_it_has_a_message,
        the_members_of_everyone_cannot_be_changed;
    unread:
        unread_counts_others_messages_only,
        a_send_moves_the_cursor_along_when_nothing_unread_lies_below,
        a_send_above_something_unread_leaves_the_cursor,
        reading_up_to_ones_own_message_leaves_the_count_right,
        own_messages_that_a_send_has_passed_are_not_counted_again,
        own_messages_of_an_earlier_membership_are_not_counted_again,
        the_cursor_goes_forward_only_and_never_above_the_head,
        reading_is_refused_where_one_does_not_belong,
        unread_is_listed_the_latest_first_and_cut,
        to_oneself_is_never_unread,
        joining_a_group_starts_with_nothing_unread,
        unread_of_many_users_comes_in_the_order_asked;
    positions:
        a_position_is_the_cursor_where_that_is_lower,
        a_position_is_never_above_the_head_at_arrival,
        a_session_without_cursors_starts_at_the_head_of_its_arrival,
        positions_come_in_the_order_asked,
        recent_heads_are_those_of_the_users_own_conversations;
    pages:
        the_latest_page_goes_backwards_from_the_head,
        a_page_before_ends_just_below,
        a_page_after_starts_just_above,
        a_page_is_cut_by_bytes_but_holds_one_message,
        an_empty_log_is_an_empty_page,
        a_stranger_reads_nothing,
        a_page_of_a_group_comes_with_its_roster,
        many_pages_are_read_at_once_in_the_order_asked;
    conversations:
        conversations_are_listed_the_latest_first,
        a_line_tells_head_unread_cursor_and_last_message,
        groups_without_messages_are_listed_too,
        a_late_member_is_not_shown_the_last_message_before,
        paging_shows_each_conversation_once_whatever_is_said_meanwhile,
        a_bookmark_that_nobody_gave_is_refused,
        a_group_that_was_left_is_not_listed;
}

/// Runs every check against a store of its own.
///
/// # Panics
///
/// When checks fail, with the names of all that did.
pub async fn run<F, S>(fresh: F)
where
    F: Fn() -> S,
    S: Future<Output = Arc<dyn Store>>,
{
    let mut failed = Vec::new();
    for (name, check) in CHECKS {
        let store = fresh().await;
        let mut running = JoinSet::new();
        running.spawn(check(Scene::new(store.clone())));
        while let Some(ended) = running.join_next().await {
            if ended.is_err() {
                failed.push(*name);
            }
        }
        store.close().await;
    }
    assert!(failed.is_empty(), "{} of {} checks failed: {failed:?}", failed.len(), CHECKS.len());
}
