//! Listens on 127.0.0.1, one thread for each connection.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::call::{Conduct, conduct};
use crate::control;
use crate::hold::Desk;
use crate::http::{Connection, Incoming, Response};
use crate::world::World;

/// What the threads share.
#[derive(Debug)]
pub(crate) struct Shared {
    world: Mutex<World>,
    pub(crate) desk: Desk,
    /// The open connections, so that a stop can close them.
    open: Mutex<Vec<(u64, TcpStream)>>,
}

impl Shared {
    pub(crate) fn new(world: World) -> Self {
        Self { world: Mutex::new(world), desk: Desk::default(), open: Mutex::default() }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> MutexGuard<'_, Vec<(u64, TcpStream)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends every wait and every connection; `address` is woken up.
    pub(crate) fn stop(&self, address: SocketAddr) {
        self.desk.stop();
        for (_, stream) in self.open().iter() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        let _ = TcpStream::connect(address);
    }
}

/// Listens, and serves until it is stopped. A port of 0 takes a free one.
pub(crate) fn start(shared: &Arc<Shared>, port: u16) -> io::Result<(SocketAddr, thread::JoinHandle<()>)> {
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    let address = listener.local_addr()?;
    let shared = Arc::clone(shared);
    let accept = move || {
        for (number, stream) in (0..).zip(listener.incoming()) {
            if shared.desk.is_stopping() {
                return;
            }
            let Ok(stream) = stream else { continue };
            let shared = Arc::clone(&shared);
            // Without a further thread the connection is closed, and the client says so.
            let _ = thread::Builder::new().name("emulator-connection".to_owned()).spawn(move || {
                serve(&shared, stream, number);
            });
        }
    };
    let thread = thread::Builder::new().name("emulator".to_owned()).spawn(accept)?;
    Ok((address, thread))
}

fn serve(shared: &Shared, stream: TcpStream, number: u64) {
    if let Ok(copy) = stream.try_clone() {
        shared.open().push((number, copy));
    }
    let mut connection = Connection::new(stream);
    // A connection that breaks is the other side's to notice.
    let _ = answer_all(shared, &mut connection);
    connection.close();
    shared.open().retain(|(other, _)| *other != number);
}

fn answer_all(shared: &Shared, connection: &mut Connection) -> io::Result<()> {
    while !shared.desk.is_stopping() {
        let request = match connection.next()? {
            Incoming::Request(request) => request,
            Incoming::Closed => return Ok(()),
            Incoming::Bad(why) => {
                let text = format!("the emulator cannot read this request: {why}\n");
                return connection.write(&Response::text(400, "text/plain", text), false);
            }
        };
        if request.target.starts_with(control::PREFIX) {
            let response = control::answer(shared, &request);
            connection.write(&response, request.keep_alive)?;
        } else {
            match conduct(shared, &request) {
                Conduct::Answer(response) => connection.write(&response, request.keep_alive)?,
                Conduct::Stall(response) => return connection.stall(&response),
                Conduct::Close => return Ok(()),
            }
        }
        if !request.keep_alive {
            return Ok(());
        }
    }
    Ok(())
}
