//! Group commit: a query that arrives while a durable step is under way is queued, and the next step is taken for all that are queued.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex};

/// A durable step that several threads take together, one group after the other.
pub(super) struct Group<I, O> {
    turns: Mutex<Turns<I, O>>,
    ended: Condvar,
}

struct Turns<I, O> {
    next: u64,
    waiting: Vec<(u64, I)>,
    under_way: bool,
    outcomes: BTreeMap<u64, Option<O>>,
}

impl<I, O> Default for Group<I, O> {
    fn default() -> Self {
        let turns = Turns { next: 0, waiting: Vec::new(), under_way: false, outcomes: BTreeMap::new() };
        Self { turns: Mutex::new(turns), ended: Condvar::new() }
    }
}

impl<I, O> Group<I, O> {
    /// Takes the step for `item` and all who wait, in one call of the `step` of one of them, which gives an outcome for each
    /// item in their order. `None` when that thread stopped before it had an outcome.
    pub(super) fn join(&self, item: I, step: impl FnOnce(Vec<I>) -> Vec<O>) -> Option<O> {
        let mut turns = self.turns.lock().ok()?;
        let own = turns.next;
        turns.next = own.checked_add(1)?;
        turns.waiting.push((own, item));
        while turns.under_way && !turns.outcomes.contains_key(&own) {
            turns = self.ended.wait(turns).ok()?;
        }
        if let Some(outcome) = turns.outcomes.remove(&own) {
            return outcome;
        }
        // No group is under way and this one's turn was not taken: it leads the next.
        turns.under_way = true;
        let (members, items) = std::mem::take(&mut turns.waiting).into_iter().unzip();
        drop(turns);
        let mut led = Led { group: self, members, outcomes: Vec::new() };
        led.outcomes = step(items);
        drop(led);
        self.turns.lock().ok()?.outcomes.remove(&own)?
    }
}

/// A group under way. Its end, also by a panic, lets the others go on.
struct Led<'g, I, O> {
    group: &'g Group<I, O>,
    members: Vec<u64>,
    outcomes: Vec<O>,
}

impl<I, O> Drop for Led<'_, I, O> {
    fn drop(&mut self) {
        if let Ok(mut turns) = self.group.turns.lock() {
            turns.under_way = false;
            let outcomes = self.outcomes.drain(..).map(Some).chain(std::iter::repeat_with(|| None));
            turns.outcomes.extend(self.members.drain(..).zip(outcomes));
        }
        self.group.ended.notify_all();
    }
}

/// The keys that are being worked on. A query with the same key waits for its end.
#[derive(Default)]
pub(super) struct UnderWay {
    keys: Mutex<BTreeSet<[u8; 32]>>,
    ended: Condvar,
}

/// The right to work on one key, until it is dropped.
pub(super) struct Turn<'u> {
    under_way: &'u UnderWay,
    key: [u8; 32],
}

impl UnderWay {
    /// Waits until no other query works on `key`. `None` after a panic with the list in hand.
    pub(super) fn enter(&self, key: [u8; 32]) -> Option<Turn<'_>> {
        let mut keys = self.ended.wait_while(self.keys.lock().ok()?, |keys| keys.contains(&key)).ok()?;
        keys.insert(key);
        Some(Turn { under_way: self, key })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Ok(mut keys) = self.under_way.keys.lock() {
            keys.remove(&self.key);
        }
        self.under_way.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_has_its_own_outcome_and_no_two_groups_run_at_a_time() {
        let group = Group::default();
        let (busy, groups) = (AtomicBool::new(false), AtomicU64::new(0));
        let step = |items: Vec<u64>| {
            assert!(!busy.swap(true, Ordering::SeqCst), "two groups at a time");
            groups.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_micros(200));
            busy.store(false, Ordering::SeqCst);
            items.into_iter().map(|item| item * 2).collect()
        };
        std::thread::scope(|scope| {
            for thread in 0..8_u64 {
                let (group, step) = (&group, &step);
                scope.spawn(move || {
                    for item in thread * 1_000..thread * 1_000 + 100 {
                        assert_eq!(group.join(item, step), Some(item * 2));
                    }
                });
            }
        });
        let groups = groups.load(Ordering::SeqCst);
        assert!(groups < 500, "800 items in {groups} groups");
        assert!(group.turns.lock().unwrap().outcomes.is_empty());
    }

    #[test]
    fn a_leader_that_stops_leaves_no_one_waiting() {
        let group: Group<u64, u64> = Group::default();
        let led = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let stops = scope.spawn(|| {
                group.join(1, |_| {
                    led.store(true, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(20));
                    panic!("on purpose")
                })
            });
            while !led.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            assert_eq!(group.join(2, |items| items), Some(2));
            assert!(stops.join().is_err());
        });
        assert_eq!(group.join(3, |_| Vec::new()), None);
        assert_eq!(group.join(4, |items| items), Some(4));
    }

    #[test]
    fn one_key_is_worked_on_by_one_at_a_time() {
        let (under_way, inside) = (UnderWay::default(), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let turn = under_way.enter([7; 32]).unwrap();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        let _other = under_way.enter([8; 32]);
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(turn);
                    }
                });
            }
        });
        assert!(under_way.keys.lock().unwrap().is_empty());
    }
}
