//! Anonymous pipes (`CreatePipe`): a one-way stream of bytes between a parent and its child.
