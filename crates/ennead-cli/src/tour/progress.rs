//! The bar on the terminal while the tour runs. Where standard error is no terminal there is none.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// One bar for all legs, each of the file's length.
pub struct Progress {
    bar: ProgressBar,
    /// Bytes in a leg; 1 where the file is empty, so that the bar moves.
    length: u64,
}

impl Progress {
    /// Shows it.
    pub fn begin(length: u64, steps: u64) -> Progress {
        let length = length.max(1);
        let total = length.saturating_mul(steps);
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(12));
        if let Ok(style) = ProgressStyle::with_template("{msg:18} [{bar:36}] {percent:>3} %") {
            bar.set_style(style.progress_chars("=> "));
        }
        // The first step moves it to 0.
        bar.set_position(0);
        Progress { bar, length }
    }

    /// The next step begins.
    pub fn next(&self, title: &str) {
        self.bar.set_position(self.bar.position().div_ceil(self.length) * self.length);
        self.bar.set_message(title.to_owned());
        self.bar.tick();
    }

    /// The step has come this far.
    pub fn at(&self, bytes: u64) {
        // Multiples of the length stand for finished steps; this one is not.
        let done = self.bar.position() / self.length * self.length;
        self.bar.set_position(done + bytes.min(self.length - 1));
    }

    /// Removes it.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}
