//! The system's time as the rest of the house has it, and back.

use std::time::{Duration, SystemTime};

use crate::time::UtcTime;

/// Now, by the system's clock.
pub fn now() -> UtcTime {
    utc(SystemTime::now())
}

/// In milliseconds since 1970; what was before is 1970.
pub fn utc(time: SystemTime) -> UtcTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UtcTime { unix_millis: u64::try_from(since.as_millis()).unwrap_or(u64::MAX) }
}

/// As the system has it.
pub fn system_time(time: UtcTime) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(time.unix_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back_and_none_is_before_1970() {
        let time = UtcTime { unix_millis: 1_714_978_800_123 };
        assert_eq!(utc(system_time(time)), time);
        assert_eq!(utc(SystemTime::UNIX_EPOCH - Duration::from_secs(1)), UtcTime { unix_millis: 0 });
        assert!(now().unix_millis > time.unix_millis);
    }
}
