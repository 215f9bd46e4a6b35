//! The streaming origin behind real sockets, over real films.

mod answers;
mod changes;
mod crowd;
mod downloads;
mod filters;
mod left_out;
mod protection;
mod site;
mod thumbnails;
mod urls;
