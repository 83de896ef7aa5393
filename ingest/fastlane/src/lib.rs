//! The fast lane of `ingest`: JSON messages straight to Arrow buffers.
//!
//! It is told the columns that were learned so far, takes the messages that it can take exactly, and hands all others
//! back. What is valid, and what becomes of the columns, is decided by `ingest.pipeline.decoding.parse` alone.

#[forbid(unsafe_code)]
pub mod column;
#[forbid(unsafe_code)]
mod number;
#[cfg(feature = "python")]
mod python;
#[forbid(unsafe_code)]
pub mod rows;
#[forbid(unsafe_code)]
mod text;

#[cfg(feature = "python")]
pub use python::ingest_fastlane;
