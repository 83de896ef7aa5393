//! Coverage-guided: messages that libFuzzer makes go through both lanes, and any difference ends it.
//!
//! An input is the messages of one chunk, with record separators (0x1E) between them. `fuzzed` of tests/harness/lanes.py
//! runs it after a chunk that teaches the columns, and compares tables, dead letters and contracts. If the decoder takes
//! none of the messages there is nothing to compare: that is found out first, without Python.

#![no_main]

use std::cell::RefCell;
use std::sync::OnceLock;

use ::ingest_fastlane::column::Kind;
use ::ingest_fastlane::ingest_fastlane;
use ::ingest_fastlane::rows::{Rows, Spec};
use libfuzzer_sys::fuzz_target;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

static COMPARE: OnceLock<Py<PyAny>> = OnceLock::new();

/// The columns that `fuzzed` teaches.
const COLUMNS: [(&str, Kind); 10] = [
    ("a", Kind::Integer),
    ("b", Kind::Float),
    ("c", Kind::String),
    ("d", Kind::Boolean),
    ("e", Kind::Strings),
    ("f", Kind::Null),
    ("g.h", Kind::Integer),
    ("g.i.j", Kind::String),
    ("v", Kind::Numbers),
    ("é", Kind::Float),
];

thread_local! {
    static ROWS: RefCell<Rows> = RefCell::new(Rows::new(
        COLUMNS.iter().map(|(path, kind)| Spec { path: (*path).to_owned(), kind: *kind, required: false }).collect(),
    ));
}

fn compare() -> &'static Py<PyAny> {
    COMPARE.get_or_init(|| {
        pyo3::append_to_inittab!(ingest_fastlane); // this one, with its coverage, not the installed one
        Python::attach(|py| {
            let path = py.import("sys")?.getattr("path")?;
            for (place, folder) in std::env::var("FASTLANE_PATH").unwrap_or_default().split(':').enumerate() {
                path.call_method1("insert", (place, folder))?;
            }
            Ok::<_, PyErr>(py.import("tests.harness.lanes")?.getattr("fuzzed")?.unbind())
        })
        .expect("FASTLANE_PATH names the checkout and its site-packages")
    })
}

fuzz_target!(|input: &[u8]| {
    let fuzzed = compare();
    let messages: Vec<&[u8]> = input.split(|byte| *byte == 0x1E).collect();
    let taken = ROWS.with_borrow_mut(|rows| {
        rows.clear();
        messages.iter().filter(|message| rows.take(message)).count()
    });
    if taken == 0 {
        return;
    }
    Python::attach(|py| {
        let messages = PyList::new(py, messages.iter().map(|message| PyBytes::new(py, message))).expect("a list");
        if let Err(difference) = fuzzed.call1(py, (messages,)) {
            difference.print(py);
            std::process::abort();
        }
    });
});
