//! What is to be done with a request.

pub mod foreign;
pub mod texts;
