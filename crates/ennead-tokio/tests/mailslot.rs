//! Mailslots under tokio.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ennead_mailslot::{ClientOptions, MailslotOptions, Place, send_in};
use ennead_status::Win32Error;
use ennead_tokio::mailslot::Mailslot;
use tokio::time::timeout;

const NAME: &str = r"\\.\mailslot\tokio";
const LONG: Duration = Duration::from_secs(60);

struct Root {
    path: PathBuf,
    place: Place,
}

impl Root {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(format!("/dev/shm/ennead-tokio-mailslot-{name}-{}", std::process::id()));
        let place = Place::at(&path).unwrap();
        Self { path, place }
    }

    fn slot(&self) -> Mailslot {
        Mailslot::new(MailslotOptions::new().place(&self.place).create(NAME).unwrap()).unwrap()
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

#[tokio::test]
async fn messages_are_awaited() {
    let root = Root::new("await");
    let slot = root.slot();
    assert_eq!(slot.try_read(&mut [0; 8]).unwrap(), None);
    assert!(timeout(Duration::from_millis(5), slot.read_message()).await.is_err());
    for round in 0..100u32 {
        let place = root.place.clone();
        let writing = std::thread::spawn(move || send_in(&place, NAME, &round.to_le_bytes()).unwrap());
        assert_eq!(timeout(LONG, slot.read_message()).await.unwrap().unwrap(), round.to_le_bytes());
        writing.join().unwrap();
    }
    send_in(&root.place, NAME, b"longer").unwrap();
    timeout(LONG, slot.readable()).await.unwrap().unwrap();
    let error = slot.read(&mut [0; 3]).await.unwrap_err();
    assert_eq!(Win32Error::from(&error), Win32Error::INSUFFICIENT_BUFFER);
    assert_eq!(slot.read(&mut [0; 8]).await.unwrap(), 6);
    assert_eq!(slot.info().unwrap().count, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_tasks_read_and_several_threads_write() {
    const EACH: u32 = 3000;
    let root = Root::new("tasks");
    let slot = Arc::new(root.slot());
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let slot = Arc::clone(&slot);
            tokio::spawn(async move {
                let mut seen = Vec::new();
                let mut buffer = [0; 8];
                loop {
                    let bytes = slot.read(&mut buffer).await.unwrap();
                    if bytes == 0 {
                        return seen;
                    }
                    seen.push(u32::from_le_bytes(*buffer.first_chunk().unwrap()));
                }
            })
        })
        .collect();
    let writers: Vec<_> = (0..3u32)
        .map(|writer| {
            let client = ClientOptions::new().place(&root.place).open(NAME).unwrap();
            std::thread::spawn(move || {
                for n in 0..EACH {
                    client.write(&(writer * EACH + n).to_le_bytes()).unwrap();
                }
            })
        })
        .collect();
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    for _ in 0..4 {
        send_in(&root.place, NAME, b"").unwrap();
    }
    let mut seen = Vec::new();
    for reader in readers {
        seen.extend(timeout(LONG, reader).await.unwrap().unwrap());
    }
    seen.sort_unstable();
    assert!(seen.into_iter().eq(0..3 * EACH));
}
