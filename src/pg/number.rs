//! Owns a number of any of Postgres' numeric types, as `f64`; never a text.

use std::error::Error;

use tokio_postgres::types::{FromSql, Type, accepts};

/// A value of a numeric type. NaN and infinities stay what they are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Number(pub(super) f64);

impl<'a> FromSql<'a> for Number {
    accepts!(INT2, INT4, INT8, FLOAT4, FLOAT8, NUMERIC);

    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(match *ty {
            Type::INT2 => f64::from(i16::from_sql(ty, raw)?),
            Type::INT4 => f64::from(i32::from_sql(ty, raw)?),
            Type::INT8 => i64::from_sql(ty, raw)? as f64,
            Type::FLOAT4 => f64::from(f32::from_sql(ty, raw)?),
            Type::FLOAT8 => f64::from_sql(ty, raw)?,
            _ => numeric(raw).ok_or("a numeric of an unknown form")?,
        }))
    }
}

/// The wire form of `numeric` (`numeric_send` in the server's `numeric.c`):
/// digits to the base 10,000 behind their count, the first one's weight, a sign
/// and a scale.
fn numeric(raw: &[u8]) -> Option<f64> {
    let (words, rest) = raw.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let words: Vec<u16> = words.iter().map(|word| u16::from_be_bytes(*word)).collect();
    let [_, weight, sign, _, digits @ ..] = words.as_slice() else {
        return None;
    };
    let sign = match sign {
        0x0000 => 1.0,
        0x4000 => -1.0,
        0xC000 => return Some(f64::NAN),
        0xD000 => return Some(f64::INFINITY),
        0xF000 => return Some(f64::NEG_INFINITY),
        _ => return None,
    };
    let weight = i32::from(weight.cast_signed());
    let powers = (0..).map(|at| 10_000_f64.powi(weight - at));
    let size: f64 = digits
        .iter()
        .zip(powers)
        .map(|(digit, power)| f64::from(*digit) * power)
        .sum();
    Some(sign * size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[u16]) -> Option<f64> {
        let raw: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        numeric(&raw)
    }

    #[test]
    fn numerics_read_as_the_server_sends_them() {
        // 12345.678 is 1 * 10000 + 2345 + 6780 / 10000.
        assert_eq!(of(&[3, 1, 0, 3, 1, 2345, 6780]), Some(12_345.678));
        assert_eq!(of(&[1, 0xFFFF, 0x4000, 2, 200]), Some(-0.02));
        assert_eq!(of(&[0, 0, 0, 0]), Some(0.0));
        assert!(of(&[0, 0, 0xC000, 0]).unwrap().is_nan());
        assert_eq!(of(&[0, 0]), None);
        assert_eq!(numeric(&[0]), None);
    }
}
