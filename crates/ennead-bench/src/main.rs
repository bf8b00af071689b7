//! The program `ennead-bench`; see the library of the same name.

use std::env;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::Parser;
use ennead_bench::noise::Noise;
use ennead_bench::options::Options;
use ennead_bench::report::{Row, Table, json};
use ennead_bench::rounds::{self, END_COMMAND, PINNED_COMMAND};
use ennead_bench::{placement, workload};

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let outcome = match (arguments.next().as_deref(), arguments.next()) {
        (Some(END_COMMAND), Some(task)) => return be_an_end(&task),
        (Some(PINNED_COMMAND), Some(cores)) => become_pinned(&cores, arguments),
        _ => bench(&Options::parse()),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("ennead-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// One of the two processes of a pair.
fn be_an_end(task: &str) -> ExitCode {
    let outcome = serde_json::from_str(task).context("not a task").and_then(|task| workload::run(&task));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Whoever started this end reads both; if nobody does, there is nobody to tell.
            let _ = writeln!(std::io::stdout(), "failed {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Another program, on the cores that are named, separated by commas.
fn become_pinned(cores: &str, mut arguments: impl Iterator<Item = String>) -> Result<ExitCode> {
    let cores =
        cores.split(',').map(str::parse).collect::<Result<Vec<usize>, _>>().context("not a list of cores")?;
    placement::pin(&cores)?;
    let program = arguments.next().context("no program to become")?;
    Err(Command::new(&program).args(arguments).exec()).with_context(|| format!("cannot become {program}"))
}

fn bench(options: &Options) -> Result<ExitCode> {
    let noise = Noise::listen()?;
    let mut out = std::io::stdout().lock();
    let mut table = Table::default();
    let mut ours_is_whole = true;
    if options.json {
        eprintln!("{noise}");
    } else {
        writeln!(out, "{noise}")?;
        writeln!(
            out,
            "{} rounds in turns; median [lowest–highest]; ratio = ennead / peer",
            options.rounds()
        )?;
    }
    rounds::run(options, &mut |row: &Row<'_>| {
        ours_is_whole &= row.ours.is_ok();
        if options.json {
            writeln!(out, "{}", json(row)?)?;
        } else {
            write!(out, "{}", table.row(row))?;
        }
        Ok(out.flush()?)
    })?;
    let stolen = noise.stolen.and_then(|before| before.since());
    let remark =
        stolen.map(|part| format!("the hypervisor took {:.2} % of the run's CPU time", part * 100.0));
    if options.json {
        remark.iter().for_each(|remark| eprintln!("{remark}"));
    } else {
        write!(out, "{}", table.end())?;
        remark.iter().try_for_each(|remark| writeln!(out, "{remark}"))?;
    }
    Ok(if ours_is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
