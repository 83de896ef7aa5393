//! Numbers, each to the one value that its text means.
//!
//! Rules
//! 1. The grammar is JSON's: no leading zero, no bare point, no sign but a minus. What follows the number is the
//!    caller's business.
//! 2. An integer is taken within 64 bits, signed. `-0` is left to others: as an integer it has no sign to keep.
//! 3. A float is the double nearest to its text, ties to even: small ones by one exact multiplication or division
//!    (both operands are whole numbers that a double holds, so the one rounding is the right one), all others by the
//!    standard library's parser, which rounds correctly. One past the largest double is left to others.
//! 4. An integer in a column of floats is taken up to 2^53, where the double is the same number.

const EXACT: u64 = 1 << 53;
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// What was read, and where it ends.
type Read<T> = Option<(T, usize)>;

fn digit(text: &[u8], at: usize) -> Option<u64> {
    let byte = text.get(at)?.wrapping_sub(b'0');
    (byte < 10).then_some(u64::from(byte))
}

fn sign(text: &[u8], at: usize) -> (bool, usize) {
    let negative = text.get(at) == Some(&b'-');
    (negative, at + usize::from(negative))
}

/// The digits from `at`: their value (wrapped past 64 bits; 19 digits always fit) and where they end.
fn digits(text: &[u8], at: usize, mut value: u64) -> (u64, usize) {
    let mut end = at;
    while let Some(next) = digit(text, end) {
        value = value.wrapping_mul(10).wrapping_add(next);
        end += 1;
    }
    (value, end)
}

/// A whole part: its value and end, None without digits or with a leading zero.
fn whole(text: &[u8], at: usize) -> Read<u64> {
    let (value, end) = digits(text, at, 0);
    (end > at && (end == at + 1 || text[at] != b'0')).then_some((value, end))
}

fn signed(negative: bool, value: u64, digits: usize) -> Option<i64> {
    if digits > 19 || (negative && value == 0) {
        return None;
    }
    if negative { 0i64.checked_sub_unsigned(value) } else { i64::try_from(value).ok() }
}

fn is_float(text: &[u8], at: usize) -> bool {
    matches!(text.get(at), Some(b'.' | b'e' | b'E'))
}

/// An integer at `at` within 64 bits; None for anything else, a float too.
#[inline]
pub fn integer(text: &[u8], at: usize) -> Read<i64> {
    let (negative, start) = sign(text, at);
    let (value, end) = whole(text, start)?;
    if is_float(text, end) {
        return None;
    }
    Some((signed(negative, value, end - start)?, end))
}

/// A number at `at` as a double that is the same number, or the nearest one if it is written as a float.
#[inline]
#[allow(clippy::cast_precision_loss)] // only up to 2^53, where none is lost
pub fn float(message: &str, at: usize) -> Read<f64> {
    let text = message.as_bytes();
    let (negative, start) = sign(text, at);
    let (mut mantissa, mut end) = whole(text, start)?;
    if !is_float(text, end) {
        let value = signed(negative, mantissa, end - start)?;
        return (value.unsigned_abs() <= EXACT).then_some((value as f64, end));
    }
    let mut count = end - start;
    let mut exponent = 0i64;
    if text[end] == b'.' {
        let point = end + 1;
        (mantissa, end) = digits(text, point, mantissa);
        if end == point {
            return None;
        }
        count += end - point;
        exponent -= i64::try_from(end - point).ok()?;
    }
    if matches!(text.get(end), Some(b'e' | b'E')) {
        let minus = text.get(end + 1) == Some(&b'-');
        let first = end + 1 + usize::from(minus || text.get(end + 1) == Some(&b'+'));
        let (value, last) = digits(text, first, 0);
        if last == first {
            return None;
        }
        // Past nine digits only the standard library knows what it is worth.
        let value = if last - first <= 9 { i64::try_from(value).ok()? } else { i64::from(u32::MAX) };
        exponent += if minus { -value } else { value };
        end = last;
    }
    if count <= 19 && mantissa <= EXACT && exponent.unsigned_abs() < POWERS.len() as u64 {
        let power = POWERS[usize::try_from(exponent.unsigned_abs()).ok()?];
        let value = if exponent < 0 { mantissa as f64 / power } else { mantissa as f64 * power };
        return Some((if negative { -value } else { value }, end));
    }
    let value: f64 = message.get(at..end)?.parse().ok()?;
    value.is_finite().then_some((value, end))
}

#[cfg(test)]
mod tests {
    use super::{float, integer};

    #[test]
    fn integers_within_64_bits_are_taken() {
        assert_eq!(integer(b"0,", 0), Some((0, 1)));
        assert_eq!(integer(b"-17}", 0), Some((-17, 3)));
        assert_eq!(integer(b"9223372036854775807", 0), Some((i64::MAX, 19)));
        assert_eq!(integer(b"-9223372036854775808", 0), Some((i64::MIN, 20)));
    }

    #[test]
    fn other_integers_are_not() {
        let strange =
            ["9223372036854775808", "-9223372036854775809", "18446744073709551616", "99999999999999999999", "-0"];
        for text in strange.into_iter().chain(["01", "-01", "00", "", "-", "+1", "1.0", "1e2", ".5", "x"]) {
            assert_eq!(integer(text.as_bytes(), 0), None, "{text}");
        }
    }

    #[test]
    fn floats_are_the_nearest_double() {
        let texts = ["0.1", "-0.0", "1e5", "1E+5", "4.9e-324", "2.4703282292062328e-324", "1e-400", "0e999999999999"];
        let long = ["123456789012345678901234567890e-10", "9007199254740993.0", "1.7976931348623157e308", "0.3e-22"];
        for text in texts.into_iter().chain(long) {
            let (value, end) = float(text, 0).expect(text);
            assert_eq!((value.to_bits(), end), (text.parse::<f64>().expect(text).to_bits(), text.len()), "{text}");
        }
    }

    #[test]
    fn integers_among_floats_are_taken_up_to_two_to_the_53() {
        assert_eq!(float("9007199254740992", 0), Some((9_007_199_254_740_992.0, 16)));
        assert_eq!(float("-9007199254740992", 0), Some((-9_007_199_254_740_992.0, 17)));
        for text in ["9007199254740993", "-9007199254740993", "9223372036854775808", "-0", "18446744073709551617"] {
            assert_eq!(float(text, 0), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_number_or_past_the_largest_double_is_not_taken() {
        for text in
            ["1e400", "-1e400", "1e99999999999", "1.", "1.e5", ".5", "1e", "1e+", "01.5", "-", "+1.5", "NaN", "inf"]
        {
            assert_eq!(float(text, 0), None, "{text}");
        }
    }
}
