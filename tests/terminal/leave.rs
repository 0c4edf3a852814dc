//! The ways out: by key, by signal, by a mistake of ours.

use crate::demo::Demo;

#[test]
fn q_asks_and_y_leaves_the_run_held() {
    let mut demo = Demo::start(5_000);
    demo.shows("NOT STARTED");
    demo.press("q");
    demo.shows("hold and leave");
    demo.press("\x1b");
    demo.waits("the dashboard", |text| !text.contains("hold and leave"));
    demo.press("q");
    demo.shows("hold and leave");
    demo.press("y");
    demo.ends_without_a_trace(3);
    demo.is_restored();
}

#[test]
fn without_its_screen_a_run_goes_on_in_lines() {
    let mut demo = Demo::start(5_000);
    demo.shows("NOT STARTED");
    demo.press("q");
    demo.shows("go on without this terminal");
    demo.press("g");
    demo.is_restored();
    demo.shows("NOT STARTED: ");
    // Raw mode is over: the terminal makes a signal of it.
    demo.press("\x03");
    demo.ends_without_a_trace(3);
    demo.shows("held by");
}

#[test]
fn ctrl_c_holds_and_asks() {
    let mut demo = Demo::start(5_000);
    demo.shows("NOT STARTED");
    demo.press("\x03");
    demo.shows("hold and leave");
    demo.shows("HELD");
    demo.shows("the run is held now");
    demo.press("y");
    demo.ends_without_a_trace(3);
    demo.is_restored();
}

#[test]
fn sigterm_holds_leaves_and_restores_the_terminal() {
    let mut demo = Demo::start(5_000);
    demo.advances("expand");
    demo.shows("Ready for dual-write");
    demo.signal("TERM");
    demo.ends_without_a_trace(3);
    demo.is_restored();
}

#[test]
fn a_panic_restores_the_terminal_before_it_is_told() {
    let panic = [("PGCUTOVER_PANIC_AT", "ddl-after-commit")];
    let mut demo = Demo::with(5_000, &[], &panic, crate::demo::SMALL);
    demo.advances("expand");
    demo.ends_without_a_trace(1);
    demo.is_restored();
    demo.shows("told to panic at `ddl-after-commit`");
}
