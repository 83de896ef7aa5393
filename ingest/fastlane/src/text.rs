//! Strings: the characters between two quotes, escapes resolved.
//!
//! Rules
//! 1. The message is known to be UTF-8, so what stands between the quotes is, too.
//! 2. A control character, an unknown escape or half a surrogate pair is no string: it is left to others.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Where the next quote, backslash or control character stands, from `at` on; the end of `text` if there is none.
#[inline]
pub fn plain_until(text: &[u8], mut at: usize) -> usize {
    while let Some(eight) = text.get(at..at + 8).and_then(|bytes| <[u8; 8]>::try_from(bytes).ok()) {
        let word = u64::from_le_bytes(eight);
        let quote = word ^ (ONES * u64::from(b'"'));
        let backslash = word ^ (ONES * u64::from(b'\\'));
        // The lowest bit set is right; higher ones may be borrows, and only the lowest is used.
        let found = (quote.wrapping_sub(ONES) & !quote)
            | (backslash.wrapping_sub(ONES) & !backslash)
            | (word.wrapping_sub(ONES * 0x20) & !word);
        if found & HIGHS != 0 {
            return at + (found & HIGHS).trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while at < text.len() && text[at] != b'"' && text[at] != b'\\' && text[at] >= 0x20 {
        at += 1;
    }
    at
}

/// Put the string whose opening quote is at `at` into `into`; where it ends, after its closing quote.
#[inline]
pub fn string(text: &[u8], at: usize, into: &mut Vec<u8>) -> Option<usize> {
    if text.get(at) != Some(&b'"') {
        return None;
    }
    let mut from = at + 1;
    loop {
        let end = plain_until(text, from);
        into.extend_from_slice(&text[from..end]);
        match text.get(end)? {
            b'"' => return Some(end + 1),
            b'\\' => from = escape(text, end + 1, into)?,
            _ => return None,
        }
    }
}

/// Resolve the escape after the backslash; where it ends.
fn escape(text: &[u8], at: usize, into: &mut Vec<u8>) -> Option<usize> {
    let byte = match text.get(at)? {
        same @ (b'"' | b'\\' | b'/') => *same,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'u' => return unicode(text, at + 1, into),
        _ => return None,
    };
    into.push(byte);
    Some(at + 1)
}

fn unicode(text: &[u8], at: usize, into: &mut Vec<u8>) -> Option<usize> {
    let mut code = four(text, at)?;
    let mut end = at + 4;
    if (0xD800..0xDC00).contains(&code) {
        if text.get(end..end + 2)? != b"\\u" {
            return None;
        }
        let low = four(text, end + 2)?;
        if !(0xDC00..0xE000).contains(&low) {
            return None;
        }
        code = 0x1_0000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        end += 6;
    }
    let character = char::from_u32(code)?; // None for a low surrogate alone
    into.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    Some(end)
}

fn four(text: &[u8], at: usize) -> Option<u32> {
    text.get(at..at + 4)?.iter().try_fold(0, |code, byte| Some(code * 16 + char::from(*byte).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::{plain_until, string};

    fn read(text: &str) -> Option<String> {
        let mut into = Vec::new();
        let end = string(text.as_bytes(), 0, &mut into)?;
        assert_eq!(end, text.len());
        String::from_utf8(into).ok()
    }

    #[test]
    fn the_first_special_byte_is_found_wherever_it_stands() {
        for special in [b'"', b'\\', 0u8, 0x1F] {
            for place in 0..40 {
                for filling in [b'a', 0x20, 0x21, 0x23, 0x5B, 0x5D, 0x7F, 0x80, 0xA2, 0xDC, 0xFF] {
                    let mut text = [filling; 48];
                    text[place] = special;
                    text[place + 3] = b'"';
                    assert_eq!(plain_until(&text, 0), place);
                }
            }
        }
        assert_eq!(plain_until(&[b'x'; 21], 2), 21);
    }

    #[test]
    fn escapes_are_resolved() {
        assert_eq!(read(r#""""#).as_deref(), Some(""));
        assert_eq!(read(r#""a\"b\\c\/d\b\f\n\r\te""#).as_deref(), Some("a\"b\\c/d\u{8}\u{c}\n\r\te"));
        assert_eq!(read(r#""\u0000\u00e9\u6771\uD83D\uDE80 \ud83d\ude80""#).as_deref(), Some("\0é東🚀 🚀"));
        assert_eq!(read("\"Zürich 東京 🚀\u{7f}\"").as_deref(), Some("Zürich 東京 🚀\u{7f}"));
    }

    #[test]
    fn what_is_no_string_is_not_taken() {
        let halves =
            [r#""\ud83d""#, r#""\ude80""#, r#""\ud83d\u0041""#, r#""\ud83dx""#, r#""\ud83d\n""#, r#""\ud83d\ud83d""#];
        let escapes = [r#""\x41""#, r#""\u00g0""#, r#""\u+041""#, r#""\u12""#, r#""\"#, r#""\""#, r#""\u"#];
        for text in
            halves.into_iter().chain(escapes).chain(["\"", "\"abc", "abc", "", "\"a\nb\"", "\"\u{1f}\"", "\"\0\""])
        {
            assert_eq!(string(text.as_bytes(), 0, &mut Vec::new()), None, "{text:?}");
        }
    }
}
