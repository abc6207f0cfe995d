//! Work without an end of its own, dealt out to threads.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Conditions are evaluated recursively.
pub(crate) const STACK: usize = 16 << 20;

/// Works on all items, several threads at a time; what comes of them, in their order.
///
/// # Panics
/// Where the work on an item does.
pub(crate) fn each<T: Send, R: Send>(items: Vec<T>, threads: usize, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    each_telling(items, threads, work, &|_| {})
}

/// The same; the caller's thread is told now and then how many items are done.
pub(crate) fn each_telling<T: Send, R: Send>(
    items: Vec<T>,
    threads: usize,
    work: impl Fn(T) -> R + Sync,
    tell: &dyn Fn(usize),
) -> Vec<R> {
    let count = items.len();
    let queue = Mutex::new(items.into_iter().enumerate());
    let ready = AtomicUsize::new(0);
    let run = |tell: &dyn Fn(usize)| -> Vec<(usize, R)> {
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        let mut done = Vec::new();
        while let Some((at, item)) = next() {
            done.push((at, work(item)));
            tell(ready.fetch_add(1, Ordering::Relaxed) + 1);
        }
        done
    };
    let mut done = thread::scope(|scope| {
        let silent = || run(&|_| {});
        let thread = || thread::Builder::new().stack_size(STACK).spawn_scoped(scope, silent);
        // Where there can be no more threads, those that there are do it all.
        let others: Vec<_> = (1..threads.min(count)).map_while(|_| thread().ok()).collect();
        let mut done = run(tell);
        for other in others {
            done.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        done
    });
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}
