//! Rows: one message after the other, each taken as a whole or handed back as a whole.
//!
//! Rules
//! 1. A row is taken only if orjson would take it and all its values fit the columns exactly. Everything else is handed
//!    back: unknown keys, one that stands twice, values of another kind, a required column that is missing or null, an
//!    empty object, escapes in a key, bad UTF-8, whatever is no JSON.
//! 2. A handed-back row leaves no trace: not in a column, and not in which columns the rows have.
//! 3. A missing key is a null. Nested objects are columns under their dotted paths (`ingest.pipeline.decoding.flatten`). A path
//!    may be met once in a row, whether it is a column or an object on the way to one.
//!
//! Theory: messages of one producer look alike. What stands between two values (comma, key, colon, blanks, braces) is
//! remembered as it was read last time: if the next message has the same bytes there, they mean the same column, and
//! nothing of it is parsed again. Two such steps are kept behind each column, so a key that comes and goes costs no more.
//! Where neither is found, the text is parsed, and what was read becomes a step.

use std::collections::HashMap;

use crate::column::{Column, Kind, blanks};

const MAX_DEPTH: usize = 16; // ingest.pipeline.decoding.flatten takes 32
const MAX_PLACES: usize = 10_000;
const MAX_STEP: usize = 512;

/// What is known of a column.
#[derive(Clone, Debug)]
pub struct Spec {
    /// its dotted path
    pub path: String,
    /// what it holds
    pub kind: Kind,
    /// a row without a value in it is handed back
    pub required: bool,
}

#[derive(Debug)]
struct Name {
    column: Option<usize>,
    is_object: bool,
    met: u64, // the row it was met in last
}

/// An object on the way: the root, or one of dotted path `prefix` (with its last dot).
#[derive(Debug)]
struct Place {
    prefix: String,
    parent: usize,
    depth: usize,
}

/// What stood between two values: from place `from`, `bytes` lead to a value of `column`, in `place`, through `objects`.
#[derive(Debug)]
struct Step {
    from: usize,
    bytes: Vec<u8>,
    column: usize,
    name: usize,
    place: usize,
    objects: Vec<usize>,
}

/// Columns and the rows taken so far.
#[derive(Debug)]
pub struct Rows {
    columns: Vec<Column>,
    specs: Vec<Spec>,
    required: Vec<usize>,
    names: Vec<Name>,
    by_path: HashMap<String, usize>,
    places: Vec<Place>,
    inner: HashMap<(usize, usize), usize>,
    steps: Vec<[Option<Step>; 2]>, // by the column that was read before; the last one is for the start of a message
    row: u64,                      // attempts, ever
    taken: usize,
    present: Vec<bool>,
    newly_present: Vec<usize>,
    order: Vec<usize>,
}

enum Walked {
    End,
    Value(Step, usize),
}

impl Rows {
    /// No rows yet, of columns like `specs`.
    #[must_use]
    pub fn new(specs: Vec<Spec>) -> Self {
        let mut rows = Rows {
            columns: specs.iter().map(|spec| Column::new(spec.kind)).collect(),
            required: (0..specs.len()).filter(|column| specs[*column].required).collect(),
            names: Vec::new(),
            by_path: HashMap::new(),
            places: vec![Place { prefix: String::new(), parent: 0, depth: 1 }],
            inner: HashMap::new(),
            steps: (0..=specs.len()).map(|_| [None, None]).collect(),
            row: 0,
            taken: 0,
            present: vec![false; specs.len()],
            newly_present: Vec::new(),
            order: Vec::new(),
            specs,
        };
        for column in 0..rows.specs.len() {
            let path = rows.specs[column].path.clone();
            for (dot, _) in path.match_indices('.') {
                let object = rows.name(&path[..dot]);
                rows.names[object].is_object = true;
            }
            let name = rows.name(&path);
            rows.names[name].column = Some(column);
        }
        rows
    }

    fn name(&mut self, path: &str) -> usize {
        if let Some(known) = self.by_path.get(path) {
            return *known;
        }
        self.names.push(Name { column: None, is_object: false, met: 0 });
        self.by_path.insert(path.to_owned(), self.names.len() - 1);
        self.names.len() - 1
    }

    /// How many rows were taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.taken
    }

    /// The columns that the rows taken have, and how many of them the first row has: these first, in its order, then the
    /// others by name.
    #[must_use]
    pub fn order(&self) -> (Vec<usize>, usize) {
        let mut order = self.order.clone();
        let first = order.len();
        let mut others = self.present.clone();
        for column in &order {
            others[*column] = false;
        }
        let mut others: Vec<usize> = (0..self.columns.len()).filter(|column| others[*column]).collect();
        others.sort_by(|one, other| self.specs[*one].path.cmp(&self.specs[*other].path));
        order.extend(others);
        (order, first)
    }

    /// One of the columns.
    #[must_use]
    pub fn column(&self, column: usize) -> &Column {
        &self.columns[column]
    }

    /// Begin again without rows. What was learned of the messages' look stays.
    pub fn clear(&mut self) {
        for column in &mut self.columns {
            column.shorten(0);
        }
        self.present.fill(false);
        self.order.clear();
        self.taken = 0;
    }

    /// Take one more row; false if it is handed back.
    pub fn take(&mut self, message: &[u8]) -> bool {
        self.row += 1;
        self.newly_present.clear();
        let read = std::str::from_utf8(message).ok().and_then(|message| self.read(message));
        if read.is_none_or(|count| !self.fill(count)) {
            self.hand_back();
            return false;
        }
        self.taken += 1;
        true
    }

    /// Read all values of a message; how many columns it had. None if it must be handed back.
    fn read(&mut self, message: &str) -> Option<usize> {
        let text = message.as_bytes();
        let (mut at, mut place, mut before, mut count) = (0, 0, self.columns.len(), 0);
        loop {
            let (column, name, next) = if let Some(side) = self.known(text, at, place, before) {
                let step = self.steps[before][side].as_ref()?;
                at += step.bytes.len();
                for object in &step.objects {
                    meet(&mut self.names, *object, self.row)?;
                }
                (step.column, step.name, step.place)
            } else {
                match self.walk(message, at, place, before == self.columns.len())? {
                    Walked::End => return (count > 0).then_some(count),
                    Walked::Value(step, end) => {
                        at = end;
                        let found = (step.column, step.name, step.place);
                        self.learn(before, step);
                        found
                    }
                }
            };
            meet(&mut self.names, name, self.row)?;
            at = self.columns[column].read(message, at)?;
            if !self.present[column] {
                self.present[column] = true;
                self.newly_present.push(column);
            }
            if self.taken == 0 {
                self.order.push(column);
            }
            count += 1;
            before = column;
            place = next;
        }
    }

    /// Which of the two steps behind `before` stands at `at`.
    #[inline]
    fn known(&self, text: &[u8], at: usize, place: usize, before: usize) -> Option<usize> {
        self.steps[before].iter().position(|step| {
            step.as_ref().is_some_and(|step| {
                step.from == place
                    && text[at..].starts_with(&step.bytes)
                    // The same bytes may lead to an object this time, or to more blanks.
                    && text.get(at + step.bytes.len()).is_some_and(|byte| *byte > b' ' && *byte != b'{')
            })
        })
    }

    fn learn(&mut self, before: usize, step: Step) {
        if step.bytes.len() <= MAX_STEP {
            let steps = &mut self.steps[before];
            steps.swap(0, 1);
            steps[0] = Some(step);
        }
    }

    /// Parse from behind a value (or from the start) to the next one, or to the end of the message.
    fn walk(&mut self, message: &str, from: usize, place: usize, start: bool) -> Option<Walked> {
        let text = message.as_bytes();
        let mut inside = place;
        let mut at = blanks(text, from);
        if start {
            at = expect(text, at, b'{')?;
        } else {
            while text.get(at)? == &b'}' {
                at = blanks(text, at + 1);
                if inside == 0 {
                    return (at == text.len()).then_some(Walked::End);
                }
                inside = self.places[inside].parent;
            }
            at = expect(text, at, b',')?;
        }
        let mut objects = Vec::new();
        loop {
            let (key, end) = key(message, blanks(text, at))?;
            at = blanks(text, expect(text, blanks(text, end), b':')?);
            let name = *self.by_path.get(&format!("{}{key}", self.places[inside].prefix))?;
            if text.get(at) != Some(&b'{') {
                let bytes = text[from..at].to_vec();
                return Some(Walked::Value(
                    Step { from: place, bytes, column: self.names[name].column?, name, place: inside, objects },
                    at,
                ));
            }
            meet(&mut self.names, name, self.row)?;
            objects.push(name);
            inside = self.enter(inside, name, key)?;
            at += 1;
        }
    }

    /// The place of the object `key` in `place`.
    fn enter(&mut self, place: usize, name: usize, key: &str) -> Option<usize> {
        if let Some(known) = self.inner.get(&(place, name)) {
            return Some(*known);
        }
        let outer = &self.places[place];
        if !self.names[name].is_object || outer.depth >= MAX_DEPTH || self.places.len() >= MAX_PLACES {
            return None;
        }
        let inner = Place { prefix: format!("{}{key}.", outer.prefix), parent: place, depth: outer.depth + 1 };
        self.places.push(inner);
        self.inner.insert((place, name), self.places.len() - 1);
        Some(self.places.len() - 1)
    }

    /// Nulls for the columns that a row of `count` columns lacks; false if one of them needs a value.
    fn fill(&mut self, count: usize) -> bool {
        if count < self.columns.len() {
            for column in &mut self.columns {
                if column.len() == self.taken {
                    column.push_null();
                }
            }
        }
        !self.required.iter().any(|column| self.columns[*column].ends_with_null())
    }

    fn hand_back(&mut self) {
        for column in &mut self.columns {
            column.shorten(self.taken);
        }
        for column in self.newly_present.drain(..) {
            self.present[column] = false;
        }
        if self.taken == 0 {
            self.order.clear();
        }
    }
}

/// A path is met in this row; None if it was already.
#[inline]
fn meet(names: &mut [Name], name: usize, row: u64) -> Option<()> {
    let name = &mut names[name];
    let first = name.met != row;
    name.met = row;
    first.then_some(())
}

fn expect(text: &[u8], at: usize, byte: u8) -> Option<usize> {
    (text.get(at) == Some(&byte)).then_some(at + 1)
}

/// A key without escapes, and where it ends, after its closing quote. The empty one has no column.
fn key(message: &str, at: usize) -> Option<(&str, usize)> {
    let start = expect(message.as_bytes(), at, b'"')?;
    let end = crate::text::plain_until(message.as_bytes(), start);
    let after = expect(message.as_bytes(), end, b'"')?;
    (end > start).then_some((message.get(start..end)?, after))
}
