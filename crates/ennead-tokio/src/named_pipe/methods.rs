//! The methods that a server's and a client's end have in common.

macro_rules! methods {
    ($end:ident) => {
        impl $end {
            /// Waits until one of what `interest` names is there: something to read, room to write, or the end of either.
            ///
            /// # Errors
            /// When the runtime is shut down.
            pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
                self.end.ready(interest).await
            }

            /// Waits until there is something to read, or reading would fail or give the end.
            ///
            /// # Errors
            /// When the runtime is shut down.
            pub async fn readable(&self) -> io::Result<()> {
                self.ready(Interest::READABLE).await.map(drop)
            }

            /// Waits until there is room to write, or writing would fail.
            ///
            /// # Errors
            /// When the runtime is shut down.
            pub async fn writable(&self) -> io::Result<()> {
                self.ready(Interest::WRITABLE).await.map(drop)
            }

            #[doc = concat!("[`", stringify!($end), "::readable`] for hand-written futures; of several tasks the last one is woken.")]
            ///
            /// # Errors
            /// When the runtime is shut down.
            pub fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.end.poll_until(context, Key::READ, Awaited::Readable)
            }

            #[doc = concat!("[`", stringify!($end), "::writable`] for hand-written futures; of several tasks the last one is woken.")]
            ///
            /// # Errors
            /// When the runtime is shut down.
            pub fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.end.poll_until(context, Key::WRITE, Awaited::Writable(1))
            }

            /// Reads what is there; 0 bytes at the end.
            ///
            /// # Errors
            /// [`io::ErrorKind::WouldBlock`] if nothing is there.
            pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.end.try_read(buf)
            }

            /// Reads what is there into the first buffer that has room.
            ///
            /// # Errors
            /// [`io::ErrorKind::WouldBlock`] if nothing is there.
            pub fn try_read_vectored(&self, bufs: &mut [io::IoSliceMut<'_>]) -> io::Result<usize> {
                self.end.try_read_vectored(bufs)
            }

            /// Reads what is there into a buffer that grows.
            ///
            /// # Errors
            /// [`io::ErrorKind::WouldBlock`] if nothing is there.
            pub fn try_read_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
                self.end.try_read_buf(buf)
            }

            /// Writes as many bytes as there is room for, or one message. A message that is larger than the pipe's quota goes in as
            /// many calls as that takes, all with the same message.
            ///
            /// # Errors
            /// [`io::ErrorKind::WouldBlock`] if there is no room, or the message has not gone all the way.
            pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
                self.end.try_write(buf)
            }

            /// Writes several buffers as one.
            ///
            /// # Errors
            #[doc = concat!("As [`", stringify!($end), "::try_write`].")]
            pub fn try_write_vectored(&self, buf: &[io::IoSlice<'_>]) -> io::Result<usize> {
                self.end.try_write_vectored(buf)
            }

            /// Does `f`, which uses one of the `try_…` methods.
            ///
            /// # Errors
            /// What `f` returns.
            pub fn try_io<R>(&self, interest: Interest, f: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
                // What `interest` names is looked up by each operation; nothing is cached that could say no.
                let _ = interest;
                f()
            }

            /// Does `f`, which uses one of the `try_…` methods, as often as it takes until it does not say
            /// [`io::ErrorKind::WouldBlock`], each time after what `interest` names is there.
            ///
            /// # Errors
            /// What `f` returns; when the runtime is shut down.
            pub async fn async_io<R>(
                &self,
                interest: Interest,
                f: impl FnMut() -> io::Result<R>,
            ) -> io::Result<R> {
                self.end.async_io(interest, f).await
            }
        }

        impl AsyncRead for $end {
            fn poll_read(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                buffer: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                self.end.poll_read(context, buffer)
            }
        }

        impl AsyncWrite for $end {
            fn poll_write(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                data: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.end.poll_write(context, data)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                buffers: &[io::IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.end.poll_write(context, &gathered(buffers))
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            /// What was written is in the pipe already.
            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            /// A pipe cannot be closed for writing alone: dropping it closes it.
            fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.poll_flush(context)
            }
        }
    };
}

pub(super) use methods;
