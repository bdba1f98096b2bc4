//! How a message leaves the house for an address that a tenant named: signed, to nowhere inside, and within bounds.
//!
//! One message is one attempt at an HTTP `POST` ([`exchange::Exchange::post`]): the URL is judged ([`target`]), its
//! host is resolved ([`resolve`]), the addresses are judged ([`address`]) and one of those that passed is connected to;
//! what came of it is an [`answer::Attempt`]. Receivers recognise the sender by Standard Webhooks ([`signature`]).
//!
//! Not here: which messages there are, when an attempt is repeated and when an endpoint is given up.

pub mod address;
pub mod answer;
mod connection;
pub mod exchange;
pub mod headers;
pub mod network;
mod places;
pub mod resolve;
pub mod secret;
pub mod signature;
pub mod special;
pub mod target;
pub mod trust;
