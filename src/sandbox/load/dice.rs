//! Owns the clients' choices: repeatable for a seed, no secrets in them.

/// SplitMix64 (Steele, Lea, Flood 2014): small, and good enough to pick rows.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    /// Different dice for each client of one load.
    pub(super) fn new(seed: u64, client: u32) -> Self {
        Self(seed ^ (u64::from(client) << 32))
    }

    /// A number from 0 up to and without `limit`, which is not 0.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    /// True in `percent` of a hundred throws.
    pub(super) fn chance(&mut self, percent: u8) -> bool {
        self.below(100) < u64::from(percent)
    }
}
