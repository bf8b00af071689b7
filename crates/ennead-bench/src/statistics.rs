//! From rounds to a figure: the median, with the spread beside it.

/// What several rounds of one measurement came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// The middle round; of an even number, the mean of the two middle ones.
    pub median: f64,
    /// The lowest round.
    pub minimum: f64,
    /// The highest round.
    pub maximum: f64,
    /// How many rounds there were.
    pub rounds: usize,
}

impl Summary {
    /// Sums rounds up; `None` if there are none, or one is not a finite number.
    #[must_use]
    pub fn of(rounds: &[f64]) -> Option<Self> {
        if rounds.is_empty() || rounds.iter().any(|round| !round.is_finite()) {
            return None;
        }
        let mut sorted = rounds.to_vec();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            median: median_of_sorted(&sorted),
            minimum: sorted[0],
            maximum: sorted[sorted.len() - 1],
            rounds: sorted.len(),
        })
    }

    /// How far the rounds lie apart, in parts of the median: 0.1 is ±5 % about it.
    #[must_use]
    pub fn relative_spread(&self) -> f64 {
        if self.median == 0.0 { 0.0 } else { (self.maximum - self.minimum) / self.median }
    }
}

fn median_of_sorted(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_odd_number_of_rounds_has_a_middle_one() {
        let summary = Summary::of(&[9.0, 1.0, 4.0]).expect("rounds");
        assert_eq!(summary, Summary { median: 4.0, minimum: 1.0, maximum: 9.0, rounds: 3 });
        assert!((summary.relative_spread() - 2.0).abs() < 1e-12);
    }

    #[test]
    fn an_even_number_takes_the_mean_of_two() {
        assert!((Summary::of(&[1.0, 2.0, 4.0, 100.0]).expect("rounds").median - 3.0).abs() < 1e-12);
    }

    #[test]
    fn one_outlier_moves_the_maximum_and_not_the_median() {
        let summary = Summary::of(&[10.0, 11.0, 10.5, 9000.0, 10.2]).expect("rounds");
        assert!((summary.median - 10.5).abs() < 1e-12);
        assert!((summary.maximum - 9000.0).abs() < 1e-12);
    }

    #[test]
    fn nothing_or_nonsense_has_no_summary() {
        assert_eq!(Summary::of(&[]), None);
        assert_eq!(Summary::of(&[1.0, f64::NAN]), None);
        assert_eq!(Summary::of(&[f64::INFINITY]), None);
    }

    #[test]
    fn a_median_of_zero_has_no_relative_spread() {
        assert!(Summary::of(&[0.0, 0.0]).expect("rounds").relative_spread().abs() < 1e-12);
    }
}
