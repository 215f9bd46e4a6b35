//! What is noted of one request while it is answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use super::class::{Cached, Class, FormatName, Object, Protection};
use super::trace::{Stage, Trace};
use crate::packager::Format;

/// What an answer is, as it becomes known on the way; and what took how long, where somebody wants to know. It is
/// shared within one request, and costs as much as four variables.
#[derive(Debug, Default)]
pub struct Notes {
    format: AtomicU8,
    protection: AtomicU8,
    object: AtomicU8,
    cached: AtomicU8,
    trace: Option<Arc<Trace>>,
}

impl Notes {
    /// With a trace.
    pub fn traced(trace: Arc<Trace>) -> Notes {
        Notes { trace: Some(trace), ..Notes::default() }
    }

    /// What is known by now.
    pub fn class(&self) -> Class {
        let at = |index: &AtomicU8| usize::from(index.load(Relaxed));
        Class {
            format: FormatName::at(at(&self.format)),
            protection: Protection::ALL.get(at(&self.protection)).copied().unwrap_or_default(),
            object: Object::ALL.get(at(&self.object)).copied().unwrap_or_default(),
            cached: Cached::ALL.get(at(&self.cached)).copied().unwrap_or_default(),
        }
    }

    /// All at once.
    pub fn set_class(&self, class: Class) {
        self.format.store(class.format.index() as u8, Relaxed);
        self.protection.store(class.protection.index() as u8, Relaxed);
        self.set_object(class.object);
        self.set_cached(class.cached);
    }

    pub(super) fn set_format(&self, format: &dyn Format) {
        self.format.store(FormatName::of(format).index() as u8, Relaxed);
    }

    pub(super) fn set_protection(&self, protection: Protection) {
        self.protection.store(protection.index() as u8, Relaxed);
    }

    pub(super) fn set_object(&self, object: Object) {
        self.object.store(object as u8, Relaxed);
    }

    pub(super) fn set_cached(&self, cached: Cached) {
        self.cached.store(cached as u8, Relaxed);
    }

    /// The trace, if there is one.
    pub fn trace(&self) -> Option<&Arc<Trace>> {
        self.trace.as_ref()
    }

    /// A stage that begins now and ends when what is returned is dropped.
    pub(super) fn stage(&self, name: &'static str) -> Option<Stage> {
        self.trace.as_ref().map(|trace| Trace::stage(trace, name))
    }

    /// Notes a fact, if facts are wanted.
    pub(super) fn fact(&self, name: &'static str, value: impl FnOnce() -> serde_json::Value) {
        if let Some(trace) = self.trace.as_ref().filter(|trace| trace.wants_facts()) {
            trace.fact(name, value());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packager::FORMATS;
    use crate::protection::Scheme;

    #[test]
    fn classes_are_kept() {
        let notes = Notes::default();
        assert_eq!(notes.class(), Class::default());
        for format in FORMATS {
            for (object, protection) in Object::ALL.into_iter().zip(Protection::ALL.into_iter().cycle()) {
                let class = Class { format: FormatName::of(*format), protection, object, cached: Cached::Hit };
                notes.set_class(class);
                assert_eq!(notes.class(), class);
            }
        }
        notes.set_protection(Protection::By(Scheme::Cbcs));
        assert_eq!(notes.class().protection.name(), "cbcs-aapl");
        assert!(notes.stage("x").is_none());
    }
}
