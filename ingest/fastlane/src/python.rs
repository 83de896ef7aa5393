//! What Python sees of it.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use crate::column::{Buffer, Column, Kind};
use crate::rows::{Rows, Spec};

const ALIGNMENT: usize = 64;

/// A column as Python gets it: its place among those given, how many nulls it has, where its buffers are in
/// the blob (offset and size, None for a validity of no nulls), and the items of a list: likewise, None for no list.
type Found = (usize, usize, Places, Option<(usize, usize, Places)>);
type Places = Vec<Option<(usize, usize)>>;

fn kind(name: &str) -> Kind {
    match name {
        "boolean" => Kind::Boolean,
        "integer" => Kind::Integer,
        "float" => Kind::Float,
        "string" => Kind::String,
        "list of strings" => Kind::Strings,
        "list of numbers" => Kind::Numbers,
        _ => Kind::Null,
    }
}

/// Decodes chunks under one set of columns.
///
/// `Decoder(columns)`: each is (dotted path, kind, whether a row must have a value in it). Kinds are those of
/// `ingest.pipeline.decoding.column_types`; of any other, only nulls are taken. Raises `ValueError` for a path given twice.
#[pyclass(module = "ingest_fastlane")]
struct Decoder {
    rows: Rows,
}

#[pymethods]
impl Decoder {
    #[new]
    fn new(columns: Vec<(String, String, bool)>) -> PyResult<Self> {
        let mut specs: Vec<Spec> = Vec::with_capacity(columns.len());
        let mut paths = std::collections::HashSet::new();
        for (path, name, required) in columns {
            if !paths.insert(path.clone()) {
                return Err(PyValueError::new_err(format!("the column {path:?} is given twice")));
            }
            specs.push(Spec { path, kind: kind(&name), required });
        }
        Ok(Decoder { rows: Rows::new(specs) })
    }

    /// Decode the messages of a chunk, None for a tombstone.
    ///
    /// Gives (taken, columns, first, blob): the indices of the messages taken, as 64-bit integers; the columns they
    /// have: the `first` ones in the order of the first message taken, the others by name; and all their buffers.
    #[allow(clippy::type_complexity, clippy::needless_pass_by_value)] // the tuple is Python's; the list is converted
    fn decode<'py>(
        &mut self,
        py: Python<'py>,
        messages: Vec<Option<PyBackedBytes>>,
    ) -> PyResult<(Bound<'py, PyBytes>, Vec<Found>, usize, Bound<'py, PyBytes>)> {
        let rows = &mut self.rows;
        let taken = py.detach(|| {
            rows.clear();
            let mut taken: Vec<i64> = Vec::with_capacity(messages.len());
            for (message, index) in messages.iter().zip(0i64..) {
                if message.as_ref().is_some_and(|message| rows.take(message)) {
                    taken.push(index);
                }
            }
            taken
        });
        let indices = Buffer::Integers(&taken);
        let indices = PyBytes::new_with(py, indices.size(), |place| {
            indices.write(place);
            Ok(())
        })?;
        let (order, first) = rows.order();
        let mut blob = Blob { buffers: Vec::new(), size: 0 };
        let columns = order.iter().map(|column| blob.add(*column, rows.column(*column))).collect();
        let bytes = PyBytes::new_with(py, blob.size, |place| {
            for (at, buffer) in &blob.buffers {
                buffer.write(&mut place[*at..at + buffer.size()]);
            }
            Ok(())
        })?;
        Ok((indices, columns, first, bytes))
    }
}

/// Buffers one behind the other, each aligned.
struct Blob<'a> {
    buffers: Vec<(usize, Buffer<'a>)>,
    size: usize,
}

impl<'a> Blob<'a> {
    fn add(&mut self, index: usize, column: &'a Column) -> Found {
        let mut buffers = Vec::new();
        column.buffers(&mut buffers);
        let mut places: Places = buffers.into_iter().map(|buffer| buffer.map(|buffer| self.put(buffer))).collect();
        // A list's own are its validity and its offsets.
        let items = column.items().map(|items| (items.len(), items.null_count(), places.split_off(2)));
        (index, column.null_count(), places, items)
    }

    fn put(&mut self, buffer: Buffer<'a>) -> (usize, usize) {
        let (at, size) = (self.size, buffer.size());
        self.size += size.next_multiple_of(ALIGNMENT);
        self.buffers.push((at, buffer));
        (at, size)
    }
}

/// The module as Python imports it.
#[pymodule]
pub mod ingest_fastlane {
    #[pymodule_export]
    use super::Decoder;

    /// What `ingest.pipeline.decoding.fast_lane` expects of this module; another number, and it does without.
    #[pymodule_export]
    const INTERFACE: u32 = 1;

    /// `ingest` uses the fast lane of its own version and no other: both decide what a message's columns are.
    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");
}
