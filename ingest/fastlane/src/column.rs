//! Columns under construction, and the buffers that Arrow wants of them.
//!
//! Rules
//! 1. A column holds one kind of value. A value that is not exactly of that kind is not taken: `read` says None, and the
//!    row is taken back by `shorten`.
//! 2. Buffers follow the Arrow columnar format: validity and booleans as bits, least significant first; offsets of 32
//!    bits; numbers in the machine's byte order. A column without a null has no validity.

use crate::{number, text};

/// What a column can hold. Anything but null in a column of `Null` is left to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nulls only: a column nothing else was seen in, or one of a kind that this decoder does not know.
    Null,
    /// true and false
    Boolean,
    /// 64 bits, signed
    Integer,
    /// doubles, and the integers that are the same number as doubles
    Float,
    /// UTF-8
    String,
    /// a list of strings, nulls among them
    Strings,
    /// a list of doubles, none of them null
    Numbers,
}

/// Values of one kind, null included: a null in `Integers` is a 0 that the validity hides.
#[derive(Debug)]
enum Values {
    Nothing,
    Booleans(Vec<u8>),
    Integers(Vec<i64>),
    Floats(Vec<f64>),
    Texts(Texts),
    Lists(Vec<i32>, Box<Column>),
}

#[derive(Debug)]
struct Texts {
    ends: Vec<i32>, // begins with 0
    bytes: Vec<u8>,
}

/// One column: `len` values, those at `nulls` are null.
#[derive(Debug)]
pub struct Column {
    len: usize,
    nulls: Vec<usize>,
    values: Values,
}

/// A buffer of a finished column, written where the caller wants it.
#[derive(Debug)]
pub enum Buffer<'a> {
    /// bits, all set but those at these places
    Validity(&'a [usize], usize),
    /// bits, one for each byte
    Bits(&'a [u8]),
    /// offsets
    Ends(&'a [i32]),
    /// 64-bit integers
    Integers(&'a [i64]),
    /// doubles
    Floats(&'a [f64]),
    /// UTF-8
    Bytes(&'a [u8]),
}

impl Column {
    /// An empty column.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        let values = match kind {
            Kind::Null => Values::Nothing,
            Kind::Boolean => Values::Booleans(Vec::new()),
            Kind::Integer => Values::Integers(Vec::new()),
            Kind::Float => Values::Floats(Vec::new()),
            Kind::String => Values::Texts(Texts { ends: vec![0], bytes: Vec::new() }),
            Kind::Strings => Values::Lists(vec![0], Box::new(Column::new(Kind::String))),
            Kind::Numbers => Values::Lists(vec![0], Box::new(Column::new(Kind::Float))),
        };
        Column { len: 0, nulls: Vec::new(), values }
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many of them are null.
    #[must_use]
    pub fn null_count(&self) -> usize {
        if matches!(self.values, Values::Nothing) { self.len } else { self.nulls.len() }
    }

    /// Whether the last value is null.
    #[must_use]
    pub fn ends_with_null(&self) -> bool {
        matches!(self.values, Values::Nothing) || self.nulls.last().is_some_and(|place| place + 1 == self.len)
    }

    /// Append a null.
    pub fn push_null(&mut self) {
        match &mut self.values {
            Values::Nothing => {}
            Values::Booleans(values) => values.push(0),
            Values::Integers(values) => values.push(0),
            Values::Floats(values) => values.push(0.0),
            Values::Texts(Texts { ends, .. }) | Values::Lists(ends, _) => ends.push(*ends.last().unwrap_or(&0)),
        }
        if !matches!(self.values, Values::Nothing) {
            self.nulls.push(self.len);
        }
        self.len += 1;
    }

    /// Append the value at `at`, null included; where it ends. On None the column may hold part of it: `shorten` it.
    #[inline]
    pub fn read(&mut self, message: &str, at: usize) -> Option<usize> {
        let text = message.as_bytes();
        if text.get(at) == Some(&b'n') {
            let end = literal(text, at, b"null")?;
            self.push_null();
            return Some(end);
        }
        let end = match &mut self.values {
            Values::Nothing => return None,
            Values::Booleans(values) => {
                let value = text.get(at) == Some(&b't');
                let end = literal(text, at, if value { b"true" } else { b"false" })?;
                values.push(u8::from(value));
                end
            }
            Values::Integers(values) => {
                let (value, end) = number::integer(text, at)?;
                values.push(value);
                end
            }
            Values::Floats(values) => {
                let (value, end) = number::float(message, at)?;
                values.push(value);
                end
            }
            Values::Texts(texts) => {
                let end = text::string(text, at, &mut texts.bytes)?;
                texts.ends.push(i32::try_from(texts.bytes.len()).ok()?);
                end
            }
            Values::Lists(ends, items) => {
                let end = list(message, at, items)?;
                ends.push(i32::try_from(items.len).ok()?);
                end
            }
        };
        self.len += 1;
        Some(end)
    }

    /// Take back what was appended past `len` values.
    pub fn shorten(&mut self, len: usize) {
        match &mut self.values {
            Values::Nothing => {}
            Values::Booleans(values) => values.truncate(len),
            Values::Integers(values) => values.truncate(len),
            Values::Floats(values) => values.truncate(len),
            Values::Texts(texts) => {
                texts.ends.truncate(len + 1);
                texts.bytes.truncate(last(&texts.ends));
            }
            Values::Lists(ends, items) => {
                ends.truncate(len + 1);
                items.shorten(last(ends));
            }
        }
        while self.nulls.last().is_some_and(|place| *place >= len) {
            self.nulls.pop();
        }
        self.len = self.len.min(len);
    }

    /// The buffers in Arrow's order, those of a list's items after its own. None for the validity of a column that has
    /// no null; nothing at all for a column of nulls only.
    pub fn buffers<'a>(&'a self, into: &mut Vec<Option<Buffer<'a>>>) {
        if !matches!(self.values, Values::Nothing) {
            into.push((!self.nulls.is_empty()).then_some(Buffer::Validity(&self.nulls, self.len)));
        }
        match &self.values {
            Values::Nothing => {}
            Values::Booleans(values) => into.push(Some(Buffer::Bits(values))),
            Values::Integers(values) => into.push(Some(Buffer::Integers(values))),
            Values::Floats(values) => into.push(Some(Buffer::Floats(values))),
            Values::Texts(texts) => into.extend([Some(Buffer::Ends(&texts.ends)), Some(Buffer::Bytes(&texts.bytes))]),
            Values::Lists(ends, items) => {
                into.push(Some(Buffer::Ends(ends)));
                items.buffers(into);
            }
        }
    }

    /// A list's items; None for any other kind.
    #[must_use]
    pub fn items(&self) -> Option<&Column> {
        if let Values::Lists(_, items) = &self.values { Some(items) } else { None }
    }
}

fn last(ends: &[i32]) -> usize {
    ends.last().and_then(|end| usize::try_from(*end).ok()).unwrap_or(0)
}

#[inline]
fn literal(text: &[u8], at: usize, word: &[u8]) -> Option<usize> {
    text[at..].starts_with(word).then_some(at + word.len())
}

/// Where the blanks from `at` on end.
#[inline]
#[must_use]
pub fn blanks(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

fn list(message: &str, at: usize, items: &mut Column) -> Option<usize> {
    let text = message.as_bytes();
    if text.get(at) != Some(&b'[') {
        return None;
    }
    // A null among numbers is no list of numbers; among strings it is one of theirs.
    let nullable = matches!(items.values, Values::Texts(_));
    let mut at = blanks(text, at + 1);
    if text.get(at) == Some(&b']') {
        return Some(at + 1);
    }
    loop {
        if !nullable && text.get(at) == Some(&b'n') {
            return None;
        }
        at = blanks(text, items.read(message, at)?);
        match text.get(at)? {
            b',' => at = blanks(text, at + 1),
            b']' => return Some(at + 1),
            _ => return None,
        }
    }
}

impl Buffer<'_> {
    /// How many bytes it has.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Buffer::Validity(_, len) => len.div_ceil(8),
            Buffer::Bits(values) => values.len().div_ceil(8),
            Buffer::Ends(values) => values.len() * 4,
            Buffer::Integers(values) => values.len() * 8,
            Buffer::Floats(values) => values.len() * 8,
            Buffer::Bytes(values) => values.len(),
        }
    }

    /// Write it into `place`, which has its size.
    pub fn write(&self, place: &mut [u8]) {
        match self {
            Buffer::Validity(nulls, _) => {
                place.fill(0xFF);
                for null in *nulls {
                    place[null / 8] &= !(1 << (null % 8));
                }
            }
            Buffer::Bits(values) => {
                for (bits, values) in place.iter_mut().zip(values.chunks(8)) {
                    *bits = values.iter().rev().fold(0, |bits, value| bits << 1 | value);
                }
            }
            Buffer::Ends(values) => copy(place, values, i32::to_ne_bytes),
            Buffer::Integers(values) => copy(place, values, i64::to_ne_bytes),
            Buffer::Floats(values) => copy(place, values, f64::to_ne_bytes),
            Buffer::Bytes(values) => place.copy_from_slice(values),
        }
    }
}

fn copy<T: Copy, const N: usize>(place: &mut [u8], values: &[T], bytes: impl Fn(T) -> [u8; N]) {
    for (place, value) in place.chunks_exact_mut(N).zip(values) {
        place.copy_from_slice(&bytes(*value));
    }
}

#[cfg(test)]
mod tests {
    use super::{Column, Kind};

    fn bytes(column: &Column) -> Vec<Option<Vec<u8>>> {
        let mut buffers = Vec::new();
        column.buffers(&mut buffers);
        let write = |buffer: super::Buffer| {
            let mut place = vec![0; buffer.size()];
            buffer.write(&mut place);
            place
        };
        buffers.into_iter().map(|buffer| buffer.map(write)).collect()
    }

    fn of(kind: Kind, values: &[&str]) -> Column {
        let mut column = Column::new(kind);
        for value in values {
            assert_eq!(column.read(value, 0), Some(value.len()), "{value}");
        }
        column
    }

    #[test]
    fn buffers_are_arrows() {
        let ends = |values: &[i32]| Some(values.iter().flat_map(|value| value.to_ne_bytes()).collect::<Vec<u8>>());
        assert_eq!(
            bytes(&of(Kind::Boolean, &["true", "null", "false", "true"])),
            [Some(vec![0xFD]), Some(vec![0b1001])]
        );
        let integers = [1i64.to_ne_bytes(), (-1i64).to_ne_bytes()].concat();
        assert_eq!(bytes(&of(Kind::Integer, &["1", "-1"])), [None, Some(integers)]);
        let texts = of(Kind::String, &["\"ab\"", "null", "\"\"", "\"c\""]);
        assert_eq!(bytes(&texts), [Some(vec![0xFD]), ends(&[0, 2, 2, 2, 3]), Some(b"abc".to_vec())]);
        let lists = of(Kind::Strings, &["[\"a\", null ]", "[ ]", "null"]);
        assert_eq!(
            bytes(&lists),
            [Some(vec![0xFB]), ends(&[0, 2, 2, 2]), Some(vec![0xFD]), ends(&[0, 1, 1]), Some(b"a".to_vec())]
        );
        assert_eq!(lists.items().map(Column::len), Some(2));
        let numbers = of(Kind::Numbers, &["[0.5,1]"]);
        let floats = [0.5f64.to_ne_bytes(), 1f64.to_ne_bytes()].concat();
        assert_eq!(bytes(&numbers), [None, ends(&[0, 2]), None, Some(floats)]);
        assert!(bytes(&of(Kind::Null, &["null"])).is_empty());
    }

    #[test]
    fn a_column_forgets_what_is_taken_back() {
        let kinds = [Kind::Null, Kind::Boolean, Kind::Integer, Kind::Float, Kind::String, Kind::Strings, Kind::Numbers];
        let values = ["null", "true", "7", "0.5", "\"x\"", "[\"x\",null]", "[1,2.5]"];
        for (kind, value) in kinds.into_iter().zip(values) {
            let mut column = of(kind, &[value, "null", value, "null"]);
            column.shorten(2);
            assert_eq!(bytes(&column), bytes(&of(kind, &[value, "null"])));
            assert_eq!((column.len(), column.null_count()), (2, if kind == Kind::Null { 2 } else { 1 }));
        }
    }

    #[test]
    fn half_a_value_is_taken_back() {
        for (kind, good, broken) in [
            (Kind::String, "\"good\"", "\"half"),
            (Kind::Strings, "[\"good\"]", "[\"half\", 1]"),
            (Kind::Numbers, "[1]", "[2, null]"),
        ] {
            let mut column = of(kind, &[good]);
            assert_eq!(column.read(broken, 0), None);
            column.shorten(1);
            assert_eq!(bytes(&column), bytes(&of(kind, &[good])));
        }
    }

    #[test]
    fn another_kind_is_not_taken() {
        let values =
            ["true", "7", "0.5", "\"x\"", "[\"x\"]", "[0.5]", "{}", "nul", "tru", "[[1]]", "[1,]", "[,1]", "[1 2]"];
        for (kind, own) in [
            (Kind::Null, &[][..]),
            (Kind::Boolean, &["true"]),
            (Kind::Integer, &["7"]),
            (Kind::Float, &["7", "0.5"]),
            (Kind::String, &["\"x\""]),
            (Kind::Strings, &["[\"x\"]"]),
            (Kind::Numbers, &["[0.5]"]),
        ] {
            for value in values {
                assert_eq!(Column::new(kind).read(value, 0).is_some(), own.contains(&value), "{kind:?} {value}");
            }
        }
    }
}
