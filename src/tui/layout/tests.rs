//! Properties of the layout over all sizes, and its promises at a few.

use proptest::prelude::*;

use super::*;

fn shown(width: u16, height: u16) -> Vec<Panel> {
    let layout = arrange(Rect::new(0, 0, width, height));
    layout.iter().map(|(panel, _)| panel).collect()
}

proptest! {
    #[test]
    fn panels_never_overlap_and_never_leave_the_area(
        x in 0..5u16, y in 0..5u16, width in 0..300u16, height in 0..100u16,
    ) {
        let area = Rect::new(x, y, width, height);
        let layout = arrange(area);
        let places: Vec<_> = layout.iter().collect();
        for (at, (panel, place)) in places.iter().enumerate() {
            prop_assert_eq!(area.intersection(*place), *place, "{:?} leaves the area", panel);
            for (other, second) in &places[at + 1..] {
                prop_assert!(!place.intersects(*second), "{:?} covers {:?}", panel, other);
            }
        }
        if !layout.body.is_empty() {
            prop_assert_eq!(area.intersection(layout.body), layout.body);
        }
    }

    #[test]
    fn a_column_is_filled_to_the_last_row(width in 1..109u16, height in 6..100u16) {
        let layout = arrange(Rect::new(0, 0, width, height));
        let rows: u16 = layout.iter().map(|(_, place)| place.height).sum();
        prop_assert!(rows == height || rows + 1 == height, "{} of {}", rows, height);
    }

    #[test]
    fn the_verdict_is_the_second_row_and_the_keys_the_last(
        width in 1..300u16, height in 8..100u16,
    ) {
        let layout = arrange(Rect::new(0, 0, width, height));
        prop_assert_eq!(layout.get(Panel::Verdict).map(|place| place.y), Some(1));
        let last = layout.get(Panel::Footer).map(|place| place.bottom());
        prop_assert!(last == Some(height) || last == Some(height - 1));
    }

    #[test]
    fn a_taller_screen_never_loses_a_panel(width in 1..109u16, height in 0..60u16) {
        let small = shown(width, height);
        let tall = shown(width, height + 1);
        prop_assert!(small.iter().all(|panel| tall.contains(panel)));
    }
}

#[test]
fn at_60x10_verdict_bar_worst_guard_and_keys_remain() {
    let panels = shown(60, 10);
    for panel in [Panel::Verdict, Panel::Work, Panel::Guards, Panel::Footer] {
        assert!(panels.contains(&panel), "{panel:?} of {panels:?}");
    }
}

#[test]
fn below_80x24_events_go_first_then_the_tree() {
    let all = shown(80, 24);
    assert!(all.contains(&Panel::Events) && all.contains(&Panel::Tree));
    let fewer = shown(80, 20);
    assert!(!fewer.contains(&Panel::Events) && fewer.contains(&Panel::Tree));
    let fewest = shown(80, 16);
    assert!(!fewest.contains(&Panel::Tree) && fewest.contains(&Panel::Gates));
}

#[test]
fn charts_and_steps_come_with_room() {
    for panel in [Panel::Charts, Panel::Steps] {
        assert!(shown(120, 40).contains(&panel));
        assert!(!shown(80, 24).contains(&panel));
    }
    for panel in [Panel::Detail, Panel::Parity, Panel::Notes] {
        assert!(shown(200, 60).contains(&panel));
    }
}
