//! `ennead mailslot listen`: a mailslot, and what comes in on standard output.

use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use ennead_mailslot::{CancelToken, DEFAULT_BUDGET, MailslotOptions, Wait};
use ennead_security::SecurityDescriptor;
use ennead_status::Win32Error;
use serde_json::json;

use super::{failure, full_name};
use crate::arguments::Listen;
use crate::failure::Failure;
use crate::pipe::{Style, watch};
use crate::visible::{json_line, visible};

/// Prints message after message until it is ended, or as many as were asked for.
pub fn listen(options: &Listen, json: bool) -> Result<(), Failure> {
    let name = full_name(&options.name);
    let cancel = CancelToken::new().map_err(|error| Failure::system("cannot wait for messages", &error))?;
    let signals = watch(&cancel)?;
    let mut slot = MailslotOptions::new()
        .max_message(options.max_message)
        .budget(options.budget.unwrap_or(DEFAULT_BUDGET));
    if let Some(sddl) = &options.security {
        let descriptor: SecurityDescriptor = sddl.parse().map_err(|error| {
            Failure::misused(format!("--security: {error}")).next(r#"for example "D:(A;;GW;;;WD)""#)
        })?;
        slot = slot.security(&descriptor);
    }
    let slot = slot.create(&name).map_err(|error| failure(&name, &error))?;
    announce(&name, json);
    let style = Style { messages: true, json };
    let mut left = options.count.unwrap_or(u64::MAX);
    while left > 0 {
        // Each message has the whole time: what is asked for is how long nothing may come.
        let deadline =
            options.timeout.map(|milliseconds| Instant::now() + Duration::from_millis(milliseconds));
        match slot.read_message_with(Wait::Cancellable(&cancel, deadline)) {
            Ok(message) => style.print(&message)?,
            Err(error) if error.win32() == Win32Error::OPERATION_ABORTED => break,
            Err(error) => return Err(failure(&name, &error)),
        }
        left -= 1;
    }
    signals.try_recv().map_or(Ok(()), |signal| Err(Failure::Signal(signal)))
}

fn announce(name: &str, json: bool) {
    let process = std::process::id();
    let line = if json {
        json_line(&json!({ "listening": name, "pid": process }))
    } else {
        format!("listening at {} (process {process}); Ctrl-C ends it", visible(name))
    };
    // Nobody needs to hear it.
    let _ = writeln!(io::stderr(), "{line}");
}
