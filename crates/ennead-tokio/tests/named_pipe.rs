//! The module's documented examples, and what tokio's own users rely on: nothing lost, nobody asleep for ever.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ennead_pipe::named::Place;
use ennead_tokio::named_pipe::{
    ClientOptions, NamedPipeClient, NamedPipeServer, PipeEnd, PipeMode, ServerOptions,
};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Interest, Ready};
use windows_sys::Win32::Foundation::ERROR_PIPE_BUSY;

/// A root of a test's own, removed with it.
struct Root {
    path: std::path::PathBuf,
    place: Place,
}

impl Root {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let path = std::path::Path::new("/dev/shm").join(format!(
            "ennead-tokio-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        ));
        let place = Place::at(&path).unwrap();
        Self { path, place }
    }

    fn server(&self) -> ServerOptions {
        let mut options = ServerOptions::new();
        options.place(&self.place);
        options
    }

    fn client(&self) -> ClientOptions {
        let mut options = ClientOptions::new();
        options.place(&self.place);
        options
    }

    async fn pair(&self, mode: PipeMode) -> (NamedPipeServer, NamedPipeClient) {
        let server =
            self.server().pipe_mode(mode).in_buffer_size(8192).out_buffer_size(8192).create(NAME).unwrap();
        let client = self.client().pipe_mode(mode).open(NAME).unwrap();
        server.connect().await.unwrap();
        (server, client)
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

const NAME: &str = r"\\.\pipe\tokio";

/// Ends a test that hangs, so that the others go on.
async fn watched<T>(test: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(120), test).await.expect("the test hangs")
}

fn pattern(len: usize, seed: usize) -> Vec<u8> {
    (0..len).map(|at| (at.wrapping_mul(31) ^ (at >> 9) ^ seed) as u8).collect()
}

#[tokio::test]
async fn clients_and_server_ping() {
    watched(async {
        const N: usize = 10;
        let root = Root::new();
        let server = root.server().first_pipe_instance(true).create(NAME).unwrap();
        let options = root.server();
        let server = tokio::spawn(async move {
            let mut server = server;
            for _ in 0..N {
                server.connect().await?;
                let mut inner = server;
                server = options.create(NAME)?;
                tokio::spawn(async move {
                    let mut line = String::new();
                    BufReader::new(&mut inner).read_line(&mut line).await?;
                    assert_eq!(line, "ping\n");
                    inner.write_all(b"pong\n").await
                });
            }
            Ok::<_, io::Error>(())
        });
        let clients: Vec<_> = (0..N)
            .map(|_| {
                let options = root.client();
                tokio::spawn(async move {
                    let client = loop {
                        match options.open(NAME) {
                            Ok(client) => break client,
                            Err(e) if e.raw_os_error() == Some(ERROR_PIPE_BUSY as i32) => (),
                            Err(e) => return Err(e),
                        }
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    };
                    let (read, mut write) = tokio::io::split(client);
                    write.write_all(b"ping\n").await?;
                    let mut line = String::new();
                    BufReader::new(read).read_line(&mut line).await?;
                    Ok(line)
                })
            })
            .collect();
        for client in clients {
            assert_eq!(client.await.unwrap().unwrap(), "pong\n");
        }
        server.await.unwrap().unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_directions_at_once_lose_nothing() {
    watched(async {
        for mode in [PipeMode::Byte, PipeMode::Message] {
            let root = Root::new();
            let (server, client) = root.pair(mode).await;
            let (mut server_read, mut server_write) = tokio::io::split(server);
            let (mut client_read, mut client_write) = tokio::io::split(client);
            const LEN: usize = 3_000_000;
            let up = tokio::spawn(async move {
                let data = pattern(LEN, 1);
                for piece in data.chunks(5_000) {
                    client_write.write_all(piece).await.unwrap();
                }
                client_write
            });
            let down = tokio::spawn(async move {
                let data = pattern(LEN, 2);
                for piece in data.chunks(700) {
                    server_write.write_all(piece).await.unwrap();
                }
                server_write
            });
            let got_up = tokio::spawn(async move {
                let mut data = vec![0; LEN];
                server_read.read_exact(&mut data).await.unwrap();
                assert!(data == pattern(LEN, 1));
                server_read
            });
            let mut data = vec![0; LEN];
            client_read.read_exact(&mut data).await.unwrap();
            assert!(data == pattern(LEN, 2));
            drop((up.await.unwrap(), down.await.unwrap(), got_up.await.unwrap()));
        }
    })
    .await;
}

#[tokio::test]
async fn a_message_larger_than_the_quota_goes_whole() {
    watched(async {
        let root = Root::new();
        let (mut server, mut client) = root.pair(PipeMode::Message).await;
        let message = pattern(200_000, 7);
        let sent = message.clone();
        let writer = tokio::spawn(async move {
            let written = client.write(&sent).await.unwrap();
            assert_eq!(written, sent.len());
            client.write_all(b"after").await.unwrap();
            client
        });
        let mut got = vec![0; message.len()];
        server.read_exact(&mut got).await.unwrap();
        assert!(got == message);
        let mut after = [0; 5];
        server.read_exact(&mut after).await.unwrap();
        assert_eq!(&after, b"after");
        drop(writer.await.unwrap());
        assert_eq!(server.read(&mut after).await.unwrap(), 0, "the end");
    })
    .await;
}

#[tokio::test]
async fn a_reader_in_the_middle_of_a_join_is_woken() {
    // Both futures have the same task, and so the same waker.
    watched(async {
        let root = Root::new();
        let (server, client) = root.pair(PipeMode::Byte).await;
        let (mut read, mut write) = tokio::io::split(client);
        let peer = tokio::spawn(async move {
            let (mut server_read, mut server_write) = tokio::io::split(server);
            let mut byte = [0];
            for n in 0..2000u32 {
                server_read.read_exact(&mut byte).await.unwrap();
                server_write.write_all(&[n as u8]).await.unwrap();
            }
            // Reads the rest, slowly enough that the other side has to wait for room.
            let mut rest = Vec::new();
            server_read.read_to_end(&mut rest).await.unwrap();
            rest.len()
        });
        for n in 0..2000u32 {
            let mut byte = [0];
            let (sent, got) = tokio::join!(write.write_all(b"x"), read.read_exact(&mut byte));
            sent.unwrap();
            got.unwrap();
            assert_eq!(byte[0], n as u8);
        }
        write.write_all(&pattern(100_000, 0)).await.unwrap();
        drop((read, write));
        assert_eq!(peer.await.unwrap(), 100_000);
    })
    .await;
}

#[tokio::test]
async fn end_of_file_broken_pipe_and_reconnection() {
    watched(async {
        let root = Root::new();
        let (mut server, mut client) = root.pair(PipeMode::Byte).await;
        client.write_all(b"last words").await.unwrap();
        drop(client);
        let mut text = String::new();
        server.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "last words");
        assert_eq!(server.write_all(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);

        server.disconnect().unwrap();
        assert_eq!(
            root.client().open(NAME).unwrap_err().raw_os_error(),
            Some(ERROR_PIPE_BUSY as i32),
            "it does not listen"
        );
        let options = root.client();
        let (connected, client) = tokio::join!(server.connect(), async move {
            loop {
                match options.open(NAME) {
                    Ok(client) => break client,
                    Err(_) => tokio::task::yield_now().await,
                }
            }
        });
        connected.unwrap();
        let mut client = client;
        server.write_all(b"again").await.unwrap();
        let mut heard = [0; 5];
        client.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"again");
    })
    .await;
}

#[tokio::test]
async fn a_read_before_the_client_came_waits_for_it() {
    watched(async {
        let root = Root::new();
        let mut server = root.server().create(NAME).unwrap();
        let reader = tokio::spawn(async move {
            let mut heard = [0; 4];
            server.read_exact(&mut heard).await.unwrap();
            heard
        });
        tokio::task::yield_now().await;
        let mut client = root.client().open(NAME).unwrap();
        client.write_all(b"ping").await.unwrap();
        assert_eq!(&reader.await.unwrap(), b"ping");
    })
    .await;
}

#[tokio::test]
async fn many_listening_instances_share_a_door() {
    watched(async {
        let root = Root::new();
        const N: usize = 50;
        let servers: Vec<_> = (0..N)
            .map(|_| {
                let server = root.server().create(NAME).unwrap();
                tokio::spawn(async move {
                    server.connect().await.unwrap();
                    server
                })
            })
            .collect();
        tokio::task::yield_now().await;
        let mut clients: Vec<_> = (0..N).map(|_| root.client().open(NAME).unwrap()).collect();
        for server in servers {
            server.await.unwrap().write_all(b"!").await.unwrap();
        }
        for client in &mut clients {
            let mut byte = [0];
            client.read_exact(&mut byte).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn readiness_and_try_operations() {
    watched(async {
        let root = Root::new();
        let (server, client) = root.pair(PipeMode::Byte).await;
        let mut buffer = [0; 16];
        assert_eq!(server.try_read(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        client.writable().await.unwrap();
        assert_eq!(client.try_write(b"abc").unwrap(), 3);
        assert!(server.ready(Interest::READABLE).await.unwrap().is_readable());
        let mut vector = Vec::with_capacity(16);
        assert_eq!(server.try_read_buf(&mut vector).unwrap(), 3);
        assert_eq!(vector, b"abc");

        // Full: not writable until something is read.
        let mut filled = 0;
        loop {
            match client.try_write(&[7; 1000]) {
                Ok(bytes) => filled += bytes,
                Err(error) => break assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
        }
        let client = Arc::new(client);
        let waiting = tokio::spawn({
            let client = Arc::clone(&client);
            async move { client.writable().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        while filled > 0 {
            match server.try_read(&mut buffer) {
                Ok(bytes) => filled -= bytes,
                Err(error) => panic!("{error}"),
            }
        }
        waiting.await.unwrap().unwrap();
        let now = client.ready(Interest::READABLE | Interest::WRITABLE).await.unwrap();
        assert_eq!(now, Ready::WRITABLE);
        drop(server);
        let now = client.ready(Interest::READABLE).await.unwrap();
        assert!(now.is_readable() && now.is_read_closed());
    })
    .await;
}

#[tokio::test]
async fn async_io_comes_again() {
    watched(async {
        let root = Root::new();
        let (server, client) = root.pair(PipeMode::Byte).await;
        let reader = tokio::spawn(async move {
            let mut buffer = [0; 8];
            server.async_io(Interest::READABLE, || server.try_read(&mut buffer)).await.unwrap()
        });
        tokio::task::yield_now().await;
        client.try_write(b"four").unwrap();
        assert_eq!(reader.await.unwrap(), 4);
    })
    .await;
}

#[tokio::test]
async fn errors_have_the_kinds_of_windows() {
    watched(async {
        let root = Root::new();
        assert_eq!(root.client().open(NAME).unwrap_err().kind(), io::ErrorKind::NotFound);
        let first = root.server().first_pipe_instance(true).max_instances(1).create(NAME).unwrap();
        let again = root.server().first_pipe_instance(true).max_instances(1).create(NAME).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::PermissionDenied);
        let over = root.server().max_instances(1).create(NAME).unwrap_err();
        assert_eq!(over.raw_os_error(), Some(ERROR_PIPE_BUSY as i32));
        let info = first.info().unwrap();
        assert_eq!((info.end, info.mode, info.max_instances), (PipeEnd::Server, PipeMode::Byte, 1));
        drop(first);

        let outbound = root.server().access_inbound(false).create(NAME).unwrap();
        assert_eq!(root.client().open(NAME).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        let mut client = root.client().write(false).open(NAME).unwrap();
        outbound.connect().await.unwrap();
        assert_eq!(client.write(b"ping").await.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(client.info().unwrap().end, PipeEnd::Client);
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_read_loses_nothing() {
    watched(async {
        let root = Root::new();
        let (mut server, mut client) = root.pair(PipeMode::Byte).await;
        let mut got = Vec::new();
        let writer = tokio::spawn(async move {
            for byte in 0..200u8 {
                client.write_all(&[byte]).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
        while got.len() < 200 {
            let mut byte = [0; 3];
            tokio::select! {
                biased;
                read = server.read(&mut byte) => got.extend_from_slice(&byte[..read.unwrap()]),
                () = tokio::task::yield_now() => {}
            }
        }
        writer.await.unwrap();
        assert_eq!(got, (0..200).collect::<Vec<u8>>());
    })
    .await;
}
