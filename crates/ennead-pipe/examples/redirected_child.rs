//! Microsoft's documented example *Creating a Child Process with Redirected Input and Output*: a parent writes a text
//! file to a child's standard input through one anonymous pipe and prints what the child writes to its standard
//! output through another.
//!
//! `cargo run -p ennead-pipe --example redirected_child -- FILE`

use std::env;
use std::fs::File;
use std::io::{self, Read, Write};
use std::process::{Command, ExitCode};
use std::thread;

use ennead_pipe::anonymous::{Reader, Redirect, Wait, Writer};

const BUFSIZE: usize = 4096;

fn main() -> ExitCode {
    let argument = env::args_os().nth(1);
    let outcome = match argument {
        Some(argument) if argument == "child" => child(),
        Some(file) => parent(&file),
        None => Err(io::Error::new(io::ErrorKind::InvalidInput, "please specify an input file")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("redirected_child: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parent(file: &std::ffi::OsStr) -> io::Result<()> {
    println!("\n->Start of parent execution.");
    let input = File::open(file)?;

    // Only the child's ends are inherited, and only by this child; the parent's copies of them are closed by spawn.
    let mut command = Command::new(env::current_exe()?);
    command.arg("child");
    let mut child = Redirect::new(command).stdin().stderr_with_stdout().spawn()?;
    let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(io::ErrorKind::Other.into());
    };

    // The original writes the whole file first, and so relies on the two pipes' buffers being larger than it. With a
    // thread it works for any file.
    let writing = thread::spawn(move || write_to_pipe(input, &stdin));
    println!("\n->Contents of {} written to child STDIN pipe.", file.display());
    println!("\n->Contents of child process STDOUT:\n");
    read_from_pipe(&stdout)?;
    writing.join().map_err(|_| io::Error::other("the writing thread panicked"))??;

    let status = child.wait()?;
    println!("\n->End of parent execution.");
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("the child ended with {status}"))) }
}

/// Reads from a file and writes its contents to the pipe for the child's standard input. The pipe is closed when
/// this returns, so that the child stops reading.
fn write_to_pipe(mut input: File, pipe: &Writer) -> io::Result<()> {
    let mut buffer = [0; BUFSIZE];
    loop {
        let count = input.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        pipe.send(&buffer[..count], Wait::Forever)?;
    }
}

/// Reads output from the child's pipe and writes it to the parent's standard output. Stops when there is no more.
fn read_from_pipe(pipe: &Reader) -> io::Result<()> {
    let mut buffer = [0; BUFSIZE];
    let mut stdout = io::stdout().lock();
    // ERROR_BROKEN_PIPE: the child has closed its end.
    while let Ok(count) = pipe.receive(&mut buffer, Wait::Forever) {
        stdout.write_all(&buffer[..count])?;
    }
    stdout.flush()
}

/// The child copies its standard input to its standard output.
fn child() -> io::Result<()> {
    println!("\n ** This is a message from the child process. ** ");
    io::copy(&mut io::stdin().lock(), &mut io::stdout().lock())?;
    io::stdout().flush()
}
