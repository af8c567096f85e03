//! How much memory reading takes: what one answer carries and what waits for the reader, whatever is still to come.
//!
//! The server makes its output when it is asked, on the thread of the client, and is counted too.

use std::time::Duration;

use allocation_counter::{AllocationInfo, measure};
use psrp_client::psrp::{Command, PowerShell};

use crate::pool::open;
use crate::server::{Habits, OBJECTS_AT_ONCE, Server};

fn stream(count: i32) -> PowerShell {
    PowerShell::new().command(Command::new("Stream").parameter("Count", count))
}

/// What this takes, of which everything happens on one thread.
fn taken(test: impl Future<Output = ()>) -> AllocationInfo {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let runtime = runtime.unwrap();
    let mut test = Some(test);
    measure(|| runtime.block_on(test.take().unwrap()))
}

/// Reads so many objects, and tells how many bytes were in use at once.
fn peak(count: i32) -> u64 {
    let info = taken(async {
        let server = Server::new(Habits::default());
        let pool = open(&server).await;
        let mut invocation = pool.invoke(stream(count)).await.unwrap();
        let mut objects = 0;
        while let Some(record) = invocation.next().await {
            record.unwrap();
            objects += 1;
        }
        assert_eq!(objects, count);
        pool.close().await;
    });
    assert!(info.bytes_total > u64::try_from(count).unwrap() * 300, "each object takes something");
    info.bytes_max
}

#[test]
fn the_memory_of_reading_does_not_depend_on_the_number_of_objects() {
    let (few, many) = (peak(2000), peak(50_000));
    // The list of requests that the server keeps is all that grows.
    assert!(many < few + 100_000, "{few} bytes for 2,000 objects, {many} for 50,000");
    assert!(many < 1_000_000, "{many}");
}

#[test]
fn a_reader_that_does_not_read_takes_no_more_memory() {
    let info = taken(async {
        let server = Server::new(Habits::default());
        let pool = open(&server).await;
        let mut invocation = pool.invoke(stream(1_000_000)).await.unwrap();
        invocation.next().await.unwrap().unwrap();
        tokio::time::sleep(Duration::from_secs(3600)).await;
        let answers = server.count("Receive of a command");
        let room = 64 / usize::try_from(OBJECTS_AT_ONCE).unwrap() + 2;
        assert!(answers <= room, "{answers} answers were asked for, and nobody reads");
        drop(invocation);
        pool.close().await;
    });
    assert!(info.bytes_max < 1_000_000, "{}", info.bytes_max);
}
