//! `ennead pipe serve`: a server for a shell: standard input and output, an echo, or a program for each client.

use std::io::{self, Write as _};
use std::sync::Arc;

use ennead_pipe::named::{CancelToken, Instance, ServerOptions, Wait};
use ennead_security::SecurityDescriptor;
use ennead_status::Win32Error;
use serde_json::json;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::end::{End, is_end};
use super::print::Style;
use super::{bridge, failure, full_name, run};
use crate::arguments::Serve;
use crate::failure::Failure;
use crate::visible::{json_line, visible};

/// Serves until it is ended, or once where that was asked for.
pub fn serve(options: Serve, json: bool) -> Result<(), Failure> {
    let name = full_name(&options.name);
    let cancel = CancelToken::new().map_err(|error| Failure::system("cannot wait for clients", &error))?;
    let signals = watch(&cancel)?;
    let mut server = ServerOptions::new().max_instances(options.instances.into()).reject_remote_clients(true);
    if options.message {
        server = server.messages();
    }
    if let Some(sddl) = &options.security {
        let descriptor: SecurityDescriptor = sddl.parse().map_err(|error| {
            Failure::misused(format!("--security: {error}")).next(r#"for example "D:(A;;GA;;;WD)""#)
        })?;
        server = server.security(descriptor);
    }
    // What is asked of standard input can only be asked once.
    let by_hand = !options.echo && options.exec.is_empty();
    let count = if by_hand { 1 } else { usize::from(options.instances) };
    let instances: Result<Vec<Instance>, _> = (0..count).map(|_| server.create(&name)).collect();
    let instances = instances.map_err(|error| failure(&name, &error))?;
    announce(&name, count, json);

    let work =
        Work { name, options, style: Style { messages: server_has_messages(&instances), json }, cancel };
    let outcome = if by_hand {
        instances.into_iter().next().map_or(Ok(()), |instance| by_hand_once(&work, instance))
    } else {
        std::thread::scope(|scope| {
            let workers: Vec<_> =
                instances.into_iter().map(|instance| scope.spawn(|| serve_on(&work, instance))).collect();
            let mut all = Ok(());
            for worker in workers {
                // A worker does not panic; if one did, its clients have seen its end and the others go on.
                all = all.and(worker.join().unwrap_or(Ok(())));
            }
            all
        })
    };
    match (signals.try_recv(), outcome) {
        (Ok(signal), _) => Err(Failure::Signal(signal)),
        (Err(_), outcome) => outcome,
    }
}

/// What the workers share.
struct Work {
    name: String,
    options: Serve,
    style: Style,
    cancel: CancelToken,
}

fn server_has_messages(instances: &[Instance]) -> bool {
    use ennead_pipe::named::PipeType;
    instances.first().is_some_and(|instance| instance.traits().pipe_type == PipeType::Message)
}

fn announce(name: &str, count: usize, json: bool) {
    let process = std::process::id();
    let line = if json {
        json_line(&json!({ "serving": name, "instances": count, "pid": process }))
    } else {
        let instances = if count == 1 { "one instance".into() } else { format!("{count} instances") };
        format!("serving {} with {instances} (process {process}); Ctrl-C ends it", visible(name))
    };
    // Nobody needs to hear it.
    let _ = writeln!(io::stderr(), "{line}");
}

/// Ends all waits at a signal, so that the instances are closed in an orderly way, and says which it was.
pub fn watch(cancel: &CancelToken) -> Result<std::sync::mpsc::Receiver<i32>, Failure> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])
        .map_err(|error| Failure::system("cannot watch for signals", &error))?;
    let (sender, receiver) = std::sync::mpsc::channel();
    let cancel = cancel.clone();
    std::thread::spawn(move || {
        for signal in signals.forever() {
            if cancel.is_cancelled() {
                // Asked twice: something that we wait for does not end.
                std::process::exit(128 + signal);
            }
            let _ = sender.send(signal);
            cancel.cancel();
        }
    });
    Ok(receiver)
}

/// One client, on standard input and output.
fn by_hand_once(work: &Work, instance: Instance) -> Result<(), Failure> {
    let failed = |error| failure(&work.name, &error);
    instance.connect_with(Wait::Forever.or_cancelled(&work.cancel)).map_err(failed)?;
    let end: Arc<dyn End> = Arc::new(instance);
    bridge::run(&work.name, &end, work.style, &work.cancel)?;
    // What was still sent stays readable for a client that only closed its own side.
    let _ = end.flush(Wait::Forever.or_cancelled(&work.cancel));
    Ok(())
}

/// Client after client.
fn serve_on(work: &Work, instance: Instance) -> Result<(), Failure> {
    let instance = Arc::new(instance);
    let end: Arc<dyn End> = instance.clone();
    loop {
        match instance.connect_with(Wait::Forever.or_cancelled(&work.cancel)) {
            Ok(_) => {}
            Err(error) if error.win32() == Win32Error::OPERATION_ABORTED => return Ok(()),
            // A client that came and went before we looked.
            Err(error) if is_end(error.win32()) => {}
            Err(error) => {
                work.cancel.cancel();
                return Err(failure(&work.name, &error));
            }
        }
        let mut reader = None;
        let served = if work.options.echo {
            echo(&end, work)
        } else {
            run::program(&work.options.exec, &end, work.style.messages, &work.cancel, &mut reader)
        };
        if let Err(stop) = served
            && !work.cancel.is_cancelled()
        {
            // One client's trouble is not the next one's.
            stop.into_failure(&work.name).tell(work.style.json);
        }
        // As the documentation has it: disconnecting discards what has not been read.
        let _ = end.flush(Wait::Forever.or_cancelled(&work.cancel));
        let _ = instance.disconnect();
        if let Some(reader) = reader {
            // The disconnection has ended it; it must not read the next client's words.
            let _ = reader.join();
        }
        if work.options.once || work.cancel.is_cancelled() {
            // Whoever waits for a client waits for nothing.
            work.cancel.cancel();
            return Ok(());
        }
    }
}

fn echo(end: &Arc<dyn End>, work: &Work) -> Result<(), bridge::Stop> {
    bridge::receive_all(end.as_ref(), work.style.messages, &work.cancel, &mut |bytes| {
        match bridge::send_all(end.as_ref(), bytes, &work.cancel) {
            Err(error) if !is_end(error.win32()) => Err(failure(&work.name, &error)),
            // The next read tells of the end.
            _ => Ok(()),
        }
    })
}
