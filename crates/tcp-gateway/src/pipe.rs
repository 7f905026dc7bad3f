//! Pipes through which bytes go from socket to socket without leaving the kernel, and the stock of them.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_getpipe_size, fcntl_setpipe_size, pipe_with, splice};
use tokio::net::TcpStream;

/// What a pipe is asked to hold, in bytes. The system may grant less.
const CAPACITY: usize = 1 << 20;
/// Pipes that are kept for the next who needs one.
const KEPT: usize = 8;

/// A pipe, and how much is in it.
#[derive(Debug)]
pub(crate) struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
    capacity: usize,
    /// Bytes that were taken in and not yet given out.
    pub(crate) held: usize,
}

impl Pipe {
    fn open() -> io::Result<Self> {
        let (read, write) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC)?;
        // A system with small pipes, or a user who has many, keeps the size that there is.
        let capacity = fcntl_setpipe_size(&write, CAPACITY).or_else(|_| fcntl_getpipe_size(&write))?;
        Ok(Self { read, write, capacity, held: 0 })
    }

    /// Takes in what the socket has; nothing is its end. The pipe must be empty, so that a full one is never taken for
    /// a socket without anything.
    pub(crate) fn fill(&mut self, from: &TcpStream) -> io::Result<usize> {
        let taken =
            splice(from, None, &self.write, None, self.capacity, SpliceFlags::MOVE | SpliceFlags::NONBLOCK)?;
        self.held += taken;
        Ok(taken)
    }

    /// Gives out what the socket takes.
    pub(crate) fn drain(&mut self, to: &TcpStream) -> io::Result<usize> {
        let given = splice(&self.read, None, to, None, self.held, SpliceFlags::MOVE | SpliceFlags::NONBLOCK)?;
        self.held = self.held.saturating_sub(given);
        Ok(given)
    }
}

/// Pipes of one runtime: a bounded number, a few of them kept while nobody needs them.
#[derive(Debug)]
pub(crate) struct Pipes {
    most: usize,
    stock: Mutex<Stock>,
}

#[derive(Debug, Default)]
struct Stock {
    idle: Vec<Pipe>,
    lent: usize,
}

impl Pipes {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, stock: Mutex::default() }
    }

    /// An empty pipe, if there is one to be had.
    pub(crate) fn borrow(&self) -> Option<Lent<'_>> {
        let mut stock = self.stock.lock().unwrap_or_else(PoisonError::into_inner);
        if stock.lent >= self.most {
            return None;
        }
        let pipe = stock.idle.pop().or_else(|| Pipe::open().ok())?;
        stock.lent += 1;
        Some(Lent { pipe: Some(pipe), pipes: self })
    }

    fn take_back(&self, pipe: Option<Pipe>) {
        let mut stock = self.stock.lock().unwrap_or_else(PoisonError::into_inner);
        stock.lent = stock.lent.saturating_sub(1);
        let room = stock.idle.len() < KEPT;
        // What is left in a pipe belongs to a connection that broke off.
        stock.idle.extend(pipe.filter(|pipe| room && pipe.held == 0));
    }
}

/// A pipe that goes back when it is dropped.
#[derive(Debug)]
pub(crate) struct Lent<'a> {
    pipe: Option<Pipe>,
    pipes: &'a Pipes,
}

impl Lent<'_> {
    pub(crate) fn get(&mut self) -> Option<&mut Pipe> {
        self.pipe.as_mut()
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.pipes.take_back(self.pipe.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_pipes_are_lent_than_there_may_be() {
        let pipes = Pipes::new(2);
        let (first, _second) = (pipes.borrow().unwrap(), pipes.borrow().unwrap());
        assert!(pipes.borrow().is_none());
        drop(first);
        assert!(pipes.borrow().is_some());
    }

    #[test]
    fn a_pipe_with_something_in_it_is_not_lent_again() {
        let pipes = Pipes::new(2);
        let mut lent = pipes.borrow().unwrap();
        lent.get().unwrap().held = 1;
        drop(lent);
        assert!(pipes.stock.lock().unwrap().idle.is_empty());
        drop(pipes.borrow());
        assert_eq!(pipes.stock.lock().unwrap().idle.len(), 1);
    }
}
