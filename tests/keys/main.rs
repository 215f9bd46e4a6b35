//! Key delivery over real sockets: keys in a catalogue, policies of every kind, and whoever asks.

mod clear_key;
mod hostile_tokens;
mod licences;
mod limits;
mod open_id;
mod own_listener;
mod path_tokens;
mod periods;
mod policies;
mod site;
mod stored;
mod tokens;
