// SPDX-License-Identifier: MIT

//! What vow_sync.c and vow_task.c measure, in tokio, on its current-thread runtime:
//!
//!     cargo run --release --manifest-path tests/bench/peers/tokio/Cargo.toml
//!
//! Nanoseconds per operation, the best of fifty short runs.

use std::{future::Future, hint::black_box, time::Instant};
use tokio::{runtime::Builder, sync::mpsc, sync::Mutex, sync::Semaphore, task};

const ROUNDS: u64 = 100_000;

fn best<F: Future<Output = ()> + 'static>(name: &str, work: fn(u64) -> F) {
    let runtime = Builder::new_current_thread().build().unwrap();
    let mut least = f64::MAX;
    for _ in 0..50 {
        let set = task::LocalSet::new();
        let start = Instant::now();
        set.block_on(&runtime, work(ROUNDS));
        least = least.min(start.elapsed().as_nanos() as f64 / ROUNDS as f64);
    }
    println!("{name}\ttokio\t{least:.2}");
}

async fn mutex(n: u64) {
    let m = Mutex::new(0u64);
    for _ in 0..n {
        *m.lock().await += 1;
    }
    black_box(m.into_inner());
}

async fn semaphore(n: u64) {
    let s = Semaphore::new(4);
    for _ in 0..n {
        drop(black_box(s.acquire_many(2).await.unwrap()));
    }
}

async fn channel(n: u64) {
    let (tx, mut rx) = mpsc::channel(16);
    for i in 0..n {
        tx.send(i).await.unwrap();
        black_box(rx.recv().await);
    }
}

/* The smallest buffer there is: tokio has no channel without one. */
async fn channel_fibers(n: u64) {
    let (tx, mut rx) = mpsc::channel(1);
    let sender = task::spawn_local(async move {
        for i in 0..n {
            tx.send(i).await.unwrap();
        }
    });
    while let Some(v) = rx.recv().await {
        black_box(v);
    }
    sender.await.unwrap();
}

async fn spawn(n: u64) {
    for i in 0..n {
        black_box(task::spawn_local(async move { i }).await.unwrap());
    }
}

fn main() {
    best("mutex", mutex);
    best("semaphore", semaphore);
    best("channel", channel);
    best("channel_fibers", channel_fibers);
    best("spawn", spawn);
}
