//! What operators do from the command line, with the program itself and servers on loopback.

#![allow(missing_docs, reason = "tests document themselves by their names")]

mod bench;
mod import;
mod key_listener;
mod protected;
mod proxy;
mod site;
mod speke;
mod upload;
mod verify;
