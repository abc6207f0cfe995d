//! (group, code) as one number, for sets and maps over all groups at once: no heap object per group.

use datafusion::common::{Result, exec_err};

pub(super) fn pair(group: usize, code: u32) -> u64 {
    (group as u64) << 32 | u64::from(code)
}

pub(super) fn unpair(pair: u64) -> (usize, u32) {
    ((pair >> 32) as usize, pair as u32)
}

/// Group numbers must fit beside a code.
pub(super) fn check_groups(groups: usize) -> Result<()> {
    match u32::try_from(groups) {
        Ok(_) => Ok(()),
        Err(_) => exec_err!("more than {} groups", u32::MAX),
    }
}
