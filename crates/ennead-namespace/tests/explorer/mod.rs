//! Explicit-state exploration: breadth first, so that what it finds it finds by a shortest way.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::Hash;

/// Something with states and steps.
pub trait Model {
    type State: Clone + Eq + Hash;

    fn initial(&self) -> Self::State;
    /// Every step that anybody can take here, with what it is.
    fn next(&self, state: &Self::State) -> Vec<(String, Self::State)>;
    /// Whether the step of this name is a kill, without which everything must come to an end too.
    fn is_kill(&self, label: &str) -> bool;
    /// Whether everybody is at the end.
    fn is_end(&self, state: &Self::State) -> bool;
    /// The promise that is broken here.
    fn wrong(&self, state: &Self::State) -> Option<&'static str>;
}

/// A promise that is broken, and the way there.
#[derive(Debug)]
pub struct Finding {
    pub promise: &'static str,
    pub way: Vec<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is broken after", self.promise)?;
        self.way.iter().try_for_each(|step| write!(f, "\n  {step}"))
    }
}

/// Visits every state; how many there are.
pub fn explore<M: Model>(model: &M) -> Result<usize, Finding> {
    let mut numbers: HashMap<M::State, usize> = HashMap::new();
    let mut came_from: Vec<Option<(usize, String)>> = Vec::new();
    // Steps that are no kills, backwards.
    let mut before: Vec<Vec<usize>> = Vec::new();
    let mut ends = Vec::new();
    let mut queue = VecDeque::new();
    let initial = model.initial();
    numbers.insert(initial.clone(), 0);
    came_from.push(None);
    before.push(Vec::new());
    queue.push_back((0, initial));
    while let Some((number, state)) = queue.pop_front() {
        if let Some(promise) = model.wrong(&state) {
            return Err(Finding { promise, way: way_to(number, &came_from) });
        }
        if model.is_end(&state) {
            ends.push(number);
        }
        for (label, next) in model.next(&state) {
            let kill = model.is_kill(&label);
            let fresh = numbers.len();
            let next_number = *numbers.entry(next.clone()).or_insert(fresh);
            if next_number == fresh {
                came_from.push(Some((number, label)));
                before.push(Vec::new());
                queue.push_back((fresh, next));
            }
            if !kill {
                before[next_number].push(number);
            }
        }
    }
    let mut reaches_an_end = vec![false; numbers.len()];
    let mut stack = ends;
    while let Some(number) = stack.pop() {
        if !std::mem::replace(&mut reaches_an_end[number], true) {
            stack.extend(&before[number]);
        }
    }
    match reaches_an_end.iter().position(|reaches| !reaches) {
        Some(stuck) => Err(Finding { promise: "no dead end", way: way_to(stuck, &came_from) }),
        None => Ok(numbers.len()),
    }
}

fn way_to(mut number: usize, came_from: &[Option<(usize, String)>]) -> Vec<String> {
    let mut way = Vec::new();
    while let Some((previous, label)) = &came_from[number] {
        way.push(label.clone());
        number = *previous;
    }
    way.reverse();
    way
}
