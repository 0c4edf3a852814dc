//! How long a frame takes: drawn from the model into memory, and turned into
//! bytes for a terminal. The aim is 0.3 ms median for a drawn frame at 200x60;
//! `cargo bench --bench frame` on 2 idle cores gave 0.31 to 0.32 ms, and 0.10 ms
//! at 80x24.

use std::hint::black_box;

use divan::Bencher;
use pgcutover::engine::snapshot::State;
use pgcutover::tui::terminal::painter::Painter;

#[allow(dead_code, unused_imports, reason = "the screen tests use the rest")]
#[path = "../tests/screen/fixtures/mod.rs"]
mod fixtures;
#[allow(dead_code, unused_imports, reason = "the screen tests use the rest")]
#[path = "../tests/screen/plan.rs"]
mod plan;
#[allow(dead_code, unused_imports, reason = "the screen tests use the rest")]
#[path = "../tests/screen/stage.rs"]
mod stage;

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

fn main() {
    divan::main();
}

#[divan::bench(args = SIZES)]
fn draw(bencher: Bencher<'_, '_>, size: (u16, u16)) {
    let model = stage::model(fixtures::snapshot(State::Throttled), size, false);
    bencher.bench(|| stage::picture(black_box(&model)));
}

#[divan::bench(args = SIZES)]
fn paint_unchanged(bencher: Bencher<'_, '_>, size: (u16, u16)) {
    let model = stage::model(fixtures::snapshot(State::Throttled), size, false);
    let frame = stage::picture(&model);
    let mut painter = Painter::default();
    painter.paint(frame.clone()).expect("memory");
    bencher.bench_local(|| painter.paint(black_box(frame.clone())));
}
