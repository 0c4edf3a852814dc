//! Driving with the keys that the screen names.

use crate::demo::Demo;

#[test]
fn the_keys_on_the_screen_lead_from_not_started_to_finished() {
    let mut demo = Demo::start(5_000);
    demo.shows("a advances");
    demo.advances_into_the_backfill();
    demo.shows("Ready for read-switch");
    demo.advances("read-switch");
    demo.signs();
    demo.shows("Ready for contract");
    demo.press("a");
    demo.shows("after drop-old: the old column's data is gone");
    demo.types("type users-email-rename ", "users-email-rename");
    demo.confirms("advance into contract");
    demo.shows("FINISHED");
    demo.press("q");
    demo.ends_without_a_trace(0);
    demo.is_restored();
    demo.shows("every write of every client is there");
}

#[test]
fn the_point_of_no_return_wants_its_id_typed() {
    let mut demo = Demo::start(5_000);
    demo.advances_into_the_backfill();
    demo.shows("Ready for read-switch");
    demo.advances("read-switch");
    demo.signs();
    demo.shows("Ready for contract");
    demo.press("a");
    demo.shows("no way back: type");
    demo.types("type users-email-rename ", "yes");
    // Out of the text, so that y means yes.
    demo.press("\t");
    demo.press("y");
    demo.shows("type users-email-rename first");
    assert!(demo.text().contains("READ-SWITCH"), "{}", demo.text());
}

#[test]
fn a_backfill_is_paused_paced_held_and_let_go_on() {
    let mut demo = Demo::start(300_000);
    demo.advances_into_the_backfill();
    demo.press("p");
    demo.shows("PAUSED");
    demo.shows("paused by");
    // 90, 80 ... 1 %, each once the one before was taken.
    for pace in [90, 80, 70, 60, 50, 40, 30, 20, 10, 5, 2, 1] {
        demo.press("-");
        demo.shows(&format!("you {pace}%"));
    }
    demo.press("r");
    demo.shows("pace 1%: you 1%");
    demo.shows("RUNNING");
    demo.press(" ");
    demo.shows("HELD");
    demo.shows("held: no task runs");
    demo.press("r");
    demo.confirms("release the hold");
    demo.shows("RUNNING");
    for pace in [2, 5, 10] {
        demo.press("+");
        demo.shows(&format!("you {pace}%"));
    }
}

#[test]
fn sigusr1_holds_under_the_open_dashboard_which_says_so_and_goes_on() {
    let mut demo = Demo::start(300_000);
    demo.advances_into_the_backfill();
    demo.press("?");
    demo.shows("always, in dialogs");
    demo.signal("USR1");
    demo.shows("Held by");
    demo.shows("SIGUSR1");
    demo.press("q");
    demo.shows("held: no task runs");
    demo.press("r");
    demo.confirms("release the hold");
    demo.waits("the backfill", |text| {
        !text.contains("HELD") && !text.contains("SIGUSR1: ")
    });
    demo.press("q");
    demo.shows("the run is not held now");
    demo.press("y");
    demo.ends_without_a_trace(3);
}

#[test]
fn b_takes_a_phase_back() {
    let mut demo = Demo::start(5_000);
    demo.shows("NOT STARTED");
    demo.press("b");
    demo.shows("roll back: nothing has been entered");
    demo.advances("expand");
    demo.shows("Ready for dual-write");
    demo.press("b");
    demo.shows("DROP COLUMN email_address");
    demo.confirms("roll back expand");
    demo.shows("expand rolled back");
    demo.shows("[·]expand #2");
}

#[test]
fn enter_a_pasted_page_and_ctrl_z_do_nothing() {
    let mut demo = Demo::start(5_000);
    demo.shows("NOT STARTED");
    demo.press("\x1a");
    demo.shows("a stopped lead would keep its locks");
    // With the marks of a paste, and without.
    let page = "aybyqy\r".repeat(300);
    demo.press(&format!("\x1b[200~{page}\x1b[201~"));
    demo.shows("pasted text is dropped");
    demo.press("a");
    demo.shows("advance into expand");
    demo.press("\r");
    demo.press(&page);
    demo.shows("pasted text is dropped");
    // In the order of the keys: all of the page has been read by then.
    let refused = |text: &str| text.contains("a stopped lead would keep its locks");
    demo.presses_until("\x1a", refused);
    assert!(demo.text().contains("NOT STARTED"), "{}", demo.text());
    assert!(
        demo.text().contains("advance into expand"),
        "{}",
        demo.text()
    );
}
