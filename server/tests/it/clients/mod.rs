//! The clients that analysts bring, as they are: real drivers against a real node.

mod flight;
